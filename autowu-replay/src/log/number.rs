//! Numbers as logs print them.

use super::encoding::quoted;

/// A loss, as Rust, Python and spreadsheets write it.
pub fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}

/// What a cell holds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Cell {
    /// Nothing, or a word for it.
    Missing,
    Number(f64),
    /// A comma that can be the decimal one, or that of thousands.
    Ambiguous,
    Other,
}

/// Reads a cell; `comma`: the log writes the decimal point as a comma.
pub(super) fn cell(text: &str, comma: bool) -> Cell {
    let text = text.trim();
    let text = text.strip_prefix('\'').and_then(|t| t.strip_suffix('\'')).unwrap_or(text);
    if comma && text.contains(',') {
        let plain = text.replace('.', "").replace(',', ".");
        return number(&plain).map_or(Cell::Other, Cell::Number);
    }
    if let Some(value) = number(text) {
        return Cell::Number(value);
    }
    if is_missing(text) {
        return Cell::Missing;
    }
    if text.contains(',') {
        return with_commas(text);
    }
    // As the C library of Windows prints them.
    match text.trim_start_matches(['-', '+']).to_ascii_lowercase().as_str() {
        "nan(ind)" | "nan(snan)" | "1.#ind" | "1.#qnan" => Cell::Number(f64::NAN),
        "1.#inf" if text.starts_with('-') => Cell::Number(f64::NEG_INFINITY),
        "1.#inf" => Cell::Number(f64::INFINITY),
        _ => Cell::Other,
    }
}

fn is_missing(text: &str) -> bool {
    ["", "NA", "N/A", "<NA>", "None", "null", "-", "--"]
        .iter()
        .any(|word| word.eq_ignore_ascii_case(text))
}

/// `1,965.7` or `2,3026`; `1,965` can be either.
fn with_commas(text: &str) -> Cell {
    let unsigned = text.trim_start_matches(['-', '+']);
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    let (whole, fraction) = match unsigned.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (unsigned, None),
    };
    let groups: Vec<&str> = whole.split(',').collect();
    let thousands = digits(groups[0])
        && groups[0].len() <= 3
        && groups[1..].iter().all(|group| digits(group) && group.len() == 3);
    match (thousands, fraction, groups.len()) {
        (true, None, 2) if groups[0] != "0" => Cell::Ambiguous,
        (true, None, 2) | (false, None, 2) if digits(groups[0]) => {
            number(&text.replace(',', ".")).map_or(Cell::Other, Cell::Number)
        }
        (true, _, 2..) => number(&text.replace(',', "")).map_or(Cell::Other, Cell::Number),
        _ => Cell::Other,
    }
}

/// A step or an epoch: commas are those of thousands.
pub(super) fn count(text: &str) -> Option<f64> {
    let text = text.trim();
    number(text).or_else(|| number(&text.replace(',', ""))).filter(|n| n.is_finite())
}

/// What is wrong with a cell, and what to do.
pub(super) fn complaint(at: u64, text: &str, cell: Cell) -> String {
    let text = quoted(text.trim());
    match cell {
        Cell::Ambiguous => format!(
            "line {at}: {text} can be a decimal comma or a comma of thousands: write the loss \
             with a point and no comma"
        ),
        _ => format!(
            "line {at}: {text} is not a loss (a number, nan, inf or -inf): correct the line or \
             delete it, or name another column with --column"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells() {
        for (text, comma, value) in [
            ("2.5", false, 2.5),
            (" 1e-3 ", false, 1e-3),
            ("1,965.7", false, 1965.7),
            ("1,234,567", false, 1_234_567.0),
            ("2,3125", false, 2.3125),
            ("0,125", false, 0.125),
            ("2,312", true, 2.312),
            ("1.965,7", true, 1965.7),
            ("3", true, 3.0),
            ("-2,5e-1", false, -0.25),
            ("'2.5'", false, 2.5),
            ("1.#INF", false, f64::INFINITY),
            ("-inf", false, f64::NEG_INFINITY),
            ("Infinity", false, f64::INFINITY),
        ] {
            assert_eq!(cell(text, comma), Cell::Number(value), "{text}");
        }
        for text in ["nan", "-nan", "NaN", "-nan(ind)", "-1.#IND"] {
            assert!(matches!(cell(text, false), Cell::Number(x) if x.is_nan()), "{text}");
        }
        for text in ["", "NA", "none", "null", "-", " N/A "] {
            assert_eq!(cell(text, false), Cell::Missing, "{text}");
        }
        assert_eq!(cell("1,965", false), Cell::Ambiguous);
        for text in ["abc", "1,2,3", "1,,2", "12.3.4", "2.3,5", ",", "0x10"] {
            assert_eq!(cell(text, false), Cell::Other, "{text}");
        }
    }

    #[test]
    fn counts() {
        assert_eq!(count("1,000"), Some(1000.0));
        assert_eq!(count("10.0"), Some(10.0));
        assert_eq!(count("nan"), None);
    }
}
