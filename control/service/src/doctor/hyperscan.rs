//! The pattern matcher: its version, and whether it runs on this processor.

use super::finding::{Finding, Group};
use sluice_hyperscan::{Platform, UnsupportedCpu};

const GROUP: Group = Group::Hyperscan;

pub fn examine(version: &str, platform: Result<Platform, UnsupportedCpu>) -> Vec<Finding> {
    let platform = match platform {
        Err(error) => Finding::problem(
            GROUP,
            "platform",
            error.to_string(),
            "no rule can be compiled or matched",
            "use a newer processor, or give the virtual machine the host's (libvirt: <cpu mode='host-passthrough'/>)",
        ),
        Ok(platform) => {
            let uses = [(platform.avx2, "AVX2"), (platform.avx512, "AVX-512"), (platform.avx512vbmi, "AVX-512 VBMI")];
            let words: Vec<&str> = uses.into_iter().filter(|(used, _)| *used).map(|(_, word)| word).collect();
            let words = if words.is_empty() { "the least it needs".to_owned() } else { words.join(", ") };
            Finding::ok(GROUP, "platform", format!("runs here, with {words}"))
        }
    };
    vec![Finding::ok(GROUP, "version", version), platform]
}

#[cfg(test)]
mod tests {
    use super::examine;
    use crate::doctor::Level;
    use sluice_hyperscan::{Platform, UnsupportedCpu};

    #[test]
    fn a_processor_it_does_not_run_on_is_a_problem() {
        assert_eq!(examine("5.4.0", Err(UnsupportedCpu))[1].level, Level::Problem);
        let found = examine("5.4.0", Ok(Platform { avx2: true, avx512: false, avx512vbmi: false }));
        assert_eq!((found[1].level, found[1].found.as_str()), (Level::Ok, "runs here, with AVX2"));
    }
}
