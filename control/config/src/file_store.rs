//! `events.file-store`: files of the traffic that are stored.
//!
//! Read by [`crate::assign`]; the reference engine's names are aliases of ours.

use crate::{settings::Settings, streams::bytes};
use std::path::PathBuf;

/// `events.file-store`
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileStoreSettings {
    /// Whether files are stored at all.
    pub enabled: bool,
    /// All files, not only those that rules ask for.
    pub all: bool,
    /// Where; none: `filestore` below the folder of the logs.
    pub folder: Option<PathBuf>,
    /// Files over a run.
    pub most_files: u64,
    /// Bytes of one file.
    pub most_bytes_each: u64,
    /// Bytes over a run.
    pub most_bytes: u64,
}

impl Default for FileStoreSettings {
    fn default() -> Self {
        Self {
            enabled: false,
            all: false,
            folder: None,
            most_files: 100_000,
            most_bytes_each: 64 << 20,
            most_bytes: 10 << 30,
        }
    }
}

/// Our paths.
pub(crate) const PATHS: &[&str] = &[
    "events.file-store.enabled",
    "events.file-store.all",
    "events.file-store.folder",
    "events.file-store.most-files",
    "events.file-store.most-bytes-each",
    "events.file-store.most-bytes",
];

/// Dotted names of the reference engine that mean one of ours.
pub(crate) const ALIASES: &[(&str, &str)] = &[
    ("file-store.enabled", "events.file-store.enabled"),
    ("file-store.force-filestore", "events.file-store.all"),
    ("file-store.dir", "events.file-store.folder"),
];

/// Sets `path`; none when it is not one of these. An error says what was wanted.
pub(crate) fn assign(settings: &mut Settings, path: &str, value: &str) -> Option<Result<(), &'static str>> {
    let store = &mut settings.file_store;
    let flag = || match value {
        "true" | "yes" | "on" => Ok(true),
        "false" | "no" | "off" => Ok(false),
        _ => Err("true or false"),
    };
    let size = || bytes(value).filter(|&size| size > 0).ok_or("bytes, such as 64mb");
    Some(match path {
        "events.file-store.enabled" => flag().map(|flag| store.enabled = flag),
        "events.file-store.all" => flag().map(|flag| store.all = flag),
        "events.file-store.folder" if value.is_empty() => Err("a folder"),
        "events.file-store.folder" => {
            store.folder = Some(PathBuf::from(value));
            Ok(())
        }
        "events.file-store.most-files" => {
            value.parse().map(|count| store.most_files = count).map_err(|_| "a number of files")
        }
        "events.file-store.most-bytes-each" => size().map(|size| store.most_bytes_each = size),
        "events.file-store.most-bytes" => size().map(|size| store.most_bytes = size),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::{FileStoreSettings, Settings};

    #[test]
    fn the_store_is_set_by_our_names_and_by_the_reference_engines() {
        let mut settings = Settings::default();
        for given in ["file-store.enabled=yes", "file-store.force-filestore=no", "file-store.dir=/var/files"] {
            settings.assign(given).unwrap();
        }
        settings.assign("events.file-store.most-files=7").unwrap();
        settings.assign("events.file-store.most-bytes=1gb").unwrap();
        let wanted = FileStoreSettings {
            enabled: true,
            folder: Some("/var/files".into()),
            most_files: 7,
            most_bytes: 1 << 30,
            ..FileStoreSettings::default()
        };
        assert_eq!(settings.file_store, wanted);
        for wrong in ["enabled=maybe", "most-files=many", "most-bytes=0", "most-bytes-each=1x", "folder="] {
            assert!(settings.assign(&format!("events.file-store.{wrong}")).is_err(), "{wrong}");
        }
    }
}
