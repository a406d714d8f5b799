//! The picture of a run: the losses with the GP's band above, the learning rate below.

use crate::record::{Band, Record};
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

const LOSS: RGBColor = RGBColor(120, 144, 170);
const BAND: RGBColor = RGBColor(222, 118, 40);
const RATE: RGBColor = RGBColor(26, 82, 140);
const RESTORE: RGBColor = RGBColor(150, 60, 140);
const SWITCH: RGBColor = RGBColor(40, 130, 70);

/// What the picture shows, step by step.
struct Curves<'a> {
    losses: &'a [f64],
    lrs: &'a [f64],
    band: Option<&'a Band>,
    /// Where the run restored.
    restores: Vec<u64>,
    /// Where the decay began.
    switch: Option<u64>,
}

/// Draws a run as SVG.
///
/// # Errors
/// A path that cannot be written to.
pub fn draw(path: &Path, losses: &[f64], record: &Record) -> Result<(), String> {
    let curves = Curves {
        losses: &losses[..losses.len().min(record.lrs.len() - 1)],
        lrs: &record.lrs,
        band: record.band.as_ref(),
        restores: record.events.iter().filter(|e| e.kind == "restore").map(|e| e.step).collect(),
        switch: record.switch.as_ref().map(|s| s.step),
    };
    picture(path, &curves).map_err(|e| format!("{}: {e}", path.display()))
}

fn picture(path: &Path, curves: &Curves) -> Drawn {
    let root = SVGBackend::new(path, (960, 640)).into_drawing_area();
    root.fill(&WHITE)?;
    let (above, below) = root.split_vertically(360);
    draw_losses(&above, curves)?;
    draw_rates(&below, curves)?;
    root.present()?;
    Ok(())
}

type Drawn = Result<(), Box<dyn std::error::Error>>;

fn draw_losses(area: &DrawingArea<SVGBackend, Shift>, c: &Curves) -> Drawn {
    let (low, high) = loss_range(c.losses);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(8)
        .y_label_area_size(76)
        .build_cartesian_2d(0.0..c.losses.len() as f64, low..high)?;
    chart
        .configure_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(BLACK.mix(0.08))
        .x_labels(10)
        .x_label_formatter(&|_| String::new())
        .y_label_formatter(&|y| short(*y))
        .y_desc("training loss")
        .label_style(("sans-serif", 15))
        .draw()?;
    for (at, color, text) in marks(c) {
        let line = LineSeries::new([(at, low), (at, high)], color.stroke_width(1));
        let drawn = chart.draw_series(line)?;
        if let Some(text) = text {
            drawn.label(text).legend(move |(x, y)| {
                PathElement::new([(x, y), (x + 18, y)], color.stroke_width(2))
            });
        }
    }
    let points = c.losses.iter().enumerate().filter(|(_, y)| y.is_finite());
    chart
        .draw_series(LineSeries::new(
            points.map(|(i, &y)| (i as f64, y.min(high))),
            LOSS.stroke_width(1),
        ))?
        .label("loss")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], LOSS.stroke_width(2)));
    if let Some(band) = c.band {
        let clamp = |y: f64| y.clamp(low, high);
        let upper = band.points.iter().map(|&(x, m, s)| (x, clamp(m + 2.0 * s)));
        let lower = band.points.iter().rev().map(|&(x, m, s)| (x, clamp(m - 2.0 * s)));
        chart.draw_series([Polygon::new(upper.chain(lower).collect::<Vec<_>>(), BAND.mix(0.3))])?;
        chart
            .draw_series(LineSeries::new(
                band.points.iter().map(|&(x, m, _)| (x, clamp(m))),
                BAND.stroke_width(2),
            ))?
            .label("Gaussian process, mean ± 2 deviations")
            .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], BAND.stroke_width(3)));
        let lowest = band
            .points
            .iter()
            .min_by(|a, b| (a.0 - band.argmin).abs().total_cmp(&(b.0 - band.argmin).abs()));
        if let Some(&(x, mean, _)) = lowest {
            chart
                .draw_series([Circle::new((x, clamp(mean)), 5, BAND.filled())])?
                .label("its minimum")
                .legend(|(x, y)| Circle::new((x + 9, y), 5, BAND.filled()));
        }
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperRight)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.15))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

fn draw_rates(area: &DrawingArea<SVGBackend, Shift>, c: &Curves) -> Drawn {
    let steps = c.losses.len();
    let used = || c.lrs.iter().copied().take(steps.max(1)).filter(|&lr| lr > 0.0);
    let high = used().fold(1e-30, f64::max) * 2.0;
    // A cosine falls to 0 in its last steps; four decades below the peak show its shape.
    let start = c.lrs.first().copied().filter(|&lr| lr > 0.0).unwrap_or(high * 1e-6);
    let low = (start / 2.0).max(high * 1e-12);
    let mut chart = ChartBuilder::on(area)
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(76)
        .build_cartesian_2d(0.0..steps as f64, (low..high).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(BLACK.mix(0.08))
        .x_labels(10)
        .x_label_formatter(&|x| format!("{x:.0}"))
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .x_desc("step")
        .y_desc("learning rate")
        .label_style(("sans-serif", 15))
        .draw()?;
    for (at, color, _) in marks(c) {
        chart.draw_series(LineSeries::new([(at, low), (at, high)], color.stroke_width(1)))?;
    }
    let rates = c.lrs.iter().take(steps).enumerate().map(|(i, &lr)| (i as f64, lr.max(low)));
    chart.draw_series(LineSeries::new(rates, RATE.stroke_width(2)))?;
    Ok(())
}

/// Vertical lines: place, colour, and the legend's text for the first of its kind.
fn marks(c: &Curves) -> Vec<(f64, RGBColor, Option<&'static str>)> {
    let mut marks = Vec::new();
    for (i, &step) in c.restores.iter().enumerate() {
        marks.push((
            step as f64,
            RESTORE,
            (i == 0).then_some("weights and learning rate put back"),
        ));
    }
    marks.extend(c.switch.map(|step| (step as f64, SWITCH, Some("decay begins"))));
    marks
}

/// From the smallest loss to the 99th percentile, with a margin: an explosion leaves the picture
/// instead of flattening it.
fn loss_range(losses: &[f64]) -> (f64, f64) {
    let mut finite: Vec<f64> = losses.iter().copied().filter(|y| y.is_finite()).collect();
    finite.sort_by(f64::total_cmp);
    let (Some(&low), Some(&top)) = (finite.first(), finite.last()) else { return (0.0, 1.0) };
    let high = finite[(finite.len() - 1) * 99 / 100].max(finite[finite.len() / 2]);
    let high = if (top - low) < 3.0 * (high - low) { top } else { high };
    let margin = 0.05 * (high - low).max(high.abs() * 1e-3).max(f64::MIN_POSITIVE);
    (low - margin, high + 2.0 * margin)
}

fn short(y: f64) -> String {
    if y == 0.0 || (1e-2..1e4).contains(&y.abs()) {
        format!("{:.3}", y).trim_end_matches('0').trim_end_matches('.').into()
    } else {
        format!("{y:.1e}")
    }
}
