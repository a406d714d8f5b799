//! A run saved at any step and loaded into a fresh one goes on bit for bit; a refused file changes
//! nothing.
#![allow(clippy::unwrap_used)] // a failed expectation ends the test

use autowu_candle::{
    AdamP, Config, Error, Event, OptimizerState, ParamsAdamP, Phase, Recovery, Scheduled,
};
use candle_core::{DType, Device, Tensor, Var};
use candle_nn::Optimizer;
use std::path::{Path, PathBuf};

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
        self.step_with(step, 0.0)
    }

    /// A step whose loss is higher by `more`.
    fn step_with(&mut self, step: u64, more: f64) -> (u64, Option<Event<f64>>, Vec<u32>) {
        let noise = more + 0.1 * ((step * 7919 % 17) as f64 / 17.0 - 0.5);
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

fn has_copy(path: &Path) -> bool {
    let tensors = candle_core::safetensors::load(path, &Device::Cpu).unwrap();
    tensors.keys().any(|name| name.starts_with("copy."))
}

fn file(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("autowu-checkpoint-{}", std::process::id()));
    std::fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}

#[test]
fn the_rest_of_a_run_is_the_same_after_a_resume_at_every_step() {
    let config = Config::new(STEPS).with_lr_range(1e-5, 10.0);
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
    let mut other = run(Config::new(2 * STEPS).with_seed(1));
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

    // The whole file of a run that has a copy and losses that wait, but for one tensor.
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
        ("copy.weights.1.0", zeros(&[1, 2], DType::F64), "copy.weights.1.0 is [1, 2] of f64"),
        ("moments.1.0.first_moment", zeros(&[3], DType::F32), "first_moment"),
        ("copy.moments.1.0.second_moment", zeros(&[3], DType::F32), "second_moment"),
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

/// Versions of the state differ in their fields; the words are about the version all the same.
#[test]
fn a_checkpoint_of_another_version_is_refused_as_such() {
    let path = file("version.safetensors");
    let mut this = run(Config::new(STEPS));
    this.scheduled.save(&path).unwrap();
    let mut tensors = candle_core::safetensors::load(&path, &Device::Cpu).unwrap();
    let old = br#"{"version":1,"bits":64,"config":{"total_steps":120,"warmup":"Exponential"}}"#;
    let old = Tensor::from_slice(old, old.len(), &Device::Cpu).unwrap();
    tensors.insert("autowu.json".into(), old);
    candle_core::safetensors::save(&tensors, &path).unwrap();
    let refused = this.scheduled.load(&path).unwrap_err().to_string();
    assert!(refused.contains("format version 1, this library reads version 4"), "{refused}");
}

/// A decay that loses its descent goes back a few times; the last time frees the copy.
#[test]
fn a_restore_that_frees_the_copy_puts_it_back_first() {
    let path = file("freed.safetensors");
    let mut run = run(Config::new(STEPS));
    let (mut copy, mut last) = (run.bits(), None);
    for step in 0..STEPS {
        let before = run.bits();
        let decays = matches!(run.scheduled.autowu().phase(), Phase::Decay { .. });
        let more = if decays { 1e6 } else { 0.0 };
        match run.step_with(step, more).1 {
            Some(Event::Snapshot { .. }) => copy = before,
            Some(event @ Event::Restore { .. }) => {
                assert_eq!(run.bits(), copy, "step {step}");
                run.scheduled.save(&path).unwrap();
                assert_eq!(has_copy(&path), !event.frees_copy(), "step {step}");
                last = Some(event);
            }
            _ => {}
        }
    }
    assert!(last.is_some_and(|event| event.frees_copy()), "{last:?}");
}

#[test]
fn a_decay_that_cannot_go_back_saves_no_copy() {
    let mut config = Config::new(STEPS).with_lr_range(1e-5, 10.0);
    config.response.recovery = Recovery::Restore { slowdown: Some(3.0), rescue: None };
    let path = file("no-copy.safetensors");
    let mut run = run(config);
    for step in 0..STEPS {
        let decays = matches!(run.scheduled.autowu().phase(), Phase::Decay { .. });
        run.scheduled.save(&path).unwrap();
        assert_eq!(has_copy(&path), step > 0 && !decays, "step {step}");
        run.step(step);
    }
}

/// Saved before or after it is extended, in each phase and past the end, a run goes on extended.
#[test]
fn an_extended_run_goes_on_extended_after_a_resume() {
    let config = Config::new(STEPS).with_lr_range(1e-5, 10.0);
    let (path, extended_path) = (file("short.safetensors"), file("extended.safetensors"));
    for at in [0, 20, STEPS - 30, STEPS, STEPS + 7] {
        let mut whole = run(config);
        (0..at).for_each(|step| _ = whole.step(step));
        whole.scheduled.save(&path).unwrap();
        whole.scheduled.extend(2 * STEPS).unwrap();
        whole.scheduled.save(&extended_path).unwrap();
        let mut before = run(config);
        before.scheduled.load(&path).unwrap();
        before.scheduled.extend(2 * STEPS).unwrap();
        let mut after = run(config);
        after.scheduled.load(&extended_path).unwrap();
        let rates: Vec<f64> = after.scheduled.optimizers().map(Optimizer::learning_rate).collect();
        assert_eq!(rates, [whole.scheduled.lr(), whole.scheduled.lr() * 0.3], "at {at}");
        let mut finished = Vec::new();
        for step in at..2 * STEPS + 3 {
            let expected = whole.step(step);
            assert_eq!(before.step(step), expected, "extended at {at}, step {step}");
            assert_eq!(after.step(step), expected, "extended at {at}, step {step}");
            finished.extend(expected.1.filter(|event| event.kind() == "finished"));
        }
        let lr = config.floor_lr;
        assert_eq!(finished, [Event::Finished { step: 2 * STEPS + 1, lr }], "extended at {at}");
    }
}

/// A file of a run with another budget says only that, and what to call.
#[test]
fn a_checkpoint_of_another_budget_names_the_call() {
    let path = file("budget.safetensors");
    let refused = |config: Config| {
        let mut this = run(config);
        let before = this.bits();
        let refused = this.scheduled.load(&path).unwrap_err().to_string();
        assert_eq!((this.bits(), this.scheduled.steps()), (before, 0));
        refused
    };
    let mut other = run(Config::new(1000));
    other.step(0);
    other.scheduled.save(&path).unwrap();
    for (config, words) in [
        (
            Config::new(2000),
            "it is of a run of 1000 steps, this run has 2000: build it with 1000 and call \
             extend(2000) after loading",
        ),
        (Config::new(500), "it is of a run of 1000 steps, this run has 500: build it with 1000"),
        (Config::new(2000).with_seed(1), "another configuration"),
    ] {
        let refused = refused(config);
        assert!(refused.contains(words), "{refused}");
        assert!(refused.ends_with(words) || !words.starts_with("it is"), "{refused}");
    }
    // What it says works.
    let mut this = run(Config::new(1000));
    this.scheduled.load(&path).unwrap();
    this.scheduled.extend(2000).unwrap();
    assert_eq!((this.scheduled.autowu().total_steps(), this.scheduled.steps()), (2000, 1));
    this.scheduled.save(&path).unwrap();
    for (config, words) in [
        (Config::new(3000), "extended to 2000, this run has 3000: build it with 1000 and call"),
        (Config::new(2000), "extended to 2000, this run has 2000: build it with 1000"),
    ] {
        let refused = refused(config);
        assert!(refused.contains(words), "{refused}");
    }
}
