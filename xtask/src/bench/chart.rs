//! The chart: bars of requests a second with the server's CPU beside them, and of the slowest searches.

use super::figures::grouped;
use super::table::Line;

const WIDTH: f64 = 900.0;
const LABELS: f64 = 330.0;
const ROW: f64 = 26.0;

/// What the needles may take, in milliseconds; drawn as a line.
const NEEDLE_BAR: f64 = 50.0;

/// A group of bars that share a scale.
struct Group {
    title: String,
    bars: Vec<(String, f64, String)>,
    mark: Option<f64>,
}

/// Draws all that was measured, as an SVG document.
pub(super) fn draw(lookups: &[Line], coalescing: &[Line], needles: &[(String, f64)]) -> String {
    let rates = |title: &str, lines: &[Line]| Group {
        title: title.to_owned(),
        bars: lines
            .iter()
            .map(|line| {
                let cpu = line.median(|round| round.server_us);
                let cpu = cpu.map_or_else(String::new, |us| format!(" · {us:.1} µs CPU"));
                (
                    format!("{} ({})", line.name, line.connections),
                    line.per_second(),
                    format!("{}{cpu}", grouped(line.per_second())),
                )
            })
            .collect(),
        mark: None,
    };
    let groups = [
        rates("Exact look-ups: requests a second (connections)", lookups),
        rates(
            "Look-ups together, and one statement a request: requests a second",
            coalescing,
        ),
        Group {
            title: "The slowest searches: milliseconds for the page".to_owned(),
            bars: needles
                .iter()
                .map(|(needle, ms)| (needle.clone(), *ms, format!("{ms:.1} ms")))
                .collect(),
            mark: Some(NEEDLE_BAR),
        },
    ];
    let mut y = 10.0;
    let mut body = String::new();
    for group in groups.iter().filter(|group| !group.bars.is_empty()) {
        body.push_str(&group.draw(&mut y));
    }
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{WIDTH}\" height=\"{y}\" \
         font-family=\"sans-serif\" font-size=\"12\">\n<rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n{body}</svg>\n"
    )
}

impl Group {
    fn draw(&self, y: &mut f64) -> String {
        let longest = self
            .bars
            .iter()
            .map(|(_, value, _)| *value)
            .fold(self.mark.unwrap_or(0.0), f64::max);
        let scale = (WIDTH - LABELS - 170.0) / longest.max(f64::MIN_POSITIVE);
        *y += 22.0;
        let mut text = format!(
            "<text x=\"10\" y=\"{y}\" font-weight=\"bold\">{}</text>\n",
            escaped(&self.title)
        );
        let top = *y + 6.0;
        for (label, value, said) in &self.bars {
            *y += ROW;
            let (bar, length) = (*y - 14.0, value * scale);
            let label: String = label.chars().take(52).collect();
            text.extend([format!(
                "<text x=\"{x}\" y=\"{y}\" text-anchor=\"end\">{label}</text>\
                 <rect x=\"{LABELS}\" y=\"{bar}\" width=\"{length:.1}\" height=\"18\" fill=\"#4477aa\"/>\
                 <text x=\"{after:.1}\" y=\"{y}\">{said}</text>\n",
                x = LABELS - 8.0,
                label = escaped(&label),
                after = LABELS + length + 6.0,
                said = escaped(said),
            )]);
        }
        *y += 12.0;
        if let Some(mark) = self.mark {
            let x = LABELS + mark * scale;
            text.extend([format!(
                "<line x1=\"{x:.1}\" y1=\"{top}\" x2=\"{x:.1}\" y2=\"{y}\" stroke=\"#cc3311\" stroke-dasharray=\"4\"/>\n"
            )]);
        }
        text
    }
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::super::table::Round;
    use super::*;

    #[test]
    fn every_bar_is_drawn_and_text_is_escaped() {
        let mut line = Line::new("a < b", 64);
        line.rounds.push(Round {
            per_second: 1_000.0,
            ..Round::default()
        });
        let chart = draw(&[line], &[], &[("email=a&page=2".to_owned(), 12.0)]);
        assert!(chart.starts_with("<svg") && chart.trim_end().ends_with("</svg>"));
        assert_eq!(chart.matches("fill=\"#4477aa\"").count(), 2);
        assert!(chart.contains("a &lt; b (64)") && chart.contains("email=a&amp;page=2"));
    }
}
