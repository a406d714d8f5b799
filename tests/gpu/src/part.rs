//! A part: a process of its own with a time limit.

use core::fmt;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

/// One part of the program.
pub struct Part {
    pub name: String,
    pub what: &'static str,
    pub limit: Duration,
    pub command: Work,
}

/// What a part runs.
pub enum Work {
    /// These, one after the other, until one fails.
    Commands(Vec<Command>),
    /// Nothing: what it needs is not installed.
    NotThere(String),
}

/// How a part ended.
#[derive(Clone, Debug, PartialEq)]
pub enum Ended {
    Passed,
    Failed(String),
    NotRun(String),
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Passed => write!(f, "passed"),
            Ended::Failed(why) => write!(f, "FAILED: {why}"),
            Ended::NotRun(why) => write!(f, "not run: {why}"),
        }
    }
}

/// What a part did.
pub struct Did {
    pub name: String,
    pub what: &'static str,
    /// As typed.
    pub commands: Vec<String>,
    pub ended: Ended,
    pub seconds: f64,
    /// What it printed.
    pub output: String,
}

impl Part {
    /// Why it was not run.
    pub fn not_run(&self, why: String) -> Did {
        self.did(Ended::NotRun(why), 0.0, String::new())
    }

    fn did(&self, ended: Ended, seconds: f64, output: String) -> Did {
        let commands = match &self.command {
            Work::Commands(commands) => commands.iter().map(typed).collect(),
            Work::NotThere(_) => Vec::new(),
        };
        Did { name: self.name.clone(), what: self.what, commands, ended, seconds, output }
    }

    /// Runs it until its limit or `end`, whichever comes first; its output goes to a file in
    /// `folder`.
    pub fn run(&self, folder: &Path, end: Instant) -> Did {
        let commands = match &self.command {
            Work::Commands(commands) => commands,
            Work::NotThere(why) => return self.not_run(why.clone()),
        };
        let begun = Instant::now();
        if begun >= end {
            return self.not_run("no time was left: see --minutes".into());
        }
        let until = end.min(begun + self.limit);
        let path = folder.join(format!("{}.txt", self.name.replace(' ', "-")));
        let ended = match commands.iter().try_for_each(|command| one(command, &path, until)) {
            Ok(()) => Ended::Passed,
            Err(why) => Ended::Failed(why),
        };
        let output = std::fs::read(&path).unwrap_or_default();
        let output = String::from_utf8_lossy(&output).into_owned();
        self.did(ended, begun.elapsed().as_secs_f64(), output)
    }
}

/// One command, whose output is appended to a file.
fn one(command: &Command, path: &Path, until: Instant) -> Result<(), String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let told = |e: std::io::Error| format!("{program}: {e}");
    let file = File::options().create(true).append(true).open(path).map_err(told)?;
    let begun = Instant::now();
    let mut child = Command::new(command.get_program())
        .args(command.get_args())
        .envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))))
        .stdin(Stdio::null())
        .stdout(file.try_clone().map_err(told)?)
        .stderr(file)
        // So that what it starts can be ended with it.
        .process_group(0)
        .spawn()
        .map_err(told)?;
    loop {
        match child.try_wait().map_err(told)? {
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(format!("{status}")),
            None if Instant::now() >= until => {
                end(&mut child);
                return Err(format!("stopped after {:.0} s", begun.elapsed().as_secs_f64()));
            }
            None => std::thread::sleep(Duration::from_millis(20)),
        }
    }
}

/// Ends a child and what it started.
fn end(child: &mut Child) {
    let group = format!("-{}", child.id());
    let killed = Command::new("kill").args(["-9", "--", &group]).status();
    if !killed.is_ok_and(|status| status.success()) {
        let _ = child.kill();
    }
    let _ = child.wait();
}

/// A command as one would type it.
fn typed(command: &Command) -> String {
    let name = Path::new(command.get_program()).file_name().unwrap_or_default();
    let mut words = Vec::new();
    for (variable, value) in command.get_envs() {
        let value = value.unwrap_or_default().to_string_lossy();
        words.push(format!("{}={value}", variable.to_string_lossy()));
    }
    words.push(name.to_string_lossy().into_owned());
    for word in command.get_args() {
        let word = word.to_string_lossy();
        words.push(if word.contains(' ') { format!("'{word}'") } else { word.into_owned() });
    }
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(script: &str, limit: Duration) -> Part {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        let commands = Work::Commands(vec![command]);
        Part { name: format!("t {}", script.len()), what: "", limit, command: commands }
    }

    #[test]
    fn a_part_passes_fails_or_is_stopped_and_shows_what_it_printed() {
        let folder = std::env::temp_dir().join(format!("autowu-gpu-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let hour = Duration::from_secs(3600);
        let run = |script, limit| part(script, limit).run(&folder, Instant::now() + hour);
        let fine = run("echo out; echo err >&2", hour);
        assert_eq!((&fine.ended, fine.output.as_str()), (&Ended::Passed, "out\nerr\n"));
        let bad = run("echo half; exit 3", hour);
        assert_eq!(bad.ended, Ended::Failed("exit status: 3".into()));
        let slow = run("echo begun; sleep 1000 & sleep 1000", Duration::from_millis(300));
        assert!(matches!(&slow.ended, Ended::Failed(why) if why.starts_with("stopped")));
        assert!(slow.seconds < 10.0 && slow.output == "begun\n");
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn nothing_begins_after_the_end() {
        let did = part("exit 1", Duration::from_secs(1)).run(Path::new("/"), Instant::now());
        assert!(matches!(did.ended, Ended::NotRun(_)));
    }
}
