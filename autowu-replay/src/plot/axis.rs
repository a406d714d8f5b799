//! Where a number lies in the picture, and the ticks of its axis.

use super::svg::Svg;

/// Maps numbers to places.
pub(super) struct Axis {
    low: f64,
    high: f64,
    /// Places of `low` and `high`.
    ends: (f64, f64),
    is_logarithmic: bool,
}

impl Axis {
    pub(super) fn linear(low: f64, high: f64, from: f64, to: f64) -> Self {
        Axis { low, high, ends: (from, to), is_logarithmic: false }
    }

    /// `low` is above 0.
    pub(super) fn logarithmic(low: f64, high: f64, from: f64, to: f64) -> Self {
        Axis { low, high, ends: (from, to), is_logarithmic: true }
    }

    pub(super) fn place(&self, x: f64) -> f64 {
        let scale = |x: f64| if self.is_logarithmic { x.ln() } else { x };
        let (low, high) = (scale(self.low), scale(self.high));
        // Halves, so that the ends of the range of numbers do not overflow.
        let part = (scale(x) / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0);
        self.ends.0 + (self.ends.1 - self.ends.0) * part
    }

    /// Round numbers, with their texts.
    fn ticks(&self) -> Vec<(f64, String)> {
        if self.is_logarithmic {
            let (low, high) = (self.low.log10().ceil() as i32, self.high.log10().floor() as i32);
            let every = ((high - low) / 6 + 1).max(1) as usize;
            return (low..=high)
                .step_by(every)
                .map(|power| (10_f64.powi(power), format!("1e{power}")))
                .collect();
        }
        let rough = self.high / 8.0 - self.low / 8.0;
        let unit = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * unit).into_iter().find(|&s| s >= rough);
        let Some(step) = step else { return Vec::new() };
        let first = (self.low / step).ceil();
        (0..10)
            .map(|i| (first + f64::from(i)) * step)
            .take_while(|&x| x <= self.high)
            .map(|x| (x, short(x, step)))
            .collect()
    }
}

/// Two axes.
pub(super) struct Panel {
    pub x: Axis,
    pub y: Axis,
}

impl Panel {
    pub(super) fn place(&self, x: f64, y: f64) -> (f64, f64) {
        (self.x.place(x), self.y.place(y))
    }

    /// Grid and ticks; `numbers` at x too.
    pub(super) fn draw(&self, svg: &mut Svg, name: &str, numbers: bool) {
        let ((left, right), (bottom, top)) = (self.x.ends, self.y.ends);
        for (y, text) in self.y.ticks() {
            let y = self.y.place(y);
            svg.line("grid", &[(left, y), (right, y)]);
            svg.text("end", (left - 8.0, y + 5.0), &text);
        }
        for (x, text) in self.x.ticks() {
            let x = self.x.place(x);
            svg.line("grid", &[(x, bottom), (x, top)]);
            if numbers {
                svg.text("middle", (x, bottom + 20.0), &text);
            }
        }
        svg.line("axis", &[(left, top), (left, bottom), (right, bottom)]);
        svg.upright((16.0, (bottom + top) / 2.0), name);
        if numbers {
            svg.text("middle", ((left + right) / 2.0, bottom + 40.0), "step");
        }
    }
}

/// A multiple of `step`.
fn short(x: f64, step: f64) -> String {
    if x == 0.0 {
        "0".into()
    } else if step >= 1e-4 && x.abs() < 1e7 {
        let decimals = (-step.log10().floor()).max(0.0) as usize;
        format!("{x:.decimals$}")
    } else {
        format!("{x:.1e}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_numbers_inside_the_range() {
        let texts = |axis: Axis| axis.ticks().into_iter().map(|t| t.1).collect::<Vec<_>>();
        assert_eq!(
            texts(Axis::linear(-0.1, 2.4, 0.0, 1.0)),
            ["0.0", "0.5", "1.0", "1.5", "2.0"].map(|t| t.replace("0.0", "0"))
        );
        assert_eq!(texts(Axis::linear(0.0, 434.0, 0.0, 1.0))[..3], ["0", "100", "200"]);
        assert_eq!(
            texts(Axis::logarithmic(5e-6, 0.2, 0.0, 1.0)),
            ["1e-5", "1e-4", "1e-3", "1e-2", "1e-1"]
        );
        for (low, high) in [(1e-300, 2e-300), (-1e308, 1e308), (5.0, 5.0 + 1e-9)] {
            let ticks = Axis::linear(low, high, 0.0, 1.0).ticks();
            assert!(ticks.len() > 2 && ticks.iter().all(|t| (low..=high).contains(&t.0)));
        }
    }

    #[test]
    fn ends_lie_at_the_ends() {
        for axis in
            [Axis::linear(-1e308, 1e308, 80.0, 945.0), Axis::logarithmic(1.0, 8.0, 80.0, 945.0)]
        {
            assert!((axis.place(axis.low) - 80.0).abs() < 1e-9);
            assert!((axis.place(axis.high) - 945.0).abs() < 1e-9);
        }
    }
}
