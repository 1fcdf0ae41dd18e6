//! [`Panel`]: a diagram, and several of them as one SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 420.0;
const HEIGHT: f64 = 260.0;

/// The margins around the diagram.
const LEFT: f64 = 56.0;
const TOP: f64 = 34.0;
const RIGHT: f64 = 16.0;
const BOTTOM: f64 = 44.0;

const COLORS: [&str; 4] = ["#0b62a8", "#c2410c", "#15803d", "#7e22ce"];

/// A diagram with a logarithmic horizontal axis and a linear vertical one from 0.
pub(crate) struct Panel {
    pub(crate) title: String,
    pub(crate) x_label: String,
    pub(crate) lines: Vec<Line>,
}

/// A line of a diagram.
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

/// The panels, two side by side.
pub(crate) fn svg(panels: &[Panel]) -> String {
    let rows = panels.len().div_ceil(2);
    let (width, height) = (2.0 * WIDTH, rows as f64 * HEIGHT);
    let mut text = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" \
         font-family=\"sans-serif\" font-size=\"11\">\n\
         <rect width=\"{width}\" height=\"{height}\" fill=\"white\"/>\n"
    );
    for (at, panel) in panels.iter().enumerate() {
        let (x, y) = ((at % 2) as f64 * WIDTH, (at / 2) as f64 * HEIGHT);
        let _ = writeln!(text, "<g transform=\"translate({x} {y})\">");
        panel.draw(&mut text);
        text.push_str("</g>\n");
    }
    text.push_str("</svg>\n");
    text
}

impl Panel {
    fn draw(&self, text: &mut String) {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let max = points().map(|point| point.1).fold(0.0, f64::max) * 1.15;
        let first = points().map(|point| point.0).fold(f64::INFINITY, f64::min);
        let last = points().map(|point| point.0).fold(0.0, f64::max);
        let span = (last / first).log10().max(1e-9);
        let to_x = |x: f64| LEFT + (x / first).log10() / span * (WIDTH - LEFT - RIGHT);
        let to_y = |y: f64| HEIGHT - BOTTOM - y / max.max(1e-9) * (HEIGHT - TOP - BOTTOM);
        let (bottom, right) = (HEIGHT - BOTTOM, WIDTH - RIGHT);
        let _ = writeln!(
            text,
            "<text x=\"{LEFT}\" y=\"16\" font-weight=\"bold\">{}</text>\n\
             <text x=\"{}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
            self.title,
            f64::midpoint(LEFT, right),
            HEIGHT - 8.0,
            self.x_label
        );
        for step in 0..=4 {
            let value = max * f64::from(step) / 4.0;
            let y = to_y(value);
            let _ = writeln!(
                text,
                "<line x1=\"{LEFT}\" y1=\"{y:.1}\" x2=\"{right}\" y2=\"{y:.1}\" stroke=\"#ddd\"/>\n\
                 <text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{}</text>",
                LEFT - 6.0,
                y + 4.0,
                short(value)
            );
        }
        for x in self.lines.first().iter().flat_map(|line| &line.points) {
            let _ = writeln!(
                text,
                "<text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{}</text>",
                to_x(x.0),
                bottom + 16.0,
                x.0
            );
        }
        for (number, line) in self.lines.iter().enumerate() {
            let color = COLORS[number % COLORS.len()];
            let mut path = String::new();
            for (x, y) in &line.points {
                let _ = write!(path, "{:.1},{:.1} ", to_x(*x), to_y(*y));
            }
            let _ = writeln!(
                text,
                "<polyline points=\"{path}\" fill=\"none\" stroke=\"{color}\" \
                 stroke-width=\"2\"/>\n\
                 <text x=\"{}\" y=\"{}\" fill=\"{color}\">{}</text>",
                LEFT + 8.0 + 120.0 * number as f64,
                TOP - 4.0,
                line.name
            );
        }
    }
}

/// Two or three digits.
fn short(value: f64) -> String {
    if value < 10.0 {
        format!("{value:.1}")
    } else {
        format!("{value:.0}")
    }
}
