#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| b2kit_fuzz::emulator_http::run(data));
