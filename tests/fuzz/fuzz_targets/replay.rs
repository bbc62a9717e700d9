#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| rtspan_tests::fuzz::replay::run(data));
