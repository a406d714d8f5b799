//! A run saved at any step and loaded into a fresh one goes on bit for bit; a refused file changes
//! nothing.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use autowu_candle::{AdamP, Config, Error, Event, OptimizerState, ParamsAdamP, Phase, Scheduled};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;
use std::path::PathBuf;

const STEPS: u64 = 120;

struct Run {
    w: [Var; 2],
    scheduled: Scheduled<AdamP>,
}

/// Two groups, least squares with a step size that diverges in the end: every phase and event
/// occurs.
fn run(config: Config) -> Run {
    let w =
        [[3f32, -2.], [1., 4.]].map(|v| Var::from_vec(v.to_vec(), (1, 2), &Device::Cpu).unwrap());
    let adamp = |w: &Var| AdamP::new(vec![w.clone()], ParamsAdamP::default()).unwrap();
    let scheduled =
        Scheduled::new(adamp(&w[0]), config).unwrap().with_group(adamp(&w[1]), 0.3).unwrap();
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

    fn moments(&self) -> Vec<String> {
        let mut lines: Vec<String> = self
            .scheduled
            .optimizers()
            .flat_map(|o| o.state().unwrap())
            .map(|(name, t)| format!("{name} {t}"))
            .collect();
        lines.sort();
        lines
    }

    fn bits(&self) -> Vec<u32> {
        self.w
            .iter()
            .flat_map(|w| w.flatten_all().unwrap().to_vec1::<f32>().unwrap())
            .map(f32::to_bits)
            .collect()
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
        let rates: Vec<f64> =
            resumed.scheduled.optimizers().map(Optimizer::learning_rate).collect();
        assert_eq!(
            rates,
            [first.scheduled.lr(), first.scheduled.lr() * 0.3],
            "saved after {saved} steps"
        );
        for step in saved..STEPS {
            assert_eq!(
                resumed.step(step),
                expected[step as usize],
                "saved after {saved} steps, at step {step}"
            );
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
    let before = (this.bits(), this.moments(), this.scheduled.lr(), this.scheduled.steps());
    let mut refuse = |path: &PathBuf, why: &str| {
        let error = this.scheduled.load(path).unwrap_err();
        assert!(
            matches!(error, Error::Checkpoint(_)) && error.to_string().contains(why),
            "{error}"
        );
        assert_eq!(
            (this.bits(), this.moments(), this.scheduled.lr(), this.scheduled.steps()),
            before
        );
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

    // The whole file of a run that has a snapshot and losses that wait, but for one tensor.
    let mut good = run(config);
    good.step(0);
    good.step(1);
    good.scheduled.save(&path).unwrap();
    let good = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let zeros = |shape: &[usize], dtype| Tensor::zeros(shape, dtype, &Device::Cpu).unwrap();
    for (name, value, why) in [
        (
            "weights.1.0",
            zeros(&[3], DType::F32),
            "weights.1.0 is [3] of f32, this run's [1, 2] of f32",
        ),
        (
            "weights.1.0",
            zeros(&[1, 2], DType::F64),
            "weights.1.0 is [1, 2] of f64, this run's [1, 2] of f32",
        ),
        ("weights.2.0", zeros(&[1, 2], DType::F32), "the variable \"2.0\", which this run lacks"),
        ("snapshot.1.0", zeros(&[1, 2], DType::F64), "snapshot.1.0 is [1, 2] of f64"),
        ("moments.1.0.first_moment", zeros(&[3], DType::F32), "first_moment"),
        ("kept.1.0.second_moment", zeros(&[3], DType::F32), "second_moment"),
        // A run reads its losses before that many wait.
        ("autowu.waiting", zeros(&[256], DType::F64), "256 losses wait"),
        ("autowu.waiting", zeros(&[300], DType::F64), "300 losses wait"),
    ] {
        let mut tensors = good.clone();
        tensors.insert(name.into(), value);
        candle_core::safetensors::save(&tensors, &path).unwrap();
        refuse(&path, why);
    }
}

#[test]
fn a_decay_that_cannot_go_back_saves_no_copy() {
    let config = Config { max_lr: 10.0, rescue: None, ..Config::new(STEPS) };
    let path = file("no-copy.safetensors");
    let mut run = run(config);
    for step in 0..STEPS {
        let decays = matches!(run.scheduled.autowu().phase(), Phase::Decay { .. });
        run.scheduled.save(&path).unwrap();
        let tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
        let copies =
            tensors.keys().any(|name| name.starts_with("snapshot.") || name.starts_with("kept."));
        assert_eq!(copies, step > 0 && !decays, "step {step}");
        run.step(step);
    }
}
