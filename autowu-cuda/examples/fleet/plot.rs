//! The picture of a fleet: when it passed minima, and which learning rate each member found.

use crate::Member;
use plotters::coord::Shift;
use plotters::prelude::*;
use std::path::Path;

const FIRST: RGBColor = RGBColor(26, 82, 140);
const LATER: RGBColor = RGBColor(150, 180, 210);
const PEAK: RGBColor = RGBColor(26, 82, 140);
const MEDIAN: RGBColor = RGBColor(222, 118, 40);

/// Points drawn at most: more only make the file large.
const MOST_POINTS: usize = 1000;
const BINS: u64 = 50;

type Drawn = Result<(), Box<dyn std::error::Error>>;

/// Draws a fleet as SVG; detections can come in the first `warmup` steps.
pub fn draw(path: &Path, warmup: u64, members: &[Member]) -> Result<(), String> {
    let picture = || -> Drawn {
        let root = SVGBackend::new(path, (1120, 480)).into_drawing_area();
        root.fill(&WHITE)?;
        let (left, right) = root.split_horizontally(560);
        draw_steps(&left, warmup, members)?;
        draw_peaks(&right, members)?;
        root.present()?;
        Ok(())
    };
    picture().map_err(|e| format!("{}: {e}", path.display()))
}

/// Detections by step: the first of each member, and on top of them the others.
fn draw_steps(area: &DrawingArea<SVGBackend, Shift>, warmup: u64, members: &[Member]) -> Drawn {
    let width = warmup.div_ceil(BINS).max(1);
    let bins = (warmup / width + 1) as usize;
    let (mut first, mut all) = (vec![0; bins], vec![0; bins]);
    for member in members {
        for (i, &step) in member.detections.iter().enumerate() {
            let bin = ((step / width) as usize).min(bins - 1);
            all[bin] += 1;
            first[bin] += u32::from(i == 0);
        }
    }
    let top = all.iter().copied().max().unwrap_or(0).max(1) * 21 / 20 + 1;
    let mut chart = ChartBuilder::on(area)
        .caption("Where the loss was found past its minimum", ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(0..bins as u64 * width, 0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(BLACK.mix(0.08))
        .x_desc("step of the warmup")
        .y_desc("members")
        .label_style(("sans-serif", 14))
        .draw()?;
    let bars = |counts: Vec<u32>, color: RGBColor| {
        counts.into_iter().enumerate().filter(|(_, n)| *n > 0).map(move |(i, n)| {
            let start = i as u64 * width;
            Rectangle::new([(start, 0), (start + width, n)], color.filled())
        })
    };
    let key = |color: RGBColor| {
        move |(x, y)| Rectangle::new([(x, y - 5), (x + 14, y + 5)], color.filled())
    };
    chart.draw_series(bars(all, LATER))?.label("again, on a later climb").legend(key(LATER));
    chart.draw_series(bars(first, FIRST))?.label("for the first time").legend(key(FIRST));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.15))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

/// The learning rate that the decay starts from, against the scale of the data.
fn draw_peaks(area: &DrawingArea<SVGBackend, Shift>, members: &[Member]) -> Drawn {
    let peaks: Vec<(f64, f64)> =
        members.iter().filter_map(|m| Some((m.scale, m.decay?.1))).collect();
    let range = |value: fn(&(f64, f64)) -> f64| {
        let (low, high) =
            peaks.iter().map(value).fold((f64::MAX, 0.0_f64), |(a, b), x| (a.min(x), b.max(x)));
        if low < high { low / 1.3..high * 1.3 } else { 0.1..10.0 }
    };
    let mut chart = ChartBuilder::on(area)
        .caption("Learning rate of the minimum, by the scale of the data", ("sans-serif", 17))
        .margin(12)
        .x_label_area_size(42)
        .y_label_area_size(64)
        .build_cartesian_2d(range(|p| p.0).log_scale(), range(|p| p.1).log_scale())?;
    chart
        .configure_mesh()
        .light_line_style(WHITE.mix(0.0))
        .bold_line_style(BLACK.mix(0.08))
        .x_label_formatter(&|x| format!("{x}"))
        .y_label_formatter(&|y| format!("{y:.0e}"))
        .x_desc("scale of the data")
        .y_desc("peak")
        .label_style(("sans-serif", 14))
        .draw()?;
    let points =
        peaks.iter().take(MOST_POINTS).map(|&at| Circle::new(at, 2, PEAK.mix(0.35).filled()));
    chart
        .draw_series(points)?
        .label("one network")
        .legend(|(x, y)| Circle::new((x + 9, y), 3, PEAK.filled()));
    chart
        .draw_series(LineSeries::new(medians(peaks), MEDIAN.stroke_width(3)))?
        .label("median")
        .legend(|(x, y)| PathElement::new([(x, y), (x + 18, y)], MEDIAN.stroke_width(3)));
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::LowerLeft)
        .background_style(WHITE.mix(0.85))
        .border_style(BLACK.mix(0.15))
        .label_font(("sans-serif", 14))
        .draw()?;
    Ok(())
}

/// The median of both coordinates in each twentieth of the members, by scale.
fn medians(mut peaks: Vec<(f64, f64)>) -> Vec<(f64, f64)> {
    peaks.sort_by(|a, b| a.0.total_cmp(&b.0));
    let size = peaks.len().div_ceil(20).max(1);
    let middle = |chunk: &[(f64, f64)]| {
        let mut lrs: Vec<f64> = chunk.iter().map(|p| p.1).collect();
        lrs.sort_by(f64::total_cmp);
        (chunk[chunk.len() / 2].0, lrs[lrs.len() / 2])
    };
    peaks.chunks(size).map(middle).collect()
}
