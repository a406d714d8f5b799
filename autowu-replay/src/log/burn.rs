//! burn's experiment folder: `train/epoch-N/Loss.log`, epochs in numerical order.

use super::plain::BURN;
use super::sink::Sink;
use super::{encoding::Text, plain};
use std::fs::{self, File};
use std::path::{Path, PathBuf};

/// Reads a folder into the sink; the name of its losses.
pub(super) fn read(
    folder: &Path,
    column: Option<&str>,
    sink: &mut Sink<'_>,
) -> Result<String, String> {
    let name = column.unwrap_or(BURN);
    let file = format!("{}.log", name.replace(' ', "_"));
    let mut epochs = epochs(folder, &file);
    epochs.sort();
    let (Some(first), Some(last)) = (epochs.first(), epochs.last()) else {
        return Err(format!(
            "this folder has no train/epoch-N/{file}, as burn's experiments have; name a file"
        ));
    };
    let missing = last.0 - first.0 + 1 - epochs.len() as u64;
    if missing > 0 {
        sink.notes.push(format!("{missing} epochs between {} and {} are missing", first.0, last.0));
    }
    for (_, path) in epochs {
        let say = |e: &dyn std::fmt::Display| format!("{}: {e}", path.display());
        let text = Text::open(File::open(&path).map_err(|e| say(&e))?).map_err(|e| say(&e))?;
        plain::read_burn(text.into_read(), sink).map_err(|e| say(&e))?;
    }
    Ok(name.into())
}

fn epochs(folder: &Path, file: &str) -> Vec<(u64, PathBuf)> {
    let train = folder.join("train");
    let folder = if train.is_dir() { &train } else { folder };
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let numbered = entries.filter_map(|entry| {
        let name = entry.file_name();
        let number = name.to_str()?.strip_prefix("epoch-")?.parse().ok()?;
        let path = entry.path().join(file);
        path.is_file().then_some((number, path))
    });
    let mut found: Vec<_> = numbered.collect();
    let alone = folder.join(file);
    if found.is_empty() && alone.is_file() {
        found.push((1, alone));
    }
    found
}
