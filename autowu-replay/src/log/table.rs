//! Tables: a column for each metric, or one row for each value and a column that names it.

use super::choice::{self, Place, Rank};
use super::encoding::{End, decode, quoted};
use super::number::{Cell, cell, complaint, count};
use super::sink::{self, Sink};
use csv::ByteRecord;
use std::io::Read;

/// How a table is written.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Shape {
    pub delimiter: u8,
    /// The decimal point is a comma.
    pub comma: bool,
    /// Names, where the first row is none.
    pub names: Option<Vec<String>>,
}

/// Where the numbers of a row are.
struct Layout {
    step: Option<usize>,
    epoch: Option<usize>,
    kind: Kind,
}

enum Kind {
    Wide { loss: usize, name: Box<str>, rank: Rank },
    Long { run: Option<usize>, tag: usize, value: usize },
}

/// Reads a table into the sink; the name of its column of losses.
pub(super) fn read(
    input: impl Read,
    end: &End,
    shape: &Shape,
    column: Option<&str>,
    sink: &mut Sink<'_>,
) -> Result<String, String> {
    let mut reader = csv::ReaderBuilder::new()
        .delimiter(shape.delimiter)
        .has_headers(false)
        .flexible(true)
        .comment(Some(b'#'))
        .from_reader(input);
    let mut row = ByteRecord::new();
    let mut header = match &shape.names {
        Some(names) => ByteRecord::from(names.clone()),
        None => {
            reader.read_byte_record(&mut row).map_err(|e| e.to_string())?;
            std::mem::take(&mut row)
        }
    };
    let mut layout = Layout::of(&header, column)?;
    while reader.read_byte_record(&mut row).map_err(|e| e.to_string())? {
        let at = row.position().map_or(0, csv::Position::line);
        let Err(message) = layout.take(&row, &header, shape, at, sink) else { continue };
        if let Some(next) = second_header(&row, &layout, column) {
            sink.notes.push(format!("line {at} repeats the header: what follows is read as well"));
            (layout, header) = (next, row.clone());
            continue;
        }
        let was_last = !reader.read_byte_record(&mut row).map_err(|e| e.to_string())?;
        if was_last && end.is_open() {
            sink.notes.push(format!("the last line ({at}) is incomplete: it is left out"));
            break;
        }
        return Err(message);
    }
    match layout.kind {
        Kind::Long { .. } => sink.chosen(),
        Kind::Wide { name, rank, .. } => {
            sink.notes.extend(sink::remark(&name, rank, column));
            let same = header.iter().filter(|h| metric_of(h) == choice::metric(&name)).count();
            Ok(if same == 1 { choice::metric(&name).into() } else { name.into() })
        }
    }
}

fn metric_of(cell: &[u8]) -> String {
    choice::metric(&decode(cell)).into()
}

/// A header in the middle of a table, of a run that was started again.
fn second_header(row: &ByteRecord, old: &Layout, column: Option<&str>) -> Option<Layout> {
    let all_words = row.iter().all(|c| matches!(cell(&decode(c), false), Cell::Other));
    let next = all_words.then(|| Layout::of(row, column).ok())??;
    match (&old.kind, &next.kind) {
        (Kind::Wide { name: a, .. }, Kind::Wide { name: b, .. }) => (a == b).then_some(next),
        (Kind::Long { .. }, Kind::Long { .. }) => Some(next),
        _ => None,
    }
}

impl Layout {
    fn of(header: &ByteRecord, column: Option<&str>) -> Result<Self, String> {
        let names: Vec<String> = header.iter().map(|c| decode(c).trim().to_string()).collect();
        let (mut step, mut epoch) = (None, None);
        for (i, name) in names.iter().enumerate() {
            match choice::place(name) {
                Some(Place::Step(order)) if step.is_none_or(|(best, _)| order < best) => {
                    step = Some((order, i));
                }
                Some(Place::Epoch) => epoch = epoch.or(Some(i)),
                _ => {}
            }
        }
        let step = step.map(|(_, i)| i);
        if let Some(kind) = Kind::long(&names) {
            return Ok(Layout { step, epoch, kind });
        }
        let rank = |name: &String| match choice::rank(name, column) {
            // TensorBoard's chart of one metric, whose name is in that of the file.
            0 if column.is_none() && name.eq_ignore_ascii_case("value") => 3,
            rank => rank,
        };
        let ranks: Vec<Rank> = names.iter().map(rank).collect();
        let best = ranks.iter().copied().max().unwrap_or(0);
        let mut ways = (0..names.len()).filter(|&i| best > 0 && ranks[i] == best);
        match (ways.next(), ways.next()) {
            (Some(loss), None) => {
                let kind = Kind::Wide { loss, name: names[loss].as_str().into(), rank: best };
                Ok(Layout { step, epoch, kind })
            }
            _ => {
                let others = names.iter().zip(&ranks).filter(|(n, _)| choice::place(n).is_none());
                let others: Vec<_> = others.map(|(n, &r)| (n.as_str().into(), r)).collect();
                Err(sink::list(&others, column, best))
            }
        }
    }

    fn take(
        &self,
        row: &ByteRecord,
        header: &ByteRecord,
        shape: &Shape,
        at: u64,
        sink: &mut Sink<'_>,
    ) -> Result<(), String> {
        if row.len() != header.len() && row.iter().skip(header.len()).any(|c| !c.is_empty())
            || row.len() < header.len()
        {
            let text: Vec<_> = row.iter().map(decode).collect();
            return Err(format!(
                "line {at}: {} has {} cells, the header has {}: complete the line or delete it; a \
                 comma in a number needs quotes",
                quoted(&text.join(char::from(shape.delimiter).to_string().as_str())),
                row.len(),
                header.len()
            ));
        }
        let place = |column: Option<usize>| column.and_then(|i| count(&decode(row.get(i)?)));
        let text = |column: usize| decode(row.get(column).unwrap_or_default());
        match self.kind {
            Kind::Wide { loss, .. } => match cell(&text(loss), shape.comma) {
                Cell::Number(loss) => sink.row(place(self.step), place(self.epoch), loss),
                Cell::Missing => sink.missing(at),
                wrong => return Err(complaint(at, &text(loss), wrong)),
            },
            Kind::Long { run, tag, value } => {
                let tag = text(tag);
                let run = run.map(text);
                let name = match &run {
                    Some(run) if !run.trim().is_empty() => {
                        format!("{} - {}", run.trim(), tag.trim()).into()
                    }
                    _ => tag,
                };
                if sink.wants(name.trim()) {
                    match cell(&text(value), shape.comma) {
                        Cell::Number(value) => sink.value(name.trim(), value),
                        Cell::Missing => sink.missing(at),
                        wrong => return Err(complaint(at, &text(value), wrong)),
                    }
                    sink.place(place(self.step), place(self.epoch));
                    sink.end_row();
                }
            }
        }
        Ok(())
    }
}

impl Kind {
    /// MLflow, Comet, and what `melt` makes: a tag and a value in each row.
    fn long(names: &[String]) -> Option<Self> {
        let find = |wanted: &[&str]| {
            wanted.iter().find_map(|wanted| {
                let plain = |n: &String| n.to_ascii_lowercase().replace(['_', ' ', '-'], "");
                names.iter().position(|name| plain(name) == *wanted)
            })
        };
        let tag = find(&["tag", "metricname", "metrickey", "metric", "key", "name", "variable"])?;
        let value = find(&["value", "metricvalue", "val"])?;
        let run = find(&["runid", "runuuid", "experimentkey", "run", "runname", "experiment"]);
        Some(Kind::Long { run, tag, value })
    }
}
