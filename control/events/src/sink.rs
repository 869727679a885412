//! Where the words go: `eve.json` and `fast.log` in one folder.
//!
//! Writes through a buffer; an error is kept and told once at the end, with the file's name, so that a full disk neither stops traffic nor passes unseen.

use crate::{
    eve::{EveOptions, EveWriter, RuleCounts},
    fast,
    file_store::{FileStore, FileStoreOptions},
    remarks::MarkNames,
    signature::Signature,
};
use sluice_core::{
    Cause, Counters, Nanos,
    event::{EventBody, EventSlot},
};
use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
    sync::Arc,
};

/// A file could not be opened or written.
#[derive(Debug)]
pub struct SinkError {
    /// The file.
    pub path: PathBuf,
    /// The system's reason.
    pub error: io::Error,
}

impl std::fmt::Display for SinkError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.path.display(), self.error)
    }
}

impl std::error::Error for SinkError {}

struct Output {
    path: PathBuf,
    file: BufWriter<File>,
    failed: Option<io::Error>,
}

impl Output {
    fn create(path: PathBuf) -> Result<Self, SinkError> {
        match File::create(&path) {
            Ok(file) => Ok(Self { path, file: BufWriter::with_capacity(1 << 18, file), failed: None }),
            Err(error) => Err(SinkError { path, error }),
        }
    }

    fn write(&mut self, bytes: &[u8]) {
        if self.failed.is_none()
            && let Err(error) = self.file.write_all(bytes)
        {
            self.failed = Some(error);
        }
    }

    fn flush(&mut self) {
        if self.failed.is_none()
            && let Err(error) = self.file.flush()
        {
            self.failed = Some(error);
        }
    }

    fn finish(mut self) -> Result<(), SinkError> {
        let result = match self.failed {
            Some(error) => Err(error),
            None => self.file.flush(),
        };
        result.map_err(|error| SinkError { path: self.path, error })
    }
}

/// What was told, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// Alerts.
    pub alerts: u64,
    /// Dropped packets.
    pub drops: u64,
    /// Ended flows.
    pub flows: u64,
}

/// How often one signature spoke and stopped packets.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Spoken {
    /// Its message, as it was when it first spoke.
    pub message: String,
    /// Alerts.
    pub alerts: u64,
    /// Packets stopped.
    pub drops: u64,
}

/// What was told of each signature, by generator and signature id.
pub type SpokenBy = BTreeMap<(u32, u32), Spoken>;

/// The texts of signatures, for each rule set of which events may still come.
#[derive(Default)]
struct Signatures(Vec<(u32, Arc<[Signature]>)>);

impl Signatures {
    fn get(&self, generation: u32, rule: u32) -> Option<&Signature> {
        let (_, signatures) = self.0.iter().rev().find(|(number, _)| *number == generation)?;
        signatures.get(rule as usize)
    }
}

/// The sinks of one run.
pub struct Sinks {
    eve: Output,
    fast: Output,
    writer: EveWriter,
    signatures: Signatures,
    names: MarkNames,
    line: Vec<u8>,
    told: Told,
    spoken: SpokenBy,
    store: Option<FileStore>,
}

fn entry<'a>(spoken: &'a mut SpokenBy, signature: &Signature) -> &'a mut Spoken {
    spoken
        .entry((signature.gid, signature.sid))
        .or_insert_with(|| Spoken { message: signature.message.clone(), ..Spoken::default() })
}

impl Sinks {
    /// Creates `eve.json` and `fast.log` in `folder`, which must exist.
    ///
    /// # Errors
    /// [`SinkError`] naming the file that could not be created.
    pub fn create(folder: &Path, options: EveOptions) -> Result<Self, SinkError> {
        Ok(Self {
            eve: Output::create(folder.join("eve.json"))?,
            fast: Output::create(folder.join("fast.log"))?,
            writer: EveWriter::new(options),
            signatures: Signatures::default(),
            names: MarkNames::default(),
            line: Vec::with_capacity(1 << 16),
            told: Told::default(),
            spoken: SpokenBy::default(),
            store: None,
        })
    }

    /// Stores the files that workers send.
    ///
    /// # Errors
    /// [`SinkError`] naming the folder that could not be made.
    pub fn with_files(mut self, options: FileStoreOptions) -> Result<Self, SinkError> {
        let path = options.folder.clone();
        self.store = Some(FileStore::create(options).map_err(|error| SinkError { path, error })?);
        Ok(self)
    }

    /// The texts of the rule set `generation`, of which events may come from now on, and the names of marks up to it: those keep their numbers.
    pub fn add_signatures(&mut self, generation: u32, signatures: Arc<[Signature]>, names: &MarkNames) {
        self.names = names.clone();
        self.signatures.0.push((generation, signatures));
    }

    /// Forgets the texts of rule sets before `generation`: all events of theirs have been written.
    pub fn forget_signatures_before(&mut self, generation: u32) {
        self.signatures.0.retain(|(number, _)| *number >= generation);
    }

    /// Writes one event.
    pub fn event(&mut self, slot: &EventSlot) {
        let Self { eve, fast: fast_log, writer, signatures, names, line, told, spoken, store } = self;
        line.clear();
        let generation = match &slot.body {
            EventBody::Alert { generation, .. } | EventBody::Drop { generation, .. } => *generation,
            _ => 0,
        };
        writer.event(line, slot, |rule| signatures.get(generation, rule), names);
        eve.write(line);
        match &slot.body {
            EventBody::Alert { packet, rule, action, blocked, .. } => {
                told.alerts += 1;
                if let Some(signature) = signatures.get(generation, *rule) {
                    entry(spoken, signature).alerts += 1;
                    line.clear();
                    fast::line(line, packet, signature, *action, *blocked);
                    fast_log.write(line);
                }
            }
            EventBody::Drop { rule, .. } => {
                told.drops += 1;
                if let Some(signature) = rule.and_then(|(rule, _)| signatures.get(generation, rule)) {
                    entry(spoken, signature).drops += 1;
                }
            }
            EventBody::Flow { .. } => told.flows += 1,
            EventBody::FileBytes { .. } => {
                if let Some(store) = store {
                    store.event(slot);
                }
            }
            EventBody::Empty
            | EventBody::Arp { .. }
            | EventBody::Anomaly { .. }
            | EventBody::Application { .. }
            | EventBody::File { .. }
            | EventBody::Tagged { .. } => {}
        }
    }

    /// Writes a `stats` record and hands what is buffered to the system: live, every few seconds.
    pub fn stats(
        &mut self,
        now: Nanos,
        counters: &Counters,
        dropped: &[u64; Cause::COUNT],
        rules: RuleCounts,
        inline: bool,
    ) {
        self.line.clear();
        let stored = self.store.as_ref().map(FileStore::counts);
        self.writer.stats(&mut self.line, now, counters, (dropped, stored), rules, inline);
        self.eve.write(&self.line);
    }

    /// Hands what is buffered to the system, so that readers see it.
    pub fn flush(&mut self) {
        self.eve.flush();
        self.fast.flush();
    }

    /// What was told so far, by signature.
    pub fn spoken(&self) -> &SpokenBy {
        &self.spoken
    }

    /// Writes the last `stats` record and closes the files.
    ///
    /// # Errors
    /// The first file that could not be written whole.
    pub fn finish(
        mut self,
        now: Nanos,
        counters: &Counters,
        dropped: &[u64; Cause::COUNT],
        rules: RuleCounts,
        inline: bool,
    ) -> Result<Told, SinkError> {
        if let Some(store) = &mut self.store {
            store.end();
        }
        self.stats(now, counters, dropped, rules, inline);
        self.eve.finish()?;
        self.fast.finish()?;
        Ok(self.told)
    }
}
