//! Lines and texts as SVG, whose colours follow the reader's light or dark scheme.

use std::fmt::Write;

/// What a picture is made of, by class. The second block holds in a dark scheme.
const STYLE: &str = "<style>
text { font: 15px system-ui, 'Segoe UI', Helvetica, Arial, sans-serif; fill: #1f2328 }
.words { font-weight: 600; paint-order: stroke; stroke: #fff; stroke-width: 5px;
  stroke-linejoin: round }
path { fill: none; stroke-linejoin: round }
.paper { fill: #fff } .grid { stroke: #eaeef2 } .axis { stroke: #818b98 }
.loss { stroke: #6f8fb3; stroke-width: 1.3 } .rate { stroke: #0a58b0; stroke-width: 2.5 }
.band { fill: #e07b22; fill-opacity: .28 } .mean { stroke: #d96a0b; stroke-width: 2.5 }
.minimum { fill: #d96a0b } path.restore { stroke: #8c3a86 } path.switch { stroke: #1b7a3d }
text.restore { fill: #8c3a86 } text.switch { fill: #1b7a3d }
@media (prefers-color-scheme: dark) {
  text { fill: #e6edf3 } .words { stroke: #0d1117 }
  .paper { fill: #0d1117 } .grid { stroke: #21262d } .axis { stroke: #7d8590 }
  .loss { stroke: #7f9fc4 } .rate { stroke: #58a6ff }
  .band { fill: #f0883e; fill-opacity: .35 } .mean { stroke: #f0a35e } .minimum { fill: #f0a35e }
  path.restore { stroke: #d68fd0 } path.switch { stroke: #4cc474 }
  text.restore { fill: #e2a3dc } text.switch { fill: #5fd68a }
}
</style>
";

/// A picture that grows.
pub(super) struct Svg {
    text: String,
}

impl Svg {
    pub(super) fn new(width: f64, height: f64) -> Self {
        let mut text = format!(
            "<svg width=\"{width}\" height=\"{height}\" viewBox=\"0 0 {width} {height}\" \
             xmlns=\"http://www.w3.org/2000/svg\">\n"
        );
        text += STYLE;
        text += "<rect class=\"paper\" width=\"100%\" height=\"100%\"/>\n";
        Svg { text }
    }

    /// Joins points.
    pub(super) fn line(&mut self, class: &str, points: &[(f64, f64)]) {
        self.path(class, points, "");
    }

    /// Fills what points enclose.
    pub(super) fn area(&mut self, class: &str, points: &[(f64, f64)]) {
        self.path(class, points, "Z");
    }

    pub(super) fn dot(&mut self, class: &str, (x, y): (f64, f64)) {
        _ = writeln!(
            self.text,
            "<circle class=\"{class}\" cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5.5\"/>"
        );
    }

    /// A text that starts, ends or has its middle at a place.
    pub(super) fn text(&mut self, anchor: &str, at: (f64, f64), text: &str) {
        self.write_text("", anchor, at, text);
    }

    /// A text that lies over lines.
    pub(super) fn words(&mut self, class: &str, anchor: &str, at: (f64, f64), text: &str) {
        self.write_text(&format!(" class=\"words {class}\""), anchor, at, text);
    }

    /// A text from below to above.
    pub(super) fn upright(&mut self, (x, y): (f64, f64), text: &str) {
        let turned = format!(" transform=\"rotate(-90 {x} {y})\"");
        self.write_text(&turned, "middle", (x, y), text);
    }

    pub(super) fn finish(mut self) -> String {
        self.text += "</svg>\n";
        self.text
    }

    fn path(&mut self, class: &str, points: &[(f64, f64)], end: &str) {
        let Some(((x, y), rest)) = points.split_first() else { return };
        _ = write!(self.text, "<path class=\"{class}\" d=\"M{x:.1} {y:.1}L");
        // Of a single point, a dot as wide as the line.
        for (x, y) in if rest.is_empty() { points } else { rest } {
            _ = write!(self.text, "{x:.1} {y:.1} ");
        }
        self.text.truncate(self.text.trim_end().len());
        _ = writeln!(self.text, "{end}\"/>");
    }

    fn write_text(&mut self, more: &str, anchor: &str, (x, y): (f64, f64), text: &str) {
        _ = writeln!(
            self.text,
            "<text{more} x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{text}</text>"
        );
    }
}
