//! Checks 9, 27, 28, 29 and 33: words, ranges, and what is taken as it is.
//!
//! The schema refuses unknown words and numbers out of range; [`number`] says which check that is.

use crate::tree::{Problems, Reason};

/// Gives problems of the schema the number of their check: 9 for the words of inspection, 27 for the schedule of updates.
pub fn number(problems: &mut Problems) {
    for problem in &mut problems.list {
        let Reason::BadValue { value, wants, nearest } = &problem.reason else { continue };
        let mut words = problem.path.rsplit(' ');
        let (leaf, above) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let number = match (above, leaf) {
            (_, "idp-policy" | "base-policy")
            | ("idp", "mode")
            | ("outcome", "action")
            | ("match" | "outcome", "severity") => 9,
            ("auto-update", "update-time" | "update-jitter" | "update-frequency" | "day-of-week") => 27,
            _ => continue,
        };
        let nearest = nearest.map_or(String::new(), |nearest| format!(" (nearest: {nearest})"));
        let why = if number == 9 { "is a word nobody knows here" } else { "is not a time or frequency of updates" };
        problem.reason =
            Reason::Check { number, value: value.clone(), why: why.into(), fix: format!("give {wants}{nearest}") };
    }
}

#[cfg(test)]
mod tests {
    use super::super::sample::{all, told, tree};
    use crate::{
        authority::{Authority, Facts, value::ServiceAddress},
        tree::{Format, NoFiles, read, write},
    };

    #[test]
    fn check_9_refuses_unknown_words_of_inspection_and_names_the_known_ones() {
        for (line, wanted) in [
            (
                "set authority service web access-policy a idp-policy strickt",
                "error: authority service web access-policy a idp-policy: \"strickt\": is a word nobody knows here; give alert, standard, strict, critical or none (nearest: strict)",
            ),
            (
                "set authority idp-profile p base-policy none",
                "error: authority idp-profile p base-policy: \"none\": is a word nobody knows here; give alert, standard, strict or critical",
            ),
            (
                "set authority router r idp mode both",
                "error: authority router r idp mode: \"both\": is a word nobody knows here; give auto, disabled, spoke or hub",
            ),
            (
                "set authority idp-profile p rule q outcome action block",
                "error: authority idp-profile p rule q outcome action: \"block\": is a word nobody knows here; give alert, drop or close-tcp-connection",
            ),
            (
                "set authority idp-profile p rule q match severity high",
                "error: authority idp-profile p rule q match severity: \"high\": is a word nobody knows here; give info, warning, minor, major or critical",
            ),
        ] {
            assert_eq!(told(9, line), [wanted]);
        }
        for line in
            ["set authority service web access-policy a idp-policy critical", "set authority router r idp mode auto"]
        {
            assert_eq!(told(9, line), [""; 0]);
        }
    }

    #[test]
    fn check_27_refuses_times_out_of_range() {
        const AT: &str = "set authority router r application-identification auto-update";
        for (rest, wanted) in [
            ("update-time 24", "\"24\": is not a time or frequency of updates; give a number from 0 to 23"),
            ("update-jitter 31", "\"31\": is not a time or frequency of updates; give a number from 0 to 30"),
            (
                "update-frequency hourly",
                "\"hourly\": is not a time or frequency of updates; give daily, weekly or monthly",
            ),
            (
                "day-of-week sonday",
                "\"sonday\": is not a time or frequency of updates; give monday, tuesday, wednesday, thursday, friday, saturday or sunday (nearest: sunday)",
            ),
        ] {
            let leaf = rest.split(' ').next().unwrap();
            let wanted = format!("error: authority router r application-identification auto-update {leaf}: {wanted}");
            assert_eq!(told(27, &format!("{AT} {rest}")), [wanted]);
        }
        for rest in
            ["update-time 0", "update-time 23", "update-jitter 30", "update-frequency monthly", "day-of-week sunday"]
        {
            assert_eq!(told(27, &format!("{AT} {rest}")), [""; 0]);
        }
    }

    #[test]
    fn check_28_takes_an_address_without_a_mask_as_one_host() {
        let (tree, problems) = tree(
            "delete authority service web address\nset authority service web address 192.0.2.7\nset authority service web address 2001:db8::7",
        );
        assert!(problems.is_empty());
        let authority = Authority::of(&tree).unwrap();
        let shown: Vec<String> = authority.service[0]
            .address
            .iter()
            .map(|address| match address {
                ServiceAddress::Network(network) => network.to_string(),
                ServiceAddress::Host(host) => host.clone(),
            })
            .collect();
        assert_eq!(shown, ["192.0.2.7/32", "2001:db8::7/128"]);
    }

    #[test]
    fn check_29_takes_names_with_dots_blanks_and_slashes_in_every_notation() {
        for name in ["a.b", "a b", "a/b", "a\\b", "a.b c/d\\e"] {
            let quoted = format!("\"{}\"", name.replace('\\', "\\\\"));
            let lines = format!(
                "set authority idp-profile {quoted} base-policy strict\nset authority idp-profile {quoted} rule {quoted} match client-address 10.0.0.1\n\
                 set authority idp-profile {quoted} rule {quoted} outcome action alert\nset authority service {quoted} access-policy b idp-profile {quoted}\n\
                 set authority router r service-route x service-name {quoted}\nset authority router r idp bypass-enabled true"
            );
            let (tree, problems) = tree(&lines);
            assert!(problems.is_empty(), "{problems}");
            for format in Format::ALL {
                let text = write(&tree, format).text;
                let (again, problems) = read(text.as_bytes(), Some(format), "again", &NoFiles);
                assert!(problems.is_empty() && again == tree, "{format} {problems}\n{text}");
            }
            let said = all(&lines, &Facts::default());
            assert!(said.iter().all(|said| said.contains("[check 24]")), "{said:#?}");
        }
    }

    #[test]
    fn check_33_takes_prefixes_of_tenants_on_an_interface_that_runs_routing_protocols() {
        let lines = "set authority router r routing bgp neighbor 10.1.0.9 remote-as 65001\nset authority router r routing pim interface lan\nset authority router r routing vrf blue tenant-name a";
        assert_eq!(all(lines, &Facts::default()), [""; 0]);
    }
}
