//! Who runs this, and with which capabilities.
//!
//! Sources: capabilities(7), proc(5).

use super::{
    finding::{Finding, Group},
    roots::Roots,
};

const GROUP: Group = Group::User;
/// Number and name of the capabilities that live ports ask for.
const WANTED: [(u32, &str); 3] = [(12, "CAP_NET_ADMIN"), (13, "CAP_NET_RAW"), (14, "CAP_IPC_LOCK")];

pub fn examine(roots: &Roots) -> Vec<Finding> {
    let uid = roots.proc_value("self/status", "Uid").and_then(|ids| ids.split_whitespace().nth(1)?.parse::<u32>().ok());
    let Some(uid) = uid else { return vec![Finding::unknown(GROUP, "rights", "/proc/self/status")] };
    let who = if uid == 0 { "root".to_owned() } else { format!("user {uid}") };
    let lacks: Vec<&str> =
        WANTED.iter().filter(|(number, _)| !has_capability(roots, *number)).map(|(_, name)| *name).collect();
    if lacks.is_empty() {
        return vec![Finding::ok(GROUP, "rights", format!("{who}, with the capabilities that live ports need"))];
    }
    vec![Finding::advice(
        GROUP,
        "rights",
        format!("{who}, without {}", lacks.join(", ")),
        "a replay needs none; live ports do",
        "as root: setcap cap_net_admin,cap_net_raw,cap_ipc_lock+ep SLUICE; in a systemd unit AmbientCapabilities=",
    )]
}

/// Whether this process has the capability of this number in effect; false when that can't be read.
pub fn has_capability(roots: &Roots, number: u32) -> bool {
    roots
        .proc_value("self/status", "CapEff")
        .and_then(|word| u64::from_str_radix(&word, 16).ok())
        .is_some_and(|set| set.checked_shr(number).unwrap_or(0) & 1 == 1)
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::doctor::{Level, roots::tests::Tree};

    #[test]
    fn capabilities_count_and_not_the_name_of_the_user() {
        let look = |name: &str, uid: u32, set: &str| {
            let status = format!("Uid:\t{uid}\t{uid}\t{uid}\t{uid}\nCapEff:\t{set}");
            examine(&Tree::new(name).with("proc/self/status", &status).roots).swap_remove(0)
        };
        assert_eq!(look("root", 0, "000001ffffffffff").level, Level::Ok);
        assert_eq!(look("able", 1000, "0000000000007000").level, Level::Ok);
        let bare = look("bare", 1000, "0000000000002000");
        assert_eq!(
            (bare.level, bare.found.as_str()),
            (Level::Advice, "user 1000, without CAP_NET_ADMIN, CAP_IPC_LOCK")
        );
        assert_eq!(look("contained", 0, "0").level, Level::Advice);
    }
}
