//! Stored curves on the GPU, from the host's memory and from its own, against the host.

use crate::check::{Checks, ensure, text};
use crate::gpu::stream;
use autowu_core::{AutoWu, CAPACITY, Config, Measurement, Observation, Response, Verdict};
use autowu_cuda::{BatchTest, Device, Error, Number, Stored};
use autowu_lab::work;

/// Curves of a batch.
const N: usize = 20_000;

/// All checks in both precisions.
pub fn run() -> bool {
    let mut checks = Checks::new();
    all::<f64>(&mut checks, 0);
    all::<f32>(&mut checks, N / 1000);
    checks.passed()
}

/// Curves of 1 to 200 losses, of a fall or of a fall and a rise.
fn curves<T: Number>() -> Vec<Vec<T>> {
    let cut = |i: usize| work::curve(i as u64)[..1 + i * 37 % work::LOSSES].to_vec();
    (0..N).map(cut).collect()
}

fn on<T: Number>(device: Device) -> Result<BatchTest<T>, String> {
    BatchTest::new(Config::new(1000), device).map_err(text)
}

fn verdicts<T: Number>(test: &BatchTest<T>, measured: &[Measurement<T>]) -> Vec<Verdict> {
    measured.iter().map(|m| Verdict::of(m, &test.config().response)).collect()
}

/// At most `most` other verdicts.
fn alike(a: &[Verdict], b: &[Verdict], most: usize) -> Result<String, String> {
    let apart = a.iter().zip(b).filter(|(a, b)| a != b).count();
    let past = a.iter().filter(|v| **v == Verdict::Past).count();
    let found = format!("{apart} of {} verdicts differ ({past} are past their minimum)", a.len());
    ensure(a.len() == b.len() && past > 0 && apart <= most, || found.clone())?;
    Ok(found)
}

fn all<T: Number>(checks: &mut Checks, most: usize) {
    let mut check = |name: &str, work: &dyn Fn() -> Result<String, String>| {
        checks.check(&format!("{}: {name}", T::NAME), work);
    };
    let curves = curves::<T>();
    let stored = |i: usize| Stored::new(&curves[i], i as u64);
    let stored: Vec<_> = (0..N).map(stored).collect();
    check("curves from the host", &|| {
        let (host, gpu) = (on::<T>(Device::Host)?, on::<T>(Device::Cuda(stream()?))?);
        let expected = verdicts(&host, &host.run(&stored).map_err(text)?);
        alike(&expected, &verdicts(&gpu, &gpu.run(&stored).map_err(text)?), most)
    });
    check("curves on the GPU, as from the host", &|| {
        let stream = stream()?;
        let gpu = on::<T>(Device::Cuda(stream.clone()))?;
        let flat = curves.concat();
        let there = stream.clone_htod(&flat).map_err(|e| format!("{e:?}"))?;
        let lengths: Vec<usize> = curves.iter().map(Vec::len).collect();
        let found = gpu.run_device(&there.slice(..), &lengths).map_err(text)?;
        alike(&verdicts(&gpu, &gpu.run(&stored).map_err(text)?), &found, 0)
    });
    check("schedulers of two rules", &|| {
        let (host, gpu) = (on::<T>(Device::Host)?, on::<T>(Device::Cuda(stream()?))?);
        let mut other = Config::new(400);
        other.test.votes = 3;
        let other = other.with_response(Response { descent: None, ..Response::default() });
        let mut runs = Vec::new();
        for i in 0..200 {
            let rules = if i % 3 == 0 { other } else { Config::new(400) };
            let mut run = AutoWu::<T>::new(rules.with_seed(i)).map_err(text)?;
            let mut losses = (0..).map(|k: u32| T::of((f64::from(k) / 60.0 - 0.4).powi(2)));
            let mut observed = Observation::Nothing;
            while observed != Observation::TestDue && run.steps() < 100 {
                observed = run.observe(losses.next().unwrap_or_default());
            }
            runs.push(run);
        }
        let due: Vec<&AutoWu<T>> = runs.iter().collect();
        let expected = host.measure(&due).map_err(text)?;
        let found = gpu.measure(&due).map_err(text)?;
        let votes = |m: &[Measurement<T>]| m.iter().map(|m| m.votes.len()).collect::<Vec<_>>();
        ensure(votes(&expected) == votes(&found), || "other numbers of votes".into())?;
        let far = |(a, b): (&Measurement<T>, &Measurement<T>)| {
            let apart = |(a, b): (&_, &_)| {
                let (a, b): (&autowu_core::gp::Inference<T>, &autowu_core::gp::Inference<T>) =
                    (a, b);
                (a.probability - b.probability).abs().to_f64().unwrap_or(f64::NAN)
            };
            a.votes.iter().zip(&b.votes).map(apart).fold(0.0, f64::max)
        };
        let worst = expected.iter().zip(&found).map(far).fold(0.0, f64::max);
        let bound = if most == 0 { 1e-8 } else { 2e-3 };
        let found = format!("{} tests, probabilities within {worst:.1e}", due.len());
        ensure(worst <= bound, || found.clone())?;
        Ok(found)
    });
    check("a curve that is too long", &|| {
        let gpu = on::<T>(Device::Cuda(stream()?))?;
        let long = vec![T::one(); CAPACITY + 1];
        match gpu.run(&[Stored::new(&long, 0)]) {
            Err(e @ Error::CurveTooLong { .. }) => Ok(e.to_string()),
            other => Err(format!("{other:?}")),
        }
    });
}
