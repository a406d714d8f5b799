//! The state of a run as a file: JSON, replaced as a whole or not at all.

use crate::CAPACITY;
use crate::args::{Args, budget, config};
use autowu_core::{AutoWu, Real};
use std::ffi::OsString;
use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

/// Writes a run. A file that is there is replaced once the new one is complete.
pub fn save<T: Real>(autowu: &AutoWu<T, CAPACITY>, path: &Path) -> Result<(), String> {
    let say = |e: &dyn std::fmt::Display| {
        format!("the state cannot be written to {}: {e}; name another path", path.display())
    };
    let mut json = serde_json::to_vec(autowu).map_err(|e| say(&e))?;
    json.push(b'\n');
    let mut partial = OsString::from(path);
    partial.push(".partial");
    let write = || {
        let mut file = File::create(&partial)?;
        file.write_all(&json)?;
        file.sync_all()?;
        fs::rename(&partial, path)
    };
    write().map_err(|e: std::io::Error| {
        // A folder cannot be replaced: nothing may stay beside it.
        fs::remove_file(&partial).ok();
        say(&e)
    })
}

/// The run of a file, if it is the one that the command line describes.
pub fn load<T: Real>(args: &Args, path: &Path) -> Result<AutoWu<T, CAPACITY>, String> {
    let refused = |why: String| format!("--resume {}: {why}", path.display());
    let json = fs::read(path).map_err(|e| refused(e.to_string()))?;
    let autowu: AutoWu<T, CAPACITY> =
        serde_json::from_slice(&json).map_err(|e| refused(e.to_string()))?;
    if args.describes_run {
        let saved = *autowu.config();
        let given = config(args, budget(args, Some(saved.total_steps))?, 1)?;
        let same_but_for_budget = {
            let mut given = given;
            given.total_steps = saved.total_steps;
            given == saved
        };
        if given != saved && same_but_for_budget {
            return Err(refused(format!(
                "it is of a run of {} steps, the command line says {}: give {0}, or no budget; \
                 `extend {1}` gives the run more steps",
                saved.total_steps, given.total_steps
            )));
        }
        if given != saved {
            return Err(refused(
                "its run has other options than the command line: give the same ones, or none, \
                 because the state has them"
                    .into(),
            ));
        }
    }
    Ok(autowu)
}
