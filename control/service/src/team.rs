//! The workers of a run, and what ties them to the control core.
//!
//! Called by [`crate::replay`] and [`crate::run`] at their start. Everything a worker needs later is allocated here.

use crate::{publish, rules::LoadedRules};
use sluice_config::{Checksums, EveSettings, Settings, Stages};
use sluice_core::{
    AppProtocol, HashKey, Resource,
    order::{Order, Seat, Turn},
    resource::PoliciesInForce,
    ring::{self, EventReceiver, WhenFull},
    verdict::Mode,
};
use sluice_detect::state::{SharedState, State};
use sluice_dpdk::Mempool;
use sluice_events::{EveOptions, Sinks, app::DnsRecords, file_store::FileStoreOptions, sink::SinkError, xff::Xff};
use sluice_flow::{Partitions, StreamSettings, TcpSettings};
use sluice_packet::defrag::DefragSettings;
use sluice_worker::{
    ChecksumMode, Copies, Egress, FileStoring, Fragments, Pipeline, Post, Reporter, Worker, mailbox, settings,
    settings::PickUp,
};
use std::{path::Path, sync::Arc};

/// What the workers are made of.
pub struct TeamPlan<'a> {
    /// Their settings.
    pub settings: settings::Settings,
    /// The rules they begin with.
    pub rules: &'a LoadedRules,
    /// Alerts one packet can raise.
    pub most_alerts: usize,
    /// The way out of each worker: as many workers as there are ways.
    pub egress: Vec<Egress>,
    /// Buffers for packets of their own making.
    pub pool: Mempool,
    /// Secret of their tables.
    pub hash: HashKey,
    /// The order of their packets, in a replay with several.
    pub order: Option<Arc<Order>>,
    /// Slots of each worker's ring of events.
    pub event_slots: usize,
    /// Bytes of a packet a slot can carry.
    pub event_bytes: usize,
    /// What a worker does when all slots are taken.
    pub when_full: WhenFull,
}

/// The workers, and the control core's ends.
pub struct Team {
    /// The workers.
    pub workers: Vec<Worker>,
    /// Their mailboxes.
    pub posts: Vec<Post>,
    /// Their rings of events.
    pub events: Vec<EventReceiver>,
}

impl Team {
    /// Makes the workers.
    ///
    /// # Errors
    /// The scratch allocator's words when memory is short.
    pub fn new(plan: TeamPlan) -> Result<Self, String> {
        let shared = SharedState::new(plan.hash);
        let generations = publish::stage(plan.rules, plan.egress.len(), plan.most_alerts)?.into_generations();
        let ways = plan.egress.len();
        let mut team = Self { workers: Vec::new(), posts: Vec::new(), events: Vec::new() };
        for (number, (egress, generation)) in plan.egress.into_iter().zip(generations).enumerate() {
            // The fields of a transaction travel behind the packet.
            let messages = if plan.settings.applications.is_off() { 0 } else { TRANSACTION_BYTES };
            let bytes = plan.event_bytes + messages;
            let (sender, receiver) = ring::event_ring(number as u16, plan.event_slots, bytes, plan.when_full);
            let turn = Turn::new(plan.order.as_ref().map(|order| Seat::new(Arc::clone(order), number)));
            let state = State::new(Arc::clone(&shared), turn);
            let reporter = Reporter::new(sender, plan.settings.copies);
            let pipeline = Pipeline::new(plan.settings.clone(), generation, state, plan.hash, reporter);
            let (post, mailbox) = mailbox();
            let worker = Worker::new(pipeline, egress, plan.pool.clone(), mailbox);
            // In a replay with several the reader puts fragments together.
            team.workers.push(match plan.order {
                None => worker.with_fragments(Fragments::new(&plan.settings, ways, plan.hash)),
                Some(_) => worker,
            });
            team.posts.push(post);
            team.events.push(receiver);
        }
        Ok(team)
    }
}

/// Bytes of a transaction that travel with an event, at most.
const TRANSACTION_BYTES: usize = 24 << 10;

/// What travels with events, for the records that are written.
pub fn copies(settings: &Settings) -> Copies {
    let eve = records(&settings.eve);
    let store = &settings.file_store;
    Copies {
        alerts: eve.payload || eve.payload_length || eve.payload_printable || eve.packet || eve.ethernet,
        flows: eve.flows,
        drops: true,
        arp: eve.arp,
        anomalies: eve.anomalies,
        stream_anomalies: eve.stream_anomalies,
        applications: eve.application_anomalies || eve.applications != [false; AppProtocol::ALL.len()],
        files: eve.files,
        store: match (store.enabled, store.all) {
            (false, _) => FileStoring::Off,
            (true, false) => FileStoring::ByRules,
            (true, true) => FileStoring::All,
        },
        headers: eve.http_headers.contains(&true),
        tagged: eve.tagged,
        ethernet: eve.ethernet,
    }
}

/// The sinks of a run whose logs lie in `folder`.
///
/// # Errors
/// [`SinkError`] naming what could not be made.
pub fn sinks(folder: &Path, settings: &Settings, options: EveOptions) -> Result<Sinks, SinkError> {
    let sinks = Sinks::create(folder, options)?;
    let store = &settings.file_store;
    if !store.enabled {
        return Ok(sinks);
    }
    sinks.with_files(FileStoreOptions {
        folder: store.folder.clone().unwrap_or_else(|| folder.join("filestore")),
        most_files: store.most_files,
        most_bytes_each: store.most_bytes_each,
        most_bytes: store.most_bytes,
    })
}

/// The settings of a worker.
pub fn worker_settings(settings: &Settings, inline: bool, copies: Copies) -> settings::Settings {
    settings::Settings {
        mode: if inline { Mode::Inline } else { Mode::Passive },
        checksums: match settings.checksums {
            Checksums::Off => ChecksumMode::Off,
            Checksums::On => ChecksumMode::On,
            Checksums::Auto => ChecksumMode::Auto,
        },
        tcp: TcpSettings {
            midstream: settings.midstream,
            async_oneside: settings.async_oneside,
            max_syn_queued: settings.max_syn_queued,
            max_syn_ack_queued: settings.max_syn_ack_queued,
            ..TcpSettings::default()
        },
        drop_invalid: settings.drop_invalid,
        exceptions: exceptions(settings, inline),
        normalise: settings.normalise,
        faults: settings.faults,
        streams: StreamSettings { at_once: settings.stream_inline.unwrap_or(inline), ..settings.streams },
        targets: settings.targets.clone(),
        flow_capacity: settings.flow_capacity,
        partitions: Partitions::for_capacity(settings.flow_capacity),
        vlan_tracking: settings.vlan_tracking,
        copies,
        applications: settings.applications,
        defrag: DefragSettings {
            bytes: settings.defrag.memcap,
            trackers: settings.defrag.trackers,
            fragments: settings.defrag.max_fragments,
            timeout_s: settings.defrag.timeout_s,
            policies: settings.defrag.policies.clone(),
            ..DefragSettings::default()
        },
        stages: match settings.stages {
            Stages::Forward => settings::Stages::Forward,
            Stages::Lookup => settings::Stages::Lookup,
            Stages::Inspect => settings::Stages::Inspect,
        },
        ..settings::Settings::default()
    }
}

/// The policies in force.
pub fn exceptions(settings: &Settings, inline: bool) -> PoliciesInForce {
    settings.exceptions.in_force(if inline { Mode::Inline } else { Mode::Passive }, settings.midstream)
}

/// What holds while `sluice run` begins, unless what was chosen stops connections whose handshake was not seen.
pub fn pick_up(settings: &Settings, inline: bool) -> Option<PickUp> {
    let mode = if inline { Mode::Inline } else { Mode::Passive };
    let wish = settings.exceptions.wish(Resource::Midstream);
    let fits = !settings.exceptions.is_chosen(Resource::Midstream) || wish.fits_picking_up();
    let exceptions = settings.exceptions.in_force(mode, true);
    (settings.pick_up_s > 0 && fits).then_some(PickUp { seconds: settings.pick_up_s, exceptions })
}

/// What is written to `eve.json`.
pub fn eve_options(settings: &Settings, inline: bool) -> EveOptions {
    EveOptions { exceptions: exceptions(settings, inline), ..records(&settings.eve) }
}

fn records(settings: &EveSettings) -> EveOptions {
    let wanted = |kind: &str| settings.types.as_ref().is_none_or(|types| types.iter().any(|named| named == kind));
    EveOptions {
        alerts: wanted("alert"),
        drops: wanted("drop"),
        flows: wanted("flow"),
        stats: wanted("stats"),
        arp: wanted("arp"),
        anomalies: wanted("anomaly") && settings.anomaly_decode,
        stream_anomalies: wanted("anomaly") && settings.anomaly_stream,
        application_anomalies: wanted("anomaly") && settings.anomaly_application,
        applications: AppProtocol::ALL.map(|protocol| wanted(sluice_events::app::record_type(protocol))),
        files: wanted("fileinfo") || wanted("files"),
        tagged: wanted("packet"),
        payload: settings.payload,
        payload_length: settings.payload_length,
        payload_printable: settings.payload_printable,
        packet: settings.packet,
        ethernet: settings.ethernet,
        community_id: settings.community_id.then_some(settings.community_id_seed),
        engine_version: settings.suricata_version.then(|| format!("Sluice {}", env!("CARGO_PKG_VERSION"))),
        dns: DnsRecords {
            version: settings.dns_version,
            requests: settings.dns_requests,
            responses: settings.dns_responses,
            types: settings.dns_types.clone(),
        },
        stats_zero: settings.stats_zero,
        xff: settings.xff.map(|overwrite| Xff { overwrite, reverse: settings.xff_reverse }),
        http_headers: settings.http_headers,
        stats_stream_events: settings.stats_stream_events,
        ..EveOptions::default()
    }
}
