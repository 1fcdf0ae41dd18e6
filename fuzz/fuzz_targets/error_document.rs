#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| b2kit_fuzz::error_document::run(data));
