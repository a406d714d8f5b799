//! Plain text: windows of characters, and letters of words.

use crate::problem::{Problem, Rows};
use autowu_core::sampling::mix;
use candle_core::{Device, Tensor};
use std::collections::BTreeSet;
use std::path::Path;

/// Windows of `context` characters and those that follow; the last tenth of the text is the test.
/// Windows begin every `strides` characters.
///
/// # Errors
/// A file that cannot be read, or a text that is too short.
pub fn characters(path: &Path, context: usize, strides: [usize; 2]) -> Result<Problem, String> {
    let text = read(path)?;
    let mut known: Vec<char> = text.chars().collect();
    known.sort_unstable();
    known.dedup();
    let codes: Vec<u32> =
        text.chars().filter_map(|c| known.binary_search(&c).ok()).map(|i| i as u32).collect();
    let (train, test) = codes.split_at(codes.len() * 9 / 10);
    if test.len() <= 2 * context {
        return Err(format!(
            "--text {}: {} characters are too few; use {} at the least",
            path.display(),
            codes.len(),
            64 * context
        ));
    }
    let windows = |codes: &[u32], stride: usize| {
        let starts = (0..codes.len() - context).step_by(stride);
        let n = starts.len();
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for s in starts {
            inputs.extend(&codes[s..s + context]);
            targets.extend(&codes[s + 1..=s + context]);
        }
        let tensor = |v: Vec<u32>| tensor(v, (n, context));
        Ok::<_, String>(Rows { inputs: tensor(inputs)?, targets: tensor(targets)? })
    };
    Ok(Problem::new(windows(train, strides[0])?, windows(test, strides[1])?, known.len()))
}

/// Each letter of each different word, a to z, and its end, with the `before` letters before it. The
/// test has a tenth of the words, by lot: no word is in both.
///
/// # Errors
/// A file that cannot be read, or a text that is too short.
pub fn words(path: &Path, before: usize) -> Result<Problem, String> {
    let text = read(path)?.to_ascii_lowercase();
    let words: BTreeSet<&str> =
        text.split(|c: char| !c.is_ascii_lowercase()).filter(|w| !w.is_empty()).collect();
    let lot = |word: &str| word.bytes().fold(0, |hash, byte| mix(hash ^ u64::from(byte)));
    let (test, train): (Vec<&str>, Vec<&str>) =
        words.into_iter().partition(|w| lot(w).is_multiple_of(10));
    if test.is_empty() || train.len() < 100 {
        return Err(format!("--text {}: a text of 1,000 words is needed", path.display()));
    }
    let rows = |words: &[&str]| {
        let (mut inputs, mut targets) = (Vec::new(), Vec::new());
        for word in words {
            // 0 is what comes before and after a word.
            let mut codes = vec![0; before];
            codes.extend(word.bytes().map(|b| u32::from(b - b'a') + 1));
            codes.push(0);
            for window in codes.windows(before + 1) {
                inputs.extend(&window[..before]);
                targets.push(window[before]);
            }
        }
        let n = targets.len();
        let targets = tensor(targets, n)?;
        Ok::<_, String>(Rows { inputs: tensor(inputs, (n, before))?, targets })
    };
    Ok(Problem::new(rows(&train)?, rows(&test)?, 27))
}

fn read(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|e| format!("--text {}: {e}", path.display()))
}

fn tensor(codes: Vec<u32>, shape: impl Into<candle_core::Shape>) -> Result<Tensor, String> {
    Tensor::from_vec(codes, shape.into(), &Device::Cpu).map_err(|e| e.to_string())
}
