//! A run saved at any step and loaded into a fresh one goes on bit for bit; a refused file changes nothing.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use autowu_candle::{AdamP, Config, Error, Event, ParamsAdamP, Scheduled};
use candle_core::{Device, Tensor, Var};
use candle_nn::Optimizer;
use std::path::PathBuf;

const STEPS: u64 = 120;

struct Run {
    w: [Var; 2],
    scheduled: Scheduled<AdamP>,
}

/// Two groups, least squares with a step size that diverges in the end: every phase and event occurs.
fn run(config: Config) -> Run {
    let w = [[3f32, -2.], [1., 4.]].map(|v| Var::from_vec(v.to_vec(), (1, 2), &Device::Cpu).unwrap());
    let adamp = |w: &Var| AdamP::new(vec![w.clone()], ParamsAdamP::default()).unwrap();
    let scheduled = Scheduled::new(adamp(&w[0]), config).unwrap().with_group(adamp(&w[1]), 0.3).unwrap();
    Run { w, scheduled }
}

impl Run {
    fn step(&mut self, step: u64) -> (u64, Option<Event<f64>>, Vec<u32>) {
        let noise = 0.1 * ((step * 7919 % 17) as f64 / 17.0 - 0.5);
        let square = |w: &Var| (w.as_tensor() * 10.0).unwrap().sqr().unwrap().sum_all().unwrap();
        let loss = ((square(&self.w[0]) + square(&self.w[1])).unwrap() + noise).unwrap();
        let event = self.scheduled.backward_step(&loss).unwrap();
        (self.scheduled.lr().to_bits(), event, self.bits())
    }

    fn bits(&self) -> Vec<u32> {
        self.w.iter().flat_map(|w| w.flatten_all().unwrap().to_vec1::<f32>().unwrap()).map(f32::to_bits).collect()
    }
}

fn file(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("autowu-checkpoint-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}

#[test]
fn the_rest_of_a_run_is_the_same_after_a_resume_at_every_step() {
    let config = Config { max_lr: 10.0, ..Config::new(STEPS) };
    let mut whole = run(config);
    let expected: Vec<_> = (0..STEPS).map(|step| whole.step(step)).collect();
    assert!(expected.iter().any(|(_, event, _)| matches!(event, Some(Event::Restore { .. }))));
    assert!(expected.iter().any(|(_, event, _)| matches!(event, Some(Event::Decay { .. }))));
    let path = file("every-step.safetensors");
    let mut first = run(config);
    for saved in 0..STEPS {
        first.scheduled.save(&path).unwrap();
        let mut resumed = run(config);
        resumed.scheduled.load(&path).unwrap();
        assert_eq!(resumed.bits(), first.bits(), "saved after {saved} steps");
        for step in saved..STEPS {
            assert_eq!(resumed.step(step), expected[step as usize], "saved after {saved} steps, at step {step}");
        }
        first.step(saved);
    }
}

#[test]
fn a_refused_file_changes_nothing() {
    let config = Config::new(STEPS);
    let path = file("refused.safetensors");
    let mut other = run(Config::new(2 * STEPS));
    other.step(0);
    other.scheduled.save(&path).unwrap();
    let mut this = run(config);
    for step in 0..30 {
        this.step(step);
    }
    let before = (this.bits(), this.scheduled.lr(), this.scheduled.steps());
    let mut refuse = |path: &PathBuf, why: &str| {
        let error = this.scheduled.load(path).unwrap_err();
        assert!(matches!(error, Error::Checkpoint(_)) && error.to_string().contains(why), "{error}");
        assert_eq!((this.bits(), this.scheduled.lr(), this.scheduled.steps()), before);
    };
    refuse(&path, "another configuration");
    refuse(&file("missing.safetensors"), "missing.safetensors");

    let whole = std::fs::read(&path).unwrap();
    for length in [0, 7, whole.len() / 2, whole.len() - 1] {
        let cut = file("cut.safetensors");
        std::fs::write(&cut, &whole[..length]).unwrap();
        refuse(&cut, "cut.safetensors");
    }

    // One group instead of two: a variable and its moments are missing.
    let w = Var::from_vec(vec![3f32, -2.], (1, 2), &Device::Cpu).unwrap();
    let adamp = AdamP::new(vec![w], ParamsAdamP::default()).unwrap();
    Scheduled::new(adamp, config).unwrap().save(&path).unwrap();
    refuse(&path, "lacks weights.1.0");

    // Moments of another shape.
    let good = run(config);
    good.scheduled.save(&path).unwrap();
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    tensors.insert("moments.1.0.first_moment".into(), Tensor::zeros(3, candle_core::DType::F32, &Device::Cpu).unwrap());
    candle_core::safetensors::save(&tensors, &path).unwrap();
    refuse(&path, "first_moment");
}
