//! Whether the time of a refused export tells which workspaces there are.
//!
//! Calls come in pairs, one with a wrong key and one for a workspace that there is not, back to back on one connection. Which
//! goes first is drawn for each pair: were the two alike, the sign of a pair's difference would be that draw and nothing else,
//! whatever drifts, waits and neighbours the machine has. That is all that the signed-rank test of Wilcoxon (1945) assumes,
//! and it asks more sharply than a test of two separate samples, since what both of a pair suffer cancels out.

use serde_json::{Value, json};

use super::client::Client;
use super::export::{WORKSPACE, body, export_headers, target};
use super::figures::{median, number, rounded};
use super::people::lot;
use super::server::Serving;
use crate::shell::Outcome;

/// How many calls are refused for each of the two reasons.
const PAIRS: u32 = 5_000;

/// How many pairs go before those that count.
const WARM_UP: u32 = 500;

/// The connections among which each pair draws, so that none speaks for all.
const CONNECTIONS: usize = 4;

/// Below this the two are said to differ.
const SIGNIFICANT: f64 = 0.01;

/// Asks, prints what was found, and gives it for the report.
pub(super) fn measure(serving: &Serving) -> Outcome<Value> {
    // Names and keys of one length, so that what is sent is as long.
    let reasons = [WORKSPACE, "nobdy"].map(|workspace| export_headers(workspace, "mhk_of-no-worth"));
    let body = body(&["1".to_owned()]);
    let clients: Outcome<Vec<Client>> = (0..CONNECTIONS).map(|_| Client::connect(&serving.address)).collect();
    let mut clients = clients?;
    let mut times = [Vec::new(), Vec::new()];
    for pair in 0..WARM_UP + PAIRS {
        let drawn = usize::try_from(lot(pair, 0) % (2 * CONNECTIONS as u64))?;
        let (client, first) = (&mut clients[drawn / 2], drawn % 2);
        for reason in [first, 1 - first] {
            let reply = client.send("POST", &target(), &reasons[reason], &body)?;
            if reply.status != 401 {
                return Err(format!("a stranger was answered {}", reply.status).into());
            }
            if pair >= WARM_UP {
                times[reason].push(reply.milliseconds() * 1_000.0);
            }
        }
    }
    let differences: Vec<f64> = times[1].iter().zip(&times[0]).map(|(one, other)| one - other).collect();
    let medians = times.map(median);
    let probability = signed_rank(&differences);
    let (low, high) = median_within(&differences);
    println!(
        "Refusals, {PAIRS} pairs, medians: a wrong key {:.1} us, no such workspace {:.1} us; difference of a pair {:+.2} us \
         (95 %: {low:+.2} to {high:+.2}); Wilcoxon signed rank p = {probability:.3} ({})\n",
        medians[0],
        medians[1],
        median(differences.iter().copied()),
        if probability < SIGNIFICANT {
            "they differ"
        } else {
            "no significant difference"
        }
    );
    Ok(json!({
        "pairs": PAIRS,
        "wrongKeyUs": rounded(medians[0], 2),
        "noSuchWorkspaceUs": rounded(medians[1], 2),
        "differenceUs": rounded(median(differences.iter().copied()), 3),
        "difference95Us": [rounded(low, 3), rounded(high, 3)],
        "signedRankP": rounded(probability, 4),
    }))
}

fn count(length: usize) -> f64 {
    number(u64::try_from(length).unwrap_or(u64::MAX))
}

/// The probability that differences whose signs are fair coins lean to one side as much as these do: the signed-rank test
/// with its normal approximation, which some dozens of values suffice for.
fn signed_rank(differences: &[f64]) -> f64 {
    // Pairs that do not differ say nothing.
    let mut differences: Vec<f64> = differences.iter().copied().filter(|value| value.abs() > 0.0).collect();
    differences.sort_by(|a, b| a.abs().total_cmp(&b.abs()));
    let (mut lean, mut variance) = (0.0, 0.0);
    let mut at = 0;
    while at < differences.len() {
        let size = differences[at].abs();
        let tied = differences[at..].iter().take_while(|value| value.abs() <= size).count();
        // Those of one size share the mean of their ranks, which count from one.
        let rank = count(at) + f64::midpoint(count(tied), 1.0);
        for value in &differences[at..at + tied] {
            lean += rank * value.signum();
            variance += rank * rank;
        }
        at += tied;
    }
    if variance > 0.0 {
        two_sided(lean / variance.sqrt())
    } else {
        1.0
    }
}

/// Between which values the median of all such differences lies, 19 times in 20: as far to either side of the middle as twice
/// the deviation of a fair coin's heads, which assumes nothing of how the differences are spread.
fn median_within(differences: &[f64]) -> (f64, f64) {
    let mut sorted = differences.to_vec();
    sorted.sort_by(f64::total_cmp);
    let (middle, away) = (sorted.len() / 2, sorted.len().isqrt());
    let at = |place: usize| sorted.get(place).copied().unwrap_or(f64::NAN);
    (at(middle.saturating_sub(away)), at(middle + away))
}

/// The two tails of the normal distribution beyond `z` (Abramowitz and Stegun 7.1.26, to seven digits).
fn two_sided(z: f64) -> f64 {
    let x = z.abs() / std::f64::consts::SQRT_2;
    let t = 1.0 / (1.0 + 0.327_591_1 * x);
    let polynomial = [
        1.061_405_429,
        -1.453_152_027,
        1.421_413_741,
        -0.284_496_736,
        0.254_829_592,
    ];
    polynomial.iter().fold(0.0, |sum, factor| (sum + factor) * t) * (-x * x).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tails_are_those_of_the_tables() {
        for (z, tails) in [(0.0, 1.0), (1.0, 0.317_31), (-1.96, 0.05), (3.0, 0.002_7)] {
            assert!((two_sided(z) - tails).abs() < 1e-4, "{z}: {}", two_sided(z));
        }
    }

    /// Differences of every size up to this, of which so many of every hundred are below zero.
    fn leaning(below: u32) -> Vec<f64> {
        let size = |n: u32| f64::from(n * 37 % 400 + 1);
        (0..400)
            .map(|n| if n % 100 < below { -size(n) } else { size(n) })
            .collect()
    }

    #[test]
    fn differences_that_lean_to_one_side_are_told_from_those_that_do_not() {
        assert!(signed_rank(&leaning(50)) > 0.5, "{}", signed_rank(&leaning(50)));
        assert!(signed_rank(&leaning(30)) < 1e-6);
        assert!(signed_rank(&leaning(70)) < 1e-6);
        assert!(signed_rank(&[1.0, -1.0].repeat(20)) > 0.99, "ties");
        assert!(signed_rank(&[0.0; 40]) > 0.99, "pairs that do not differ");
    }

    #[test]
    fn the_median_of_a_hundred_lies_within_ten_places_of_the_middle() {
        let hundred: Vec<f64> = (0..100).rev().map(f64::from).collect();
        let (low, high) = median_within(&hundred);
        assert_eq!([low, high].map(|value| value.round().to_string()), ["40", "60"]);
    }
}
