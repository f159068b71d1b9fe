//! Medians, rounding, and the signed-rank test for paired measurements.

/// The middle value; of an even number of values the lower of the two in the middle. Zero without values.
pub(super) fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len().saturating_sub(1) / 2;
    values.get(middle).copied().unwrap_or_default()
}

/// A count as a floating-point number.
#[expect(clippy::cast_precision_loss, reason = "no count here comes near 2^52")]
pub(super) fn to_f64(count: u64) -> f64 {
    count as f64
}

/// Rounds to so many digits after the point, for JSON.
pub(super) fn round_to(value: f64, digits: usize) -> f64 {
    format!("{value:.digits$}").parse().unwrap_or(value)
}

/// Two-sided p-value of Wilcoxon's signed-rank test, by its normal approximation (good from some dozens of pairs on).
///
/// The only assumption is that the sign of each difference is a fair coin if the two members of a pair are alike.
pub(super) fn signed_rank_p(differences: &[f64]) -> f64 {
    // Pairs without a difference carry no information.
    let mut differences: Vec<f64> = differences.iter().copied().filter(|value| value.abs() > 0.0).collect();
    differences.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (mut sum, mut variance, mut first) = (0.0, 0.0, 0.0);
    for tied in differences.chunk_by(|a, b| a.abs() >= b.abs()) {
        // Differences of the same size share the mean of their ranks, which count from one.
        let count = to_f64(tied.len() as u64);
        let rank = first + f64::midpoint(count, 1.0);
        for value in tied {
            sum += rank * value.signum();
            variance += rank * rank;
        }
        first += count;
    }
    if variance > 0.0 {
        normal_tails(sum / variance.sqrt())
    } else {
        1.0
    }
}

/// The two tails of the normal distribution beyond `z` (Abramowitz and Stegun 7.1.26, to seven digits).
fn normal_tails(z: f64) -> f64 {
    const FACTORS: [f64; 5] = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    FACTORS.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn median_is_the_lower_middle_value() {
        for (values, middle) in [(&[3.0, 1.0, 2.0][..], 2.0), (&[4.0, 1.0, 2.0, 3.0], 2.0), (&[], 0.0)] {
            assert!((median(values.iter().copied()) - middle).abs() < f64::EPSILON);
        }
        assert!((round_to(0.123_456, 3) - 0.123).abs() < f64::EPSILON);
    }

    #[test]
    fn normal_tails_match_tables() {
        for (z, tails) in [(0.0, 1.0), (1.0, 0.317_31), (-1.96, 0.05), (3.0, 0.002_7)] {
            assert!((normal_tails(z) - tails).abs() < 1e-4, "{z}: {}", normal_tails(z));
        }
    }

    /// Differences of many sizes, of which so many of every hundred are negative.
    fn differences(negative: u32) -> Vec<f64> {
        let size = |n: u32| f64::from(n * 37 % 400 + 1);
        let signed = |n| if n % 100 < negative { -size(n) } else { size(n) };
        (0..400).map(signed).collect()
    }

    #[test]
    fn signed_rank_detects_one_sided_differences() {
        assert!(signed_rank_p(&differences(50)) > 0.5);
        assert!(signed_rank_p(&differences(30)) < 1e-6);
        assert!(signed_rank_p(&differences(70)) < 1e-6);
        assert!(signed_rank_p(&[1.0, -1.0].repeat(20)) > 0.99, "ties");
        assert!(signed_rank_p(&[0.0; 40]) > 0.99, "no differences");
    }
}
