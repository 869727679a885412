//! A start that DPDK refuses. One test only: the process cannot try again.
#![cfg(test)]

mod support;

use sluice_dpdk::{Eal, EalError, EalOptions};

#[test]
fn a_refused_start_tells_the_arguments_and_dpdks_words_and_is_final() {
    let options = support::options(0, &[]);
    let refused = EalOptions { memory_mib: 300_000_000, ..options.clone() };
    match Eal::start(&refused) {
        Err(error @ EalError::Refused { .. }) => {
            let text = error.to_string();
            assert!(text.contains("-m 300000000") && text.contains("it said: EAL: "), "{text}");
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(Eal::start(&options).unwrap_err(), EalError::AlreadyStarted);
    let left = ["/tmp/dpdk", "/var/run/dpdk"].map(|base| format!("{base}/sluice-{}", std::process::id()));
    assert!(left.iter().all(|path| !std::path::Path::new(path).exists()), "no runtime directory is left behind");
}
