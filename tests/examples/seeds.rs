//! Saved states for the fuzz target `resume` to start from: `cargo run -p autowu-tests --example
//! seeds -- FOLDER`.
//!
//! When the format of the state changes, the old corpus is refused at once. Then write seeds into
//! an empty folder, fuzz from them for an hour, and `cargo fuzz cmin` into `fuzz/corpus/resume`.
#![allow(clippy::unwrap_used, clippy::expect_used)] // a tool for people who change the format

use autowu_core::{AutoWu, Config, Decay, NonFinite, Real, Recovery, Response};
use autowu_tests::configs::{sampled, voted};
use autowu_tests::curves::noise;
use std::path::Path;

fn main() {
    let folder = std::env::args().nth(1).expect("the folder to write to is the first argument");
    std::fs::create_dir_all(&folder).unwrap();
    let few = |config| voted(sampled(config, 12, 20), 2);
    let answered = |recovery, non_finite| Response { recovery, non_finite, ..Response::default() };
    let Response { recovery, non_finite, .. } = Response::default();
    let unguarded = Recovery::Restore { slowdown: Some(3.0), rescue: None };
    let configs = [
        few(Config::new(90)),
        few(Config::new(90).without_restore()),
        few(Config::new(90))
            .with_response(answered(unguarded, non_finite))
            .with_decay(Decay::ConstantSqrt { fraction: 0.2 }),
        few(Config::paper(5, 18)),
        few(Config::new(400)).with_response(answered(recovery, NonFinite::Ignore)),
    ];
    for (i, config) in configs.into_iter().enumerate() {
        write::<f64>(Path::new(&folder), &format!("{i}-64"), config);
        write::<f32>(Path::new(&folder), &format!("{i}-32"), config);
    }
}

/// A run that has its minimum, its decay, a lost descent and a NaN: its state at every eleventh
/// step, as JSON and in the binary format.
fn write<T: Real>(folder: &Path, name: &str, config: Config) {
    let mut autowu = AutoWu::<T, 64>::new(config).unwrap();
    let steps = config.total_steps;
    for step in 0..steps {
        if step % 11 == 0 || step + 1 == steps {
            std::fs::write(
                folder.join(format!("{name}-{step}.json")),
                serde_json::to_vec(&autowu).unwrap(),
            )
            .unwrap();
            std::fs::write(
                folder.join(format!("{name}-{step}.bin")),
                postcard::to_stdvec(&autowu).unwrap(),
            )
            .unwrap();
        }
        let decades = (autowu.lr().wide() / 1e-2).log10();
        let loss =
            if step > steps * 6 / 10 { 5.0 } else { decades * decades } + 0.02 * noise(1, step);
        let _ = autowu.step(T::of(if step % 37 == 36 { f64::NAN } else { loss }));
    }
}
