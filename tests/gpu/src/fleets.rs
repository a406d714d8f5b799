//! Fleets on the GPU, by losses from the host and from its own memory, against fleets on the host.

use crate::check::{Checks, ensure, text};
use crate::gpu::stream;
use crate::landscape::{Events, N, STEPS, by_device, by_host, by_windows, differ};
use autowu_core::Config;
use autowu_cuda::{Device, Error, Fleet, Number};

/// All checks in both precisions.
pub fn run() -> bool {
    let mut checks = Checks::new();
    // Rounding can change a vote of f32; of f64 none of these.
    all::<f64>(&mut checks, 0);
    all::<f32>(&mut checks, N / 100);
    checks.passed()
}

fn config() -> Config {
    Config::new(STEPS as u64).with_seed(11)
}

fn on_host<T: Number>() -> Result<Fleet<T>, String> {
    Fleet::new(config(), N, Device::Host).map_err(text)
}

fn on_gpu<T: Number>() -> Result<Fleet<T>, String> {
    Fleet::new(config(), N, Device::Cuda(stream()?)).map_err(text)
}

/// The events of the host; in single precision, where rounding moves a vote or the place of a
/// minimum, of 99 members in 100, and learning rates to 5 % (the curve is read at 500 places).
fn alike<T: Number>(a: &Events<T>, b: &Events<T>, most: usize) -> Result<String, String> {
    let found = differ(a, b);
    let kinds = ["restore", "decay", "skip"].map(|kind| {
        let count = a.iter().filter(|(_, event)| event.kind() == kind).count();
        format!("{count} {kind}")
    });
    ensure(!a.is_empty(), || "no event: the check tests nothing".into())?;
    let mut said = format!(
        "{} of {N} members have events of another kind or step, {} other learning rates",
        found.course, found.rate
    );
    if found.rate > 0 {
        said += &format!(" (by {:.1e} of one at most)", found.most);
    }
    said += &format!("; {} events: {}", a.len(), kinds.join(", "));
    let fine =
        if most == 0 { found.first.is_none() } else { found.course <= most && found.most <= 0.05 };
    ensure(fine, || {
        let of = |events: &Events<T>| -> Vec<_> {
            events.iter().filter(|e| Some(e.0) == found.first).map(|e| e.1).collect()
        };
        let (a, b) = (of(a), of(b));
        let at = a.iter().zip(&b).position(|(a, b)| a != b).unwrap_or(a.len().min(b.len()));
        format!("{said}; member {:?}: {:?} and {:?}", found.first, a.get(at), b.get(at))
    })?;
    Ok(said)
}

fn digests<T: Number>(fleet: &Fleet<T>) -> Vec<u64> {
    fleet.members().iter().map(|member| member.digest()).collect()
}

fn same_bits<T: Number>(a: &Fleet<T>, b: &Fleet<T>) -> Result<(), String> {
    let apart = digests(a).iter().zip(digests(b)).filter(|(a, b)| **a != *b).count();
    ensure(apart == 0, || format!("{apart} of {N} members are in another state"))
}

fn all<T: Number>(checks: &mut Checks, most: usize) {
    let mut check = |name: &str, work: &dyn Fn() -> Result<String, String>| {
        checks.check(&format!("{}: {name}", T::NAME), work);
    };
    check("losses from the host, as on the host", &|| {
        let (mut host, mut gpu) = (on_host::<T>()?, on_gpu::<T>()?);
        let expected = by_host(&mut host, 0..STEPS, true).map_err(text)?;
        alike(&expected, &by_host(&mut gpu, 0..STEPS, true).map_err(text)?, most)
    });
    check("losses on the GPU, the same bits as from the host", &|| {
        let (mut slices, mut there) = (on_gpu::<T>()?, on_gpu::<T>()?);
        let expected = by_host(&mut slices, 0..STEPS, false).map_err(text)?;
        let mut events = by_device(&mut there, 0..STEPS, false, &stream()?)?;
        events.extend(there.flush().map_err(text)?.events);
        same_bits(&slices, &there)?;
        alike(&expected, &events, 0)
    });
    check("losses on the GPU, some not finite, as windows on the host", &|| {
        let (mut host, mut there) = (on_host::<T>()?, on_gpu::<T>()?);
        let expected = by_windows(&mut host, 0..STEPS, true).map_err(text)?;
        let mut events = by_device(&mut there, 0..STEPS, true, &stream()?)?;
        events.extend(there.flush().map_err(text)?.events);
        alike(&expected, &events, most)
    });
    check("two members, 4,000 steps, most of them waiting on the GPU", &|| {
        let long = || {
            let device = Device::Cuda(stream()?);
            Fleet::<T>::new(Config::new(4000).with_seed(3), 2, device).map_err(text)
        };
        let (mut slices, mut there) = (long()?, long()?);
        let expected = by_host(&mut slices, 0..4000, false).map_err(text)?;
        let mut events = by_device(&mut there, 0..4000, false, &stream()?)?;
        events.extend(there.flush().map_err(text)?.events);
        let found = differ(&expected, &events);
        ensure(found.first.is_none(), || format!("other events than by slices: {found:?}"))?;
        same_bits(&slices, &there)?;
        Ok(format!("{} events", events.len()))
    });
    check("extended while losses wait", &|| {
        let (mut slices, mut there) = (on_gpu::<T>()?, on_gpu::<T>()?);
        let stream = stream()?;
        let mut events = by_device(&mut there, 0..7, false, &stream)?;
        let mut at = 7;
        // Until losses wait, and are lost to nobody.
        let waiting = loop {
            events.extend(by_device(&mut there, at..at + 1, false, &stream)?);
            at += 1;
            // No steps at all: refused where others wait, else nothing happens.
            match there.observe_window(&[], 0) {
                Err(Error::Waiting { steps }) => break steps,
                Ok(_) if at < 100 => {}
                other => return Err(format!("no losses waited until step {at}: {other:?}")),
            }
        };
        there.extend(2 * STEPS as u64).map_err(text)?;
        events.extend(by_device(&mut there, at..2 * STEPS, false, &stream)?);
        events.extend(there.flush().map_err(text)?.events);
        let mut expected = by_host(&mut slices, 0..at, false).map_err(text)?;
        slices.extend(2 * STEPS as u64).map_err(text)?;
        expected.extend(by_host(&mut slices, at..2 * STEPS, false).map_err(text)?);
        same_bits(&slices, &there)?;
        Ok(format!("{waiting} steps waited; {}", alike(&expected, &events, 0)?))
    });
    check("a run goes on on the host, and on the GPU", &|| {
        let mut gpu = on_gpu::<T>()?;
        by_host(&mut gpu, 0..60, false).map_err(text)?;
        let mut host = Fleet::resume(gpu.members().to_vec(), Device::Host).map_err(text)?;
        let back = gpu.members().to_vec();
        let mut back = Fleet::resume(back, Device::Cuda(stream()?)).map_err(text)?;
        let expected = by_host(&mut gpu, 60..STEPS, false).map_err(text)?;
        alike(&expected, &by_host(&mut back, 60..STEPS, false).map_err(text)?, 0)?;
        same_bits(&gpu, &back)?;
        alike(&expected, &by_host(&mut host, 60..STEPS, false).map_err(text)?, most)
    });
    check("refused calls change nothing", &|| {
        let stream = stream()?;
        let mut gpu = on_gpu::<T>()?;
        by_host(&mut gpu, 0..30, false).map_err(text)?;
        let before = digests(&gpu);
        let few = stream.clone_htod(&vec![T::one(); N - 1]).map_err(|e| format!("{e:?}"))?;
        let refused = gpu.observe_device(&few.slice(..)).err();
        let expected = Error::Losses { given: N - 1, needed: N };
        ensure(refused == Some(expected), || format!("too few losses: {refused:?}"))?;
        let mut host = on_host::<T>()?;
        let refused = host.observe_device(&few.slice(..)).err();
        ensure(refused == Some(Error::NotOnDevice), || format!("on the host: {refused:?}"))?;
        ensure(digests(&gpu) == before, || "the state has changed".into())?;
        Ok("too few losses, a fleet on the host".into())
    });
    check("a fleet of nobody", &|| {
        let stream = stream()?;
        let mut nobody =
            Fleet::<T>::new(config(), 0, Device::Cuda(stream.clone())).map_err(text)?;
        nobody.observe(&[]).map_err(text)?;
        ensure(nobody.lrs_device().map_err(text)?.is_empty(), || "it has learning rates".into())?;
        let one = stream.clone_htod(&[T::one()]).map_err(|e| format!("{e:?}"))?;
        nobody.observe_device(&one.slice(0..0)).map_err(text)?;
        nobody.flush().map_err(text)?;
        Ok("steps".into())
    });
}
