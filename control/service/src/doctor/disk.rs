//! Room and rights in the folder that Sluice writes to.

use super::{
    finding::{Finding, Group},
    roots::size,
};
use std::path::Path;

const GROUP: Group = Group::Disk;
/// Below this nothing sensible can be written, bytes.
const LEAST: u64 = 64 << 20;
/// Below this a day of events may not fit, bytes.
const COMFORT: u64 = 2 << 30;

pub fn examine(log_dir: &Path) -> Vec<Finding> {
    // A folder that is not there yet is made below the nearest one that is.
    let absolute = std::path::absolute(log_dir).unwrap_or_else(|_| log_dir.to_owned());
    let Some(folder) = absolute.ancestors().find(|path| path.exists()) else {
        return vec![Finding::unknown(GROUP, "log-folder", &log_dir.display().to_string())];
    };
    let shown = absolute.display();
    if !sluice_dpdk::may_write(folder) {
        return vec![Finding::problem(
            GROUP,
            "log-folder",
            format!("{shown}: this user may not write in {}", folder.display()),
            "events have nowhere to go",
            "choose another folder with --log-dir, or as root: chown USER the folder",
        )];
    }
    let Some(room) = sluice_dpdk::disk_room(folder) else {
        return vec![Finding::unknown(GROUP, "log-folder", &folder.display().to_string())];
    };
    vec![room_of(&shown.to_string(), room.available, room.total)]
}

fn room_of(shown: &str, available: u64, total: u64) -> Finding {
    let words = format!("{shown}: {} of {} free", size(available), size(total));
    let change = "remove old logs and captures, or choose another folder with --log-dir";
    if available < LEAST {
        return Finding::problem(GROUP, "log-folder", words, "events and forwarded packets do not fit", change);
    }
    if available < COMFORT {
        return Finding::advice(GROUP, "log-folder", words, "a day of events may not fit", change);
    }
    Finding::ok(GROUP, "log-folder", words)
}

#[cfg(test)]
mod tests {
    use super::{examine, room_of};
    use crate::doctor::Level;
    use std::path::Path;

    #[test]
    fn little_room_is_told_and_almost_none_is_a_problem() {
        let level = |available| room_of("/logs", available, 1 << 40).level;
        assert_eq!([level(1 << 20), level(1 << 30), level(1 << 40)], [Level::Problem, Level::Advice, Level::Ok]);
    }

    #[test]
    fn a_folder_to_be_made_is_judged_by_the_one_above_it_and_a_file_in_its_place_is_a_problem() {
        let finding = examine(&std::env::temp_dir().join("not-yet/there")).swap_remove(0);
        assert_ne!(finding.level, Level::Problem, "{finding:?}");
        assert_eq!(examine(Path::new("/proc/version/x")).swap_remove(0).level, Level::Problem);
    }
}
