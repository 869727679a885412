//! libFuzzer's way into `sluice_tests::fuzz::tree`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_tests::fuzz::run("pcli", input));
