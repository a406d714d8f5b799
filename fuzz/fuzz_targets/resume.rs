#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| autowu_lab::fuzz::resume::run(data));
