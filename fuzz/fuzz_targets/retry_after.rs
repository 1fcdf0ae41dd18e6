#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| b2kit_fuzz::retry_after::run(data));
