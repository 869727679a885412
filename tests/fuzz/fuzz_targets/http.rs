//! libFuzzer's way into `sluice_tests::fuzz::http`.
#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| sluice_tests::fuzz::run("http", input));
