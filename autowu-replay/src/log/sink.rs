//! Gathers the rows of a log whose names turn up as it is read: the series of the best name so far,
//! and no other.

use super::choice::{self, AVERAGE, Place, Rank, VALIDATION};
use super::encoding::quoted;
use super::series::Series;
use std::collections::HashMap;

/// Names that an error lists.
const LISTED: usize = 12;
/// Names that are remembered; others are judged again each time.
const KNOWN: usize = 4096;

#[derive(Clone, Copy)]
enum Class {
    Place(Place),
    Loss(usize, Rank),
    Other,
}

/// Takes rows of named numbers.
pub(super) struct Sink<'a> {
    column: Option<&'a str>,
    classes: HashMap<Box<str>, Class>,
    /// Candidates and others, for the error.
    names: Vec<(Box<str>, Rank)>,
    /// The names of the last row in their order: the next row is likely to have the same.
    order: Vec<(Box<str>, Class)>,
    at: usize,
    row: Row,
    rank: Rank,
    chosen: Option<usize>,
    rivals: bool,
    pub series: Series,
    pub notes: Vec<String>,
    /// Rows after the first loss whose loss was empty, and the line of the first of them: counted
    /// when a loss follows.
    pub empty: (u64, u64),
    waiting: (u64, u64),
}

/// What a row has said.
#[derive(Default)]
pub(super) struct Row {
    step: Option<(u8, f64)>,
    epoch: Option<f64>,
    loss: Option<Best>,
}

/// The loss of a row that is the surest to be one.
struct Best {
    rank: Rank,
    id: usize,
    value: f64,
    /// Another is as sure.
    tied: bool,
}

impl<'a> Sink<'a> {
    pub(super) fn new(column: Option<&'a str>) -> Self {
        Sink {
            column,
            classes: HashMap::new(),
            names: Vec::new(),
            order: Vec::new(),
            at: 0,
            row: Row::default(),
            rank: 0,
            chosen: None,
            rivals: false,
            series: Series::default(),
            notes: Vec::new(),
            empty: (0, 0),
            waiting: (0, 0),
        }
    }

    /// Whether the numbers of this name matter.
    pub(super) fn wants(&mut self, name: &str) -> bool {
        match self.class(name) {
            Class::Place(_) => true,
            Class::Loss(_, rank) => rank >= self.rank,
            Class::Other => false,
        }
    }

    /// A number of this row. The first of a name counts.
    pub(super) fn value(&mut self, name: &str, value: f64) {
        match self.class(name) {
            Class::Place(Place::Step(order)) => {
                if value.is_finite() && self.row.step.is_none_or(|(best, _)| order < best) {
                    self.row.step = Some((order, value));
                }
            }
            Class::Place(Place::Epoch) => {
                self.row.epoch = self.row.epoch.or(value.is_finite().then_some(value));
            }
            Class::Loss(id, rank) => self.loss(id, rank, value),
            Class::Other => {}
        }
    }

    /// Where this row is.
    pub(super) fn place(&mut self, step: Option<f64>, epoch: Option<f64>) {
        self.row.step = step.map(|step| (0, step));
        self.row.epoch = epoch;
    }

    fn loss(&mut self, id: usize, rank: Rank, value: f64) {
        match &mut self.row.loss {
            Some(best) if rank < best.rank || id == best.id => {}
            Some(best) if rank == best.rank => best.tied = true,
            _ => self.row.loss = Some(Best { rank, id, value, tied: false }),
        }
    }

    /// Whether a name says where a row is.
    pub(super) fn is_place(&mut self, name: &str) -> bool {
        matches!(self.class(name), Class::Place(_))
    }

    /// Puts the row aside for one inside of it, if there is one.
    pub(super) fn take_row(&mut self, inside: bool) -> Row {
        if inside { std::mem::take(&mut self.row) } else { Row::default() }
    }

    /// The row that was put aside.
    pub(super) fn put_row(&mut self, row: Row) {
        self.row = row;
    }

    /// The row is cut off.
    pub(super) fn forget_row(&mut self) {
        self.row = Row::default();
    }

    /// The row is complete.
    pub(super) fn end_row(&mut self) {
        let row = std::mem::take(&mut self.row);
        let Some(best) = row.loss else { return };
        if best.rank < self.rank {
            return;
        }
        if best.rank > self.rank {
            (self.rank, self.chosen, self.rivals) = (best.rank, Some(best.id), false);
            (self.series, self.empty, self.waiting) = (Series::default(), (0, 0), (0, 0));
        }
        self.rivals |= best.tied || self.chosen != Some(best.id);
        if !self.rivals {
            self.row(row.step.map(|(_, step)| step), row.epoch, best.value);
        }
    }

    /// A row of a chosen column: the way of tables with a header.
    pub(super) fn row(&mut self, step: Option<f64>, epoch: Option<f64>, loss: f64) {
        self.settle();
        self.series.push(step, epoch, loss);
    }

    fn settle(&mut self) {
        if self.waiting.0 > 0 {
            self.empty.1 = if self.empty.0 == 0 { self.waiting.1 } else { self.empty.1 };
            self.empty.0 += self.waiting.0;
            self.waiting = (0, 0);
        }
    }

    /// A row whose loss is empty.
    pub(super) fn missing(&mut self, line: u64) {
        if !self.series.losses.is_empty() {
            self.waiting.1 = if self.waiting.0 == 0 { line } else { self.waiting.1 };
            self.waiting.0 += 1;
        }
    }

    fn class(&mut self, name: &str) -> Class {
        let next = if self.at + 1 < self.order.len() { self.at + 1 } else { 0 };
        let is = |i: usize| self.order.get(i).is_some_and(|(known, _)| **known == *name);
        let found = [self.at, next].into_iter().find(|&i| is(i));
        if let Some(i) = found.or_else(|| (0..self.order.len()).find(|&i| is(i))) {
            self.at = i;
            return self.order[i].1;
        }
        if let Some(class) = self.classes.get(name) {
            return *class;
        }
        self.judge(name)
    }

    fn judge(&mut self, name: &str) -> Class {
        let class = match (choice::rank(name, self.column), choice::place(name)) {
            (0, Some(place)) => Class::Place(place),
            (0, None) => Class::Other,
            (rank, _) => Class::Loss(self.names.len(), rank),
        };
        let room = self.classes.len() < KNOWN;
        match class {
            Class::Place(_) => {}
            Class::Loss(_, rank) if room => self.names.push((name.into(), rank)),
            Class::Loss(..) => return Class::Other,
            Class::Other => self.names.extend(room.then(|| (name.into(), 0))),
        }
        if self.order.len() < 16 {
            self.order.push((name.into(), class));
        } else if room {
            self.classes.insert(name.into(), class);
        }
        class
    }

    /// The one name, or what there is to choose from.
    pub(super) fn chosen(&mut self) -> Result<String, String> {
        match self.chosen {
            Some(id) if !self.rivals => {
                let name = self.names[id].0.to_string();
                self.notes.extend(remark(&name, self.rank, self.column));
                let metric = choice::metric(&name).to_string();
                let same = self.names.iter().filter(|(n, _)| choice::metric(n) == metric).count();
                Ok(if same == 1 && !metric.is_empty() { metric } else { name })
            }
            _ => Err(list(&self.names, self.column, self.rank)),
        }
    }
}

/// What the rank of a column says about it.
pub(super) fn remark(name: &str, rank: Rank, column: Option<&str>) -> Option<String> {
    match (column, rank) {
        (None, VALIDATION) => Some(format!(
            "{} is a validation loss; AutoWU reads that of the training",
            quoted(name)
        )),
        (None, AVERAGE) => Some(format!(
            "{} is an average: spikes and noise of single steps do not show",
            quoted(name)
        )),
        _ => None,
    }
}

/// What there is to choose from.
pub(super) fn list(names: &[(Box<str>, Rank)], column: Option<&str>, rank: Rank) -> String {
    if names.is_empty() {
        return "no loss was found: one loss a line, a table with a header, JSON, or lines with \
                `loss: 2.3` were expected"
            .into();
    }
    let best: Vec<&str> =
        names.iter().filter(|(_, r)| *r == rank && rank > 0).map(|(n, _)| &**n).collect();
    let some = if best.is_empty() { names.iter().map(|(n, _)| &**n).collect() } else { best };
    let mut shown: Vec<String> = some.iter().take(LISTED).map(|name| quoted(name)).collect();
    if some.len() > LISTED {
        shown.push(format!("and {} more", some.len() - LISTED));
    }
    let shown = shown.join(", ");
    match (column, rank > 0 && some.len() > 1) {
        (Some(column), true) => {
            format!(
                "several columns match {}: {shown}; give one of them to --column",
                quoted(column)
            )
        }
        (Some(column), false) => {
            format!("there is no column {}; the log has {shown}", quoted(column))
        }
        (None, true) => {
            format!(
                "several columns can be the training loss: {shown}; choose one with --column NAME"
            )
        }
        (None, false) => {
            format!("no column is surely the training loss: {shown}; choose one with --column NAME")
        }
    }
}
