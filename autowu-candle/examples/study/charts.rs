//! The pictures: a row for each row of a table, and in it the spread of its runs.

use crate::judge::Spread;
use plotters::coord::Shift;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

/// One line of a picture.
pub struct Line<'a> {
    /// Written where it differs from that of the line above.
    pub group: &'a str,
    pub label: &'a str,
    /// Lines of the same number have the same colour.
    pub color: usize,
    /// Left and right panel.
    pub spreads: [Option<&'a Spread>; 2],
}

/// The axis of a panel.
pub struct Axis {
    pub title: &'static str,
    /// What is drawn at equal distances.
    pub scale: fn(f64) -> f64,
    /// With the ends of the axis; values beyond are drawn at the end.
    pub ticks: &'static [(f64, &'static str)],
    /// The value of neither gain nor loss.
    pub neutral: f64,
}

pub const POINTS: Axis = Axis {
    title: "gap to the tuned peak, points of accuracy (right: worse)",
    // Linear around 0, logarithmic beyond half a point.
    scale: |x| (x / 0.5).asinh(),
    ticks: &[
        (-3.0, "−3"),
        (-1.0, "−1"),
        (0.0, "0"),
        (1.0, "1"),
        (3.0, "3"),
        (10.0, "10"),
        (30.0, "30"),
        (100.0, "100"),
    ],
    neutral: 0.0,
};

pub const PERCENT: Axis = Axis {
    title: "gap to the tuned peak, % of its loss (right: worse)",
    // Linear around 0, logarithmic beyond 3 %.
    scale: |x| (x / 3.0).asinh(),
    ticks: &[
        (-30.0, "−30"),
        (-10.0, "−10"),
        (-3.0, "−3"),
        (0.0, "0"),
        (3.0, "3"),
        (10.0, "10"),
        (30.0, "30"),
        (100.0, "100"),
        (1000.0, "1000"),
    ],
    neutral: 0.0,
};

pub const RATIO: Axis = Axis {
    title: "learning rate that the decay began from, over the tuned peak",
    scale: f64::ln,
    ticks: &[
        (1e-3, "1/1000"),
        (1e-2, "1/100"),
        (0.1, "1/10"),
        (1.0, "1"),
        (10.0, "10"),
        (100.0, "100"),
    ],
    neutral: 1.0,
};

pub const START: Axis = Axis {
    title: "the decay's first step, % of all steps",
    scale: |x| x,
    ticks: &[
        (0.0, "0"),
        (10.0, "10"),
        (20.0, "20"),
        (30.0, "30"),
        (40.0, "40"),
        (50.0, "50"),
        (60.0, "60"),
    ],
    neutral: 50.0,
};

impl Axis {
    /// The pixel of `x` on an axis of `width` pixels from `left` on.
    fn pixel(&self, x: f64, left: i32, width: i32) -> i32 {
        let (Some(&(low, _)), Some(&(high, _))) = (self.ticks.first(), self.ticks.last()) else {
            return left;
        };
        let [low, high, x] = [low, high, x.clamp(low, high)].map(self.scale);
        left + ((x - low) / (high - low) * f64::from(width)).round() as i32
    }
}

const COLORS: [RGBColor; 10] = [
    RGBColor(110, 110, 110),
    RGBColor(26, 82, 140),
    RGBColor(40, 130, 70),
    RGBColor(190, 50, 50),
    RGBColor(222, 118, 40),
    RGBColor(150, 60, 140),
    RGBColor(120, 90, 60),
    RGBColor(20, 140, 150),
    RGBColor(200, 100, 150),
    RGBColor(120, 130, 30),
];
const ROW: i32 = 20;
const TOP: i32 = 50;
/// Room for the names of lines, and for those of groups before them.
const NAMES: i32 = 130;
const GROUPS: i32 = 110;
const PANEL: i32 = 380;
const GUTTER: i32 = 60;

/// Draws an SVG. In each line the box spans the middle half of the runs, the thin line 90 % of
/// them; the stroke in the box is the median, the ring the largest value.
pub fn draw(path: &Path, axes: [&Axis; 2], lines: &[Line]) -> Result<(), String> {
    picture(path, axes, lines).map_err(|e| format!("{}: {e}", path.display()))
}

type Drawn = Result<(), Box<dyn std::error::Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

fn picture(path: &Path, axes: [&Axis; 2], lines: &[Line]) -> Drawn {
    let bottom = TOP + ROW * lines.len() as i32;
    let left = NAMES + if lines.iter().all(|l| l.group.is_empty()) { 0 } else { GROUPS };
    let size = ((left + 2 * PANEL + 2 * GUTTER) as u32, (bottom + 40) as u32);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let text = |text: &str, at: (i32, i32), pos: Pos, size: i32| {
        let style = TextStyle::from(("sans-serif", size).into_font()).pos(pos);
        area.draw(&Text::new(text.to_owned(), at, style))
    };
    let lefts = [left, left + PANEL + GUTTER];
    for (axis, left) in axes.into_iter().zip(lefts) {
        text(axis.title, (left + PANEL / 2, 16), Pos::new(HPos::Center, VPos::Center), 14)?;
        for (x, label) in axis.ticks {
            let at = axis.pixel(*x, left, PANEL);
            let ink = BLACK.mix(if *x == axis.neutral { 0.5 } else { 0.12 });
            area.draw(&PathElement::new([(at, TOP - 8), (at, bottom)], ink))?;
            for y in [TOP - 18, bottom + 10] {
                text(label, (at, y), Pos::new(HPos::Center, VPos::Center), 12)?;
            }
        }
    }
    let mut group = "";
    for (row, line) in (0..).zip(lines) {
        let y = TOP + ROW * row + ROW / 2;
        if line.group != group {
            group = line.group;
            text(group, (10, y), Pos::new(HPos::Left, VPos::Center), 13)?;
            let right = lefts[1] + PANEL;
            area.draw(&PathElement::new(
                [(10, y - ROW / 2), (right, y - ROW / 2)],
                BLACK.mix(0.3),
            ))?;
        }
        text(line.label, (left - 14, y), Pos::new(HPos::Right, VPos::Center), 13)?;
        let color = COLORS[line.color % COLORS.len()];
        for ((axis, left), spread) in axes.into_iter().zip(lefts).zip(line.spreads) {
            if let Some(spread) = spread {
                bar(&area, y, spread, |x| axis.pixel(x, left, PANEL), color)?;
            }
        }
    }
    text(
        "box: the middle half of the runs; line: 90 %; stroke: median; ring: the largest value",
        (left, bottom + 28),
        Pos::new(HPos::Left, VPos::Center),
        12,
    )?;
    area.present()?;
    Ok(())
}

fn bar(area: &Area, y: i32, spread: &Spread, pixel: impl Fn(f64) -> i32, color: RGBColor) -> Drawn {
    let [low, first, median, third, high, worst] =
        [0.05, 0.25, 0.5, 0.75, 0.95, 1.0].map(|q| pixel(spread.quantile(q)));
    area.draw(&PathElement::new([(low, y), (high, y)], color.stroke_width(1)))?;
    area.draw(&Rectangle::new([(first, y - 5), (third, y + 5)], color.mix(0.35).filled()))?;
    area.draw(&PathElement::new([(median, y - 7), (median, y + 7)], color.stroke_width(3)))?;
    area.draw(&Circle::new((worst, y), 3, color.stroke_width(1)))?;
    Ok(())
}
