//! Trials on 1, 2 and 4 ranks of this machine, and what must come out.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::process::Command;

type Result<T> = std::result::Result<T, String>;

const SEEDS: u64 = 4;
const UPDATES: u64 = 600;

/// `(name, update, what the message has to say)` of what goes wrong on one rank.
const FAULTS: [(&str, u64, &str); 7] = [
    ("config", 0, "another configuration"),
    ("state", 120, "other losses"),
    ("loss", 121, "other losses"),
    ("skip", 120, "has skipped 1 updates"),
    ("checkpoint", 120, "steps"),
    ("gradient", 121, "another trainer's digest"),
    ("copy", 0, "another trainer's digest"),
];

/// What a trial printed, by key.
struct Outcome {
    ranks: usize,
    printed: HashMap<String, String>,
    said: String,
}

impl Outcome {
    fn of(&self, key: &str) -> Result<&str> {
        let value = self.printed.get(key).map(String::as_str);
        value.ok_or_else(|| {
            format!("a trial on {} ranks did not say {key}: {}", self.ranks, self.said)
        })
    }

    fn number(&self, key: &str) -> Result<u64> {
        let text = self.of(key)?.split(' ').next().unwrap_or_default();
        text.parse().map_err(|e| format!("{key} {text}: {e}"))
    }

    /// All ranks were equal at every update.
    fn expect_equal(&self) -> Result<u64> {
        match self.printed.get("differs").or(self.printed.get("found")) {
            Some(what) => Err(format!("{} ranks differ: {what}", self.ranks)),
            None => self.number("compared"),
        }
    }
}

/// Runs `program` on as many ranks of this machine.
fn mpirun(ranks: usize, program: &str, arguments: &[String]) -> Result<(bool, Outcome)> {
    let programs = std::env::current_exe().map_err(|e| e.to_string())?;
    let program = programs.with_file_name(program);
    let output = Command::new("mpirun")
        .args(["-n", &ranks.to_string()])
        .arg(program)
        .args(arguments)
        .output()
        .map_err(|e| format!("mpirun: {e}"))?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let pairs = said.lines().filter_map(|line| line.split_once(' '));
    let printed = pairs.map(|(key, value)| (key.to_string(), value.to_string())).collect();
    let said = said + &String::from_utf8_lossy(&output.stderr);
    Ok((output.status.success(), Outcome { ranks, printed, said }))
}

fn trial(ranks: usize, options: &[(&str, String)]) -> Result<Outcome> {
    let arguments: Vec<_> = options.iter().map(|(name, value)| format!("{name}={value}")).collect();
    match mpirun(ranks, "trial", &arguments)? {
        (true, outcome) => Ok(outcome),
        (false, outcome) => Err(format!("a trial on {ranks} ranks failed: {}", outcome.said)),
    }
}

/// One row of a run's record.
struct Update {
    event: String,
    loss: f64,
}

fn read(path: &Path) -> Result<Vec<Update>> {
    let text = std::fs::read_to_string(path).map_err(|e| format!("{}: {e}", path.display()))?;
    let row = |line: &str| {
        let columns: Vec<&str> = line.split(',').collect();
        let number = |i: usize| columns.get(i)?.parse().ok();
        Some(Update { event: columns.get(2)?.to_string(), loss: number(3)? })
    };
    let rows: Option<_> = text.lines().skip(1).map(row).collect();
    rows.ok_or_else(|| format!("{}: it is no record", path.display()))
}

/// How far two runs of the same batches are apart, where only the order of their sums differs.
struct Drift {
    /// The largest relative difference of two losses of the first 1, 10, 100, … updates.
    losses: [f64; 4],
    events: String,
}

impl Drift {
    fn of(one: &[Update], other: &[Update]) -> Self {
        let losses = [1, 10, 100, usize::MAX].map(|updates| {
            let pairs = one.iter().zip(other).take(updates);
            pairs.map(|(a, b)| (a.loss / b.loss - 1.0).abs()).fold(0.0, f64::max)
        });
        let events = |run: &[Update]| -> Vec<(usize, String)> {
            let told = (1..).zip(run).filter(|(_, update)| update.event != "0");
            told.map(|(step, update)| (step, update.event.clone())).collect()
        };
        let (a, b) = (events(one), events(other));
        let same = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
        let at = |e: Option<&(usize, _)>| e.map_or("none".into(), |(step, _)| step.to_string());
        let events = match (a.get(same), b.get(same)) {
            (None, None) => format!("all {same} equal"),
            (a, b) => format!("{same} equal, the next at {} and {}", at(a), at(b)),
        };
        Drift { losses, events }
    }
}

/// The same global batches on 1, 2 and 4 ranks; the updates that were compared.
fn drift(seed: u64, double: bool, folder: &Path) -> Result<u64> {
    let (mut one, mut compared) = (Vec::new(), 0);
    let precision = if double { "f64" } else { "f32" };
    for ranks in [1, 2, 4] {
        let record = folder.join(format!("record-{ranks}.csv"));
        let mut options =
            vec![("seed", seed.to_string()), ("record", record.display().to_string())];
        options.extend(double.then(|| ("double", String::new())));
        let outcome = trial(ranks, &options)?;
        let (run, accuracy) = (read(&record)?, outcome.of("accuracy")?);
        if ranks == 1 {
            println!("| {precision} | {seed} | 1 | | | | | | {accuracy} |");
            one = run;
            continue;
        }
        compared += outcome.expect_equal()?;
        let Drift { losses, events } = Drift::of(&one, &run);
        let apart = losses.map(|apart| format!("{apart:.0e}")).join(" | ");
        println!("| {precision} | {seed} | {ranks} | {apart} | {events} | {accuracy} |");
        // Some units in the last place, before high learning rates amplify them.
        if losses[2] > if double { 1e-13 } else { 1e-5 } {
            return Err(format!("{ranks} ranks: losses {} apart by update 100", losses[2]));
        }
        if double && !events.starts_with("all") {
            return Err(format!("{ranks} ranks in double precision: {events}"));
        }
    }
    Ok(compared)
}

fn check(folder: &Path) -> Result<String> {
    let mut compared = 0;
    println!(
        "| | seed | ranks | losses apart by update 1 | 10 | 100 | {UPDATES} | events | accuracy |"
    );
    println!("|---|---:|---:|---:|---:|---:|---:|---|---:|");
    for seed in 0..SEEDS {
        compared += drift(seed, false, folder)?;
    }
    for seed in [0, SEEDS - 1] {
        compared += drift(seed, true, folder)?;
    }
    let mut first = 0;
    for ranks in [2, 4] {
        for (fault, at, words) in FAULTS {
            fault_is_found(ranks, fault, at, words, folder)?;
        }
        let nan = [("fault", "nan".into()), ("at", "121".into()), ("rank", "1".into())];
        let outcome = trial(ranks, &nan)?;
        compared += outcome.expect_equal()?;
        let norm = outcome.of("norm")?;
        if !norm.parse::<f64>().is_ok_and(f64::is_finite) {
            return Err(format!("{ranks} ranks, NaN on rank 1: the weights' norm is {norm}"));
        }
        println!(
            "{ranks} ranks, NaN on rank 1 at update 121: equal, weights finite, accuracy {}",
            outcome.of("accuracy")?
        );
        compared += killed(ranks, folder)?;
        let alone = trial(ranks, &[("alone", "1".into())])?;
        first = first.max(alone.number("differs")?);
    }
    recipe(folder)?;
    Ok(format!(
        "2 and 4 ranks, {compared} updates: 0 disagreements; control without all-reduce: first at \
         update {first}"
    ))
}

/// Found in the first exchange after it, with the rank and the update.
fn fault_is_found(ranks: usize, fault: &str, at: u64, words: &str, folder: &Path) -> Result<()> {
    let rank = ranks - 1;
    let outcome = trial(
        ranks,
        &[
            ("fault", fault.into()),
            ("at", at.to_string()),
            ("rank", rank.to_string()),
            ("folder", folder.display().to_string()),
        ],
    )?;
    let (found, exchanges) = (outcome.of("found")?, outcome.number("exchanges")?);
    println!("{ranks} ranks, {fault} at update {}: {found}", outcome.of("fault")?);
    let named = found.contains(words) && found.contains(&format!("rank {rank} "));
    if named && exchanges == 1 {
        Ok(())
    } else {
        Err(format!("{fault} was found after {exchanges} exchanges, as {found}"))
    }
}

/// A run that dies at a random update, and is started again, ends with the bits of one that lived.
fn killed(ranks: usize, folder: &Path) -> Result<u64> {
    let time = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let random = time.map_or(1, |time| u64::from(time.subsec_micros()));
    let die = 1 + random % (UPDATES - 1);
    let checkpoint = folder.join(format!("killed-{ranks}.safetensors"));
    let _ = std::fs::remove_file(&checkpoint);
    let options = [("checkpoint", checkpoint.display().to_string()), ("die", die.to_string())];
    if trial(ranks, &options).is_ok() {
        return Err(format!("{ranks} ranks survived update {die}"));
    }
    let resumed = trial(ranks, &options[..1])?;
    let lived = trial(ranks, &[])?;
    let (resumed_bits, lived_bits) = (resumed.of("weights")?, lived.of("weights")?);
    if resumed_bits != lived_bits {
        return Err(format!("killed at {die}: weights {resumed_bits} instead of {lived_bits}"));
    }
    let updates = resumed.expect_equal()?;
    println!(
        "{ranks} ranks, killed at update {die}, gone on from {}: equal on all ranks, and at the \
         end to the run that was not killed, bit for bit",
        UPDATES - updates
    );
    Ok(updates + lived.expect_equal()?)
}

/// `train.rs` as it is.
fn recipe(folder: &Path) -> Result<()> {
    let checkpoint = folder.join("recipe.safetensors");
    let _ = std::fs::remove_file(&checkpoint);
    let (ended, outcome) = mpirun(2, "train", &[checkpoint.display().to_string()])?;
    print!("the recipe, on 2 ranks:\n{}", outcome.said);
    let accuracy = outcome.of("test")?.trim_start_matches("accuracy ").parse::<f64>();
    if ended && accuracy.is_ok_and(|accuracy| accuracy > 0.95) {
        Ok(())
    } else {
        Err("it failed".into())
    }
}

fn main() {
    let folder = std::env::temp_dir().join(format!("autowu-ranks-{}", std::process::id()));
    let result = std::fs::create_dir_all(&folder).map_err(|e| e.to_string());
    let result = result.and_then(|()| check(&PathBuf::from(&folder)));
    let _ = std::fs::remove_dir_all(&folder);
    match result {
        Ok(line) => println!("{line}"),
        Err(e) => {
            eprintln!("error: {e}");
            std::process::exit(1)
        }
    }
}
