//! The table as a picture: a line for each curve and rule, a ring for each of its budgets and noise
//! levels.

use autowu_lab::detector::curves::{Curve, Noise};
use autowu_lab::detector::rules::RULES;
use autowu_lab::detector::table::Row;
use plotters::prelude::*;
use plotters::style::text_anchor::{HPos, Pos, VPos};
use std::path::Path;

struct Panel {
    title: &'static str,
    value: fn(&Row) -> Option<f64>,
    scale: fn(f64) -> f64,
    /// With the ends of the axis; values beyond are drawn at the end.
    ticks: &'static [(f64, &'static str)],
}

const SHARES: &[(f64, &str)] = &[(0.0, "0"), (1.0, "1"), (10.0, "10"), (100.0, "100")];

/// Close to linear below 1 %, logarithmic above.
fn share(percent: f64) -> f64 {
    percent.asinh()
}

const PANELS: [Panel; 4] = [
    Panel {
        title: "false ends, % of runs",
        value: |r| Some(r.false_ends),
        scale: share,
        ticks: SHARES,
    },
    Panel { title: "minimum missed, %", value: |r| Some(r.missed), scale: share, ticks: SHARES },
    Panel {
        title: "delay: growth of the LR, median",
        value: |r| r.delay.map(|d| d[0]),
        scale: f64::ln,
        ticks: &[(1.0, "×1"), (1.5, "×1.5"), (2.0, "×2"), (3.0, "×3"), (5.0, "×5"), (10.0, "×10")],
    },
    Panel {
        title: "error of the peak, decades, median",
        value: |r| r.error.map(|e| e[0]),
        scale: |x| x,
        ticks: &[(-1.0, "−1"), (-0.5, "−½"), (0.0, "0"), (0.5, "½")],
    },
];
const COLORS: [RGBColor; 4] =
    [RGBColor(26, 82, 140), RGBColor(222, 118, 40), RGBColor(40, 130, 70), RGBColor(150, 60, 140)];
const TOP: i32 = 50;
const LINE: i32 = 17;
const NAMES: i32 = 230;
const WIDTH: i32 = 190;
const STRIDE: i32 = 220;

/// Draws detector.svg.
///
/// # Errors
/// A folder that cannot be written to.
pub fn draw(folder: &Path, rows: &[Row]) -> Result<(), String> {
    let path = folder.join("detector.svg");
    picture(&path, rows).map_err(|e| format!("{}: {e}", path.display()))
}

fn picture(path: &Path, rows: &[Row]) -> Result<(), Box<dyn std::error::Error>> {
    let rules: Vec<&str> =
        RULES.iter().map(|r| r.name).filter(|name| rows.iter().any(|r| r.rule == *name)).collect();
    let kinds = Curve::ALL.iter().flat_map(|c| Noise::ALL.iter().map(|n| (c.name(), n.name())));
    let kinds: Vec<(&str, &str)> =
        kinds.filter(|k| rows.iter().any(|r| *k == (&r.curve, &r.noise))).collect();
    let height = LINE * rules.len() as i32;
    let bottom = TOP + height * kinds.len() as i32;
    let size = ((NAMES + STRIDE * PANELS.len() as i32) as u32, (bottom + 30) as u32);
    let area = SVGBackend::new(path, size).into_drawing_area();
    area.fill(&WHITE)?;
    let text = |text: &str, at: (i32, i32), side: HPos, color: RGBColor| {
        let style = TextStyle::from(("sans-serif", 13).into_font())
            .color(&color)
            .pos(Pos::new(side, VPos::Center));
        area.draw(&Text::new(text.to_owned(), at, style))
    };
    for (panel, left) in PANELS.iter().zip((NAMES..).step_by(STRIDE as usize)) {
        text(panel.title, (left + WIDTH / 2, 14), HPos::Center, BLACK)?;
        for (x, label) in panel.ticks {
            let at = panel.pixel(*x, left);
            area.draw(&PathElement::new([(at, TOP - 6), (at, bottom)], BLACK.mix(0.15)))?;
            text(label, (at, TOP - 16), HPos::Center, BLACK)?;
            text(label, (at, bottom + 12), HPos::Center, BLACK)?;
        }
    }
    for (kind, top) in kinds.iter().zip((TOP..).step_by(height.max(1) as usize)) {
        let right = NAMES + STRIDE * PANELS.len() as i32 - STRIDE + WIDTH;
        area.draw(&PathElement::new([(10, top), (right, top)], BLACK.mix(0.3)))?;
        let name = if kind.1 == Noise::White.name() {
            kind.0.to_owned()
        } else {
            format!("{}, {}", kind.0, kind.1)
        };
        text(&name, (10, top + LINE / 2), HPos::Left, BLACK)?;
        for (number, rule) in rules.iter().enumerate() {
            let y = top + LINE * number as i32 + LINE / 2;
            let color = COLORS[number % COLORS.len()];
            text(rule, (NAMES - 14, y), HPos::Right, color)?;
            let of = |r: &&Row| *kind == (&r.curve, &r.noise) && r.rule == *rule;
            for row in rows.iter().filter(of) {
                for (panel, left) in PANELS.iter().zip((NAMES..).step_by(STRIDE as usize)) {
                    if let Some(x) = (panel.value)(row) {
                        area.draw(&Circle::new(
                            (panel.pixel(x, left), y),
                            4,
                            color.mix(0.7).stroke_width(2),
                        ))?;
                    }
                }
            }
        }
    }
    area.present()?;
    Ok(())
}

impl Panel {
    /// The pixel of `x` on the axis that begins at `left`.
    fn pixel(&self, x: f64, left: i32) -> i32 {
        let (Some(&(low, _)), Some(&(high, _))) = (self.ticks.first(), self.ticks.last()) else {
            return left;
        };
        let [low, high, x] = [low, high, x.clamp(low, high)].map(self.scale);
        left + ((x - low) / (high - low) * f64::from(WIDTH)).round() as i32
    }
}
