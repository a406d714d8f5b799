//! Which column, key or tag is the loss.
//!
//! A name has a rank, and the highest rank wins, if one name alone has it. With `--column` the rank
//! is how well a name matches. Without, it is how surely the name is that of a training loss; the
//! name of a run never counts.

/// How surely a name is that of the loss; 0: it is not.
pub(super) type Rank = u8;

/// The only loss there is, but not of the training.
pub(super) const VALIDATION: Rank = 1;
/// An average over an epoch or over time.
pub(super) const AVERAGE: Rank = 2;

/// Rank of a column, key or tag, given `--column`.
pub(super) fn rank(name: &str, column: Option<&str>) -> Rank {
    match column {
        Some(column) => match_rank(name, column),
        None => loss_rank(metric(name)),
    }
}

/// What Weights & Biases puts after the run's name, or the whole name.
pub(super) fn metric(name: &str) -> &str {
    name.rsplit_once(" - ").map_or(name, |(_, metric)| metric).trim()
}

fn match_rank(name: &str, column: &str) -> Rank {
    let column = column.trim();
    if name == column {
        4
    } else if metric(name) == column {
        3
    } else if name.eq_ignore_ascii_case(column) || metric(name).eq_ignore_ascii_case(column) {
        2
    } else {
        // `train_loss` means `train loss` too.
        let (words, wanted) = (words(metric(name)), self::words(column));
        (!wanted.is_empty() && words == wanted).into()
    }
}

/// What makes a number beside a loss: its scale, its extremes, its weight.
const NOT_A_LOSS: [&str; 24] = [
    "scale",
    "scaler",
    "scaling",
    "min",
    "max",
    "best",
    "std",
    "stddev",
    "var",
    "variance",
    "grad",
    "norm",
    "lr",
    "rate",
    "weight",
    "weights",
    "coef",
    "coefficient",
    "ratio",
    "time",
    "count",
    "ppl",
    "perplexity",
    "nan",
];
const OF_VALIDATION: [&str; 10] =
    ["val", "valid", "validation", "eval", "evaluation", "test", "testing", "dev", "tel", "vl"];
const OF_TRAINING: [&str; 6] = ["train", "training", "trainer", "trl", "trainloss", "tr"];
const OVER_TIME: [&str; 9] =
    ["epoch", "avg", "average", "averaged", "mean", "ema", "smooth", "smoothed", "running"];
const OF_A_STEP: [&str; 5] = ["step", "batch", "iter", "iteration", "micro"];

fn loss_rank(name: &str) -> Rank {
    let words = words(name);
    let any = |list: &[&str]| words.iter().any(|w| list.contains(&w.as_str()));
    let is_loss = |w: &str| {
        matches!(w, "nll" | "xent" | "trl" | "crossentropy" | "losses") || w.ends_with("loss")
    };
    let cross = words.windows(2).any(|w| w[0] == "cross" && w[1] == "entropy");
    if any(&NOT_A_LOSS) || !(cross || words.iter().any(|w| is_loss(w))) {
        return 0;
    }
    let glued = |w: &String| ["valloss", "testloss", "evalloss", "vloss"].contains(&w.as_str());
    if is_of_validation(name) || words.iter().any(glued) {
        return VALIDATION;
    }
    if any(&OVER_TIME) {
        return AVERAGE;
    }
    let plain = |w: &String| matches!(w.as_str(), "loss" | "losses" | "trl" | "trainloss");
    let told = |w: &String| {
        OF_TRAINING.contains(&w.as_str()) || OF_A_STEP.contains(&w.as_str()) || plain(w)
    };
    match words.as_slice() {
        [only] if only == "loss" => 5,
        all if all.iter().all(told) => 4,
        _ => 3,
    }
}

/// Whether a name or a line is about validation.
pub(super) fn is_of_validation(name: &str) -> bool {
    // Few names need to be taken apart.
    let may = |start: &[u8]| {
        name.as_bytes().windows(start.len()).any(|part| part.eq_ignore_ascii_case(start))
    };
    if ![&b"val"[..], b"test", b"dev", b"tel", b"vl"].iter().any(|start| may(start)) {
        return false;
    }
    words(name).iter().any(|w| OF_VALIDATION.contains(&w.as_str()))
}

/// Whether a name has a word that means a loss.
pub(super) fn is_loss(name: &str) -> bool {
    loss_rank(name) > 0
}

/// Lower-case words of `train/lossEpoch` or `train_loss-epoch`: train, loss, epoch.
fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let (mut inside, mut was_lower) = (false, false);
    for c in name.chars() {
        if !c.is_alphanumeric() {
            inside = false;
            continue;
        }
        if !inside || (was_lower && c.is_uppercase()) {
            words.push(String::new());
        }
        (inside, was_lower) = (true, c.is_lowercase());
        if let Some(word) = words.last_mut() {
            word.extend(c.to_lowercase());
        }
    }
    words
}

/// What a column says about its row.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Place {
    /// A step of the training; the smallest number is the surest.
    Step(u8),
    /// In epochs.
    Epoch,
}

/// Whether a column, key or tag says where a row is.
pub(super) fn place(name: &str) -> Option<Place> {
    let words = words(name);
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    Some(match words[..] {
        ["step"] => Place::Step(0),
        ["global", "step"] | ["trainer", "global", "step"] | ["train", "global", "step"] => {
            Place::Step(1)
        }
        ["steps"] | ["train" | "training", "step"] | ["num", "updates"] => Place::Step(2),
        ["iter" | "iteration" | "iterations" | "iters" | "it" | "update" | "updates"] => {
            Place::Step(3)
        }
        ["train" | "training", "iter" | "iteration"] | ["batch"] | ["s"] => Place::Step(4),
        ["epoch" | "epochs"] | ["train" | "training", "epoch"] => Place::Epoch,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks() {
        for (name, expected) in [
            ("loss", 5),
            ("Loss", 5),
            ("run-1 - loss", 5),
            ("train/loss", 4),
            ("train_loss", 4),
            ("trainLoss", 4),
            ("Loss/train", 4),
            ("train_loss_step", 4),
            ("trl", 4),
            ("trainloss", 4),
            ("lm loss", 3),
            ("train_nll", 3),
            ("train/box_loss", 3),
            ("cross_entropy", 3),
            ("focal_loss", 3),
            ("lm loss value", 3),
            ("train_loss_epoch", AVERAGE),
            ("loss_ema", AVERAGE),
            ("val_loss", VALIDATION),
            ("eval/loss", VALIDATION),
            ("validLoss", VALIDATION),
            ("valloss", VALIDATION),
            ("loss_scale", 0),
            ("loss scale", 0),
            ("focal-loss-a - train/accuracy", 0),
            ("run - train/loss__MIN", 0),
            ("grad_norm", 0),
            ("Value", 0),
            ("", 0),
            ("lm loss PPL", 0),
            ("glossary", 0),
        ] {
            assert_eq!(rank(name, None), expected, "{name}");
        }
    }

    #[test]
    fn matches() {
        for (name, column, expected) in [
            ("a - train/loss", "a - train/loss", 4),
            ("a - train/loss", "train/loss", 3),
            ("a - train/loss", "Train/Loss", 2),
            ("train loss", "train_loss", 1),
            ("loss", "train/loss", 0),
            ("train/loss__MIN", "train/loss", 0),
            ("x", "", 0),
        ] {
            assert_eq!(rank(name, Some(column)), expected, "{name} {column}");
        }
    }

    #[test]
    fn places() {
        for (name, expected) in [
            ("Step", Some(Place::Step(0))),
            ("_step", Some(Place::Step(0))),
            ("trainer/global_step", Some(Place::Step(1))),
            ("iteration", Some(Place::Step(3))),
            ("epoch", Some(Place::Epoch)),
            ("steps_per_second", None),
            ("loss", None),
            ("elapsed time per iteration", None),
        ] {
            assert_eq!(place(name), expected, "{name}");
        }
    }
}
