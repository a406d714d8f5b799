//! The picture of a run: the losses with the GP's band above, the learning rate below, and words
//! at what happened.

mod axis;
mod svg;

use crate::record::{Band, Record};
use axis::{Axis, Panel};
use std::path::Path;
use svg::Svg;

/// What the picture shows, step by step.
struct Curves<'a> {
    losses: &'a [f64],
    lrs: &'a [f64],
    band: Option<&'a Band>,
    marks: Vec<Mark>,
}

/// A vertical line with its words.
struct Mark {
    step: f64,
    class: &'static str,
    words: Vec<String>,
}

/// Points of a line, at most; of more, the extremes of neighbours are drawn.
const POINTS: usize = 3000;

/// Draws a run as SVG.
///
/// # Errors
/// A path that cannot be written to.
pub fn draw(path: &Path, losses: &[f64], record: &Record) -> Result<(), String> {
    let curves = Curves {
        losses: &losses[..losses.len().min(record.lrs.len() - 1)],
        lrs: &record.lrs,
        band: record.band.as_ref(),
        marks: marks(record),
    };
    std::fs::write(path, picture(&curves)).map_err(|e| format!("{}: {e}", path.display()))
}

fn picture(c: &Curves<'_>) -> String {
    let mut svg = Svg::new(960.0, 590.0);
    draw_legend(&mut svg, c);
    draw_losses(&mut svg, c);
    draw_rates(&mut svg, c);
    svg.finish()
}

fn draw_legend(svg: &mut Svg, c: &Curves<'_>) {
    svg.line("loss", &[(80.0, 16.0), (104.0, 16.0)]);
    svg.text("start", (110.0, 21.0), "loss of each step");
    if c.band.is_some() {
        svg.area("band", &[(262.0, 9.0), (286.0, 9.0), (286.0, 23.0), (262.0, 23.0)]);
        svg.line("mean", &[(262.0, 16.0), (286.0, 16.0)]);
        svg.text("start", (292.0, 21.0), "what a test sees: a Gaussian process ± 2 deviations");
        svg.dot("minimum", (720.0, 16.0));
        svg.text("start", (731.0, 21.0), "its minimum");
    }
}

fn draw_losses(svg: &mut Svg, c: &Curves<'_>) {
    let (low, high) = loss_range(c.losses);
    let panel = Panel {
        x: Axis::linear(0.0, c.losses.len().max(1) as f64, 80.0, 945.0),
        y: Axis::linear(low, high, 350.0, 36.0),
    };
    panel.draw(svg, "training loss", false);
    let place = |x: f64, y: f64| panel.place(x, y.clamp(low, high));
    let points: Vec<_> = c.losses.iter().enumerate().map(|(i, &y)| (i as f64, y)).collect();
    for part in thinned(&points).split(|(_, y)| !y.is_finite()) {
        svg.line("loss", &part.iter().map(|&(x, y)| place(x, y)).collect::<Vec<_>>());
    }
    if let Some(band) = c.band {
        let upper = band.points.iter().map(|&(x, m, s)| place(x, m + 2.0 * s));
        let lower = band.points.iter().rev().map(|&(x, m, s)| place(x, m - 2.0 * s));
        svg.area("band", &upper.chain(lower).collect::<Vec<_>>());
        svg.line("mean", &band.points.iter().map(|&(x, m, _)| place(x, m)).collect::<Vec<_>>());
        let off = |x: f64| (x - band.argmin).abs();
        let lowest = band.points.iter().min_by(|a, b| off(a.0).total_cmp(&off(b.0)));
        if let Some(&(x, mean, _)) = lowest {
            svg.dot("minimum", place(x, mean));
        }
    }
    for mark in &c.marks {
        let (x, _) = panel.place(mark.step, low);
        svg.line(mark.class, &[(x, 36.0), (x, 350.0)]);
    }
    let mut row = 0;
    for mark in &c.marks {
        let (x, _) = panel.place(mark.step, low);
        for words in &mark.words {
            // As many rows as there is space for; then from the top again.
            let y = 54.0 + 20.0 * f64::from(row % 12);
            row += 1;
            let fits = x + 8.8 * words.len() as f64 <= 945.0;
            let (anchor, gap) = if fits { ("start", 7.0) } else { ("end", -7.0) };
            svg.words(mark.class, anchor, (x + gap, y), words);
        }
    }
}

fn draw_rates(svg: &mut Svg, c: &Curves<'_>) {
    let steps = c.losses.len().max(1);
    let used = || c.lrs.iter().copied().take(steps).filter(|&lr| lr > 0.0);
    let high = used().fold(1e-30, f64::max) * 2.0;
    // A decay falls to 0 in its last steps; the decades of the climb show its shape.
    let start = c.lrs.first().copied().filter(|&lr| lr > 0.0).unwrap_or(high * 1e-6);
    let low = (start / 2.0).max(high * 1e-12);
    let panel = Panel {
        x: Axis::linear(0.0, steps as f64, 80.0, 945.0),
        y: Axis::logarithmic(low, high, 545.0, 376.0),
    };
    panel.draw(svg, "learning rate", true);
    for mark in &c.marks {
        let (x, _) = panel.place(mark.step, low);
        svg.line(mark.class, &[(x, 376.0), (x, 545.0)]);
    }
    let rates = c.lrs.iter().take(steps).enumerate().map(|(i, &lr)| (i as f64, lr));
    let points = thinned(&rates.collect::<Vec<_>>());
    let line: Vec<_> = points.iter().map(|&(x, lr)| panel.place(x, lr.max(low))).collect();
    svg.line("rate", &line);
    draw_phases(svg, c, &panel.x);
}

/// Under the learning rate: what it does between the marks.
fn draw_phases(svg: &mut Svg, c: &Curves<'_>, x: &Axis) {
    let mut from = 0.0;
    let mut words = "climb";
    let end = Mark { step: c.losses.len() as f64, class: "", words: Vec::new() };
    for mark in c.marks.iter().chain([&end]) {
        let (left, right) = (x.place(from), x.place(mark.step));
        if right - left > 8.5 * words.len() as f64 {
            svg.text("middle", ((left + right) / 2.0, 535.0), words);
        }
        from = mark.step;
        words = match mark.class {
            "restore" if words == "decay" => "decay",
            "restore" => "slower climb",
            "switch" => "decay",
            _ => words,
        };
    }
}

/// Restores, and where the decay began.
fn marks(record: &Record) -> Vec<Mark> {
    let mut marks: Vec<Mark> = Vec::new();
    for event in &record.events {
        let why = event.reason.as_deref().unwrap_or_default();
        // The end of the warmup says where it goes back to.
        let why = why.split(';').next().unwrap_or_default();
        let is_first = marks.iter().all(|mark| mark.class != "restore");
        let (class, words) = match event.kind {
            "restore" if is_first => {
                ("restore", vec!["weights and learning rate go back:".into(), why.into()])
            }
            "restore" => ("restore", vec![format!("back again: {why}")]),
            "decay" => ("switch", vec!["the decay begins".into()]),
            "diverged" => ("restore", vec![format!("diverged: {why}")]),
            _ => continue,
        };
        marks.push(Mark { step: event.step as f64, class, words });
    }
    marks
}

/// The points, or of many the lowest and the highest of each group of neighbours.
fn thinned(points: &[(f64, f64)]) -> Vec<(f64, f64)> {
    if points.len() <= POINTS {
        return points.to_vec();
    }
    let mut out = Vec::with_capacity(POINTS);
    for group in points.chunks(points.len().div_ceil(POINTS / 2)) {
        let by_loss = |a: &&(f64, f64), b: &&(f64, f64)| a.1.total_cmp(&b.1);
        let ends = [group.iter().min_by(by_loss), group.iter().max_by(by_loss)];
        let mut ends: Vec<_> = ends.into_iter().flatten().copied().collect();
        ends.sort_by(|a, b| a.0.total_cmp(&b.0));
        ends.dedup();
        out.extend(ends);
    }
    out
}

/// From the smallest loss to the 99th percentile, with a margin: an explosion leaves the picture
/// instead of flattening it.
fn loss_range(losses: &[f64]) -> (f64, f64) {
    let mut finite: Vec<f64> = losses.iter().copied().filter(|y| y.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let (Some(&low), Some(&top)) = (finite.first(), finite.last()) else { return (0.0, 1.0) };
    let high = finite[(finite.len() - 1) * 99 / 100].max(finite[finite.len() / 2]);
    let high = if (top - low) < 3.0 * (high - low) { top } else { high };
    // Halves, so that the ends of the range of numbers do not overflow.
    let margin = 0.1 * (high / 2.0 - low / 2.0).max(high.abs() * 5e-4).max(f64::MIN_POSITIVE);
    ((low - margin).max(f64::MIN), (high + 2.0 * margin).min(f64::MAX))
}

#[cfg(test)]
mod tests;
