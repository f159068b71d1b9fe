//! Reads the text format of Prometheus, as the program writes it for `/metrics`.

/// The kind of a metric.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// A metric with its samples.
#[derive(Debug, PartialEq)]
pub(crate) struct Family<'t> {
    pub(crate) name: &'t str,
    pub(crate) help: &'t str,
    pub(crate) kind: Kind,
    pub(crate) samples: Vec<Sample<'t>>,
}

/// One line with a value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Sample<'t> {
    /// With `_bucket`, `_sum` or `_count` for a histogram.
    pub(crate) name: &'t str,
    pub(crate) labels: Vec<(&'t str, String)>,
    pub(crate) value: f64,
}

/// The metrics of a text. Lines that are none, and summaries, are left out.
pub(crate) fn parse(text: &str) -> Vec<Family<'_>> {
    let mut families: Vec<Family<'_>> = Vec::new();
    let mut help = ("", "");
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# HELP ") {
            help = rest.split_once(' ').unwrap_or((rest, ""));
        } else if let Some(rest) = line.strip_prefix("# TYPE ") {
            let Some((name, kind)) = rest.split_once(' ') else {
                continue;
            };
            let kind = match kind {
                "counter" => Kind::Counter,
                "gauge" => Kind::Gauge,
                "histogram" => Kind::Histogram,
                _ => continue,
            };
            families.push(Family {
                name,
                help: if help.0 == name { help.1 } else { "" },
                kind,
                samples: Vec::new(),
            });
        } else if let Some(sample) = sample(line)
            && let Some(family) = families.last_mut()
            && is_series_of(sample.name, family)
        {
            family.samples.push(sample);
        }
    }
    families
}

fn is_series_of(name: &str, family: &Family<'_>) -> bool {
    matches!(
        (name.strip_prefix(family.name), family.kind),
        (Some("_bucket" | "_sum" | "_count"), Kind::Histogram) | (Some(""), Kind::Counter | Kind::Gauge)
    )
}

fn sample(line: &str) -> Option<Sample<'_>> {
    let end = line.find(['{', ' '])?;
    let (name, rest) = line.split_at(end);
    let (labels, value) = match rest.strip_prefix('{') {
        Some(rest) => labels(rest)?,
        None => (Vec::new(), rest),
    };
    let value = value.trim().parse().ok()?;
    (!name.is_empty() && !name.starts_with('#')).then_some(Sample { name, labels, value })
}

/// The labels up to the closing brace, and the rest after it.
fn labels(mut rest: &str) -> Option<(Vec<(&str, String)>, &str)> {
    let mut labels = Vec::new();
    loop {
        rest = rest.trim_start_matches(',');
        if let Some(rest) = rest.strip_prefix('}') {
            return Some((labels, rest));
        }
        let (key, after) = rest.split_once("=\"")?;
        let mut value = String::new();
        let mut letters = after.char_indices();
        let end = loop {
            match letters.next()? {
                (at, '"') => break at,
                (_, '\\') => match letters.next()?.1 {
                    'n' => value.push('\n'),
                    other => value.push(other),
                },
                (_, letter) => value.push(letter),
            }
        };
        labels.push((key, value));
        rest = &after[end + 1..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_label_values_are_read() {
        // Prometheus, "Exposition formats": \\, \" and \n are the escapes of label values.
        let text = "# HELP a_total what it counts\n# TYPE a_total counter\na_total{x=\"1,}\\\"\\\\\\n\",y=\"é\"} 3\na_total 4\n";
        let expected = Family {
            name: "a_total",
            help: "what it counts",
            kind: Kind::Counter,
            samples: vec![
                Sample {
                    name: "a_total",
                    labels: vec![("x", "1,}\"\\\n".to_owned()), ("y", "é".to_owned())],
                    value: 3.0,
                },
                Sample {
                    name: "a_total",
                    labels: Vec::new(),
                    value: 4.0,
                },
            ],
        };
        assert_eq!(parse(text), [expected]);
    }

    #[test]
    fn lines_that_are_no_metric_are_left_out() {
        let text =
            "x 1\n# TYPE q summary\nq{quantile=\"0.5\"} 1\n# TYPE g gauge\ng{a=\"1\ng NaNo\ng_sum 2\nh 1\ng +Inf\n";
        let families = parse(text);
        assert_eq!(families.len(), 1);
        assert_eq!(families[0].samples.len(), 1);
        assert!(families[0].samples[0].value.is_infinite());
    }
}
