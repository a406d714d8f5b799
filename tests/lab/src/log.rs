//! Reads a log of losses: one loss a line, or a CSV with a header and a column `loss` or `Value`.

/// The losses of a log in order, or which line is wrong and what was expected.
///
/// Understands the CSV exports of TensorBoard (`Wall time,Step,Value`) and Weights & Biases
/// (`Step,Value`, or `"Step","NAME - loss"` with one such column). `nan`, `inf` and `-inf` are
/// losses.
pub fn parse(text: &str) -> Result<Vec<f64>, String> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let Some((_, first)) = lines(text).next() else {
        return Err(
            "the log is empty: one loss a line, or a CSV with a header, was expected".into()
        );
    };
    if number(first).is_some() {
        let parse = |(at, line)| {
            number(line).ok_or_else(|| {
                format!("line {at}: {line:?} is not a loss (a number, nan, inf or -inf)")
            })
        };
        return lines(text).map(parse).collect();
    }
    parse_csv(text)
}

fn parse_csv(text: &str) -> Result<Vec<f64>, String> {
    let mut reader = csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes());
    let header = reader.headers().map_err(|e| format!("the header cannot be read: {e}"))?.clone();
    let column = loss_column(&header)?;
    let mut losses = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| e.to_string())?;
        let at = record.position().map_or(0, csv::Position::line);
        let cell = record.get(column).unwrap_or("");
        // Exports leave a cell empty where another metric was logged.
        if !cell.is_empty() {
            losses.push(number(cell).ok_or_else(|| {
                format!("line {at}: {cell:?} is not a loss (a number, nan, inf or -inf)")
            })?);
        }
    }
    if losses.is_empty() {
        return Err("the log has a header and no loss".into());
    }
    Ok(losses)
}

fn loss_column(header: &csv::StringRecord) -> Result<usize, String> {
    let find = |name: &str| header.iter().position(|h| h.eq_ignore_ascii_case(name));
    if let Some(column) = find("loss").or_else(|| find("Value")) {
        return Ok(column);
    }
    let is_loss = |h: &str| {
        let h = h.to_ascii_lowercase();
        h.contains("loss") && !h.ends_with("__min") && !h.ends_with("__max")
    };
    let similar: Vec<usize> =
        (0..header.len()).filter(|&i| header.get(i).is_some_and(is_loss)).collect();
    match similar[..] {
        [column] => Ok(column),
        _ => Err(format!(
            "the header has the columns {:?}: a column `loss` or `Value` was expected, or one \
             loss a line without a header",
            header.iter().collect::<Vec<_>>()
        )),
    }
}

fn lines(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(i, line)| (i + 1, line.trim()))
        .filter(|(_, line)| !line.is_empty())
}

/// A loss, as Rust, Python and spreadsheets write it.
pub fn number(text: &str) -> Option<f64> {
    text.trim().parse().ok()
}
