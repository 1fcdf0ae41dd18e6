#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| b2kit_fuzz::webhook::run(data));
