#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| autowu_fuzz::replay_csv::run(data));
