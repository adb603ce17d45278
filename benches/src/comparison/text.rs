//! The results for the terminal.

use crate::comparison::outcome::{Outcome, Quantiles, Result, Summary};
use crate::unit::Unit;
use std::fmt::Write;

/// What a side's figures are called.
pub(crate) const HEADS: [&str; 8] = ["median", "least", "most", "p50", "p99", "p99.9", "ours is", "rounds"];

/// Writes what the run is done with.
pub fn head(facts: &[(&'static str, String)]) -> String {
    facts.iter().fold(String::new(), |mut text, (name, fact)| {
        let _ = writeln!(text, "{name:<20} {fact}");
        text
    })
}

/// Writes one line with its sides and goals.
pub fn outcome(outcome: &Outcome) -> String {
    let mut text = format!("\n{} (cores {})\n", outcome.title, outcome.regime.text());
    let _ = writeln!(text, "  {:<5} {:<46} {}", "", "", row(&HEADS.map(str::to_string)));
    for result in &outcome.results {
        let _ = writeln!(
            text,
            "  {:<5} {:<46} {}",
            result.side.part.word(),
            result.side.name,
            figures(result, outcome.unit)
        );
    }
    text
}

fn figures(result: &Result, unit: Unit) -> String {
    match &result.figures {
        Ok(summary) => row(&cells(summary, unit)),
        Err(reason) => reason.clone(),
    }
}

/// Writes a side's figures, one by one.
pub(crate) fn cells(summary: &Summary, unit: Unit) -> [String; HEADS.len()] {
    let none = || "-".to_string();
    let quantile = |choose: fn(&Quantiles) -> f64| {
        summary.quantiles.as_ref().map_or_else(none, |quantiles| unit.text(choose(quantiles)))
    };
    [
        unit.text(summary.median),
        unit.text(summary.least),
        unit.text(summary.most),
        quantile(|quantiles| quantiles.p50),
        quantile(|quantiles| quantiles.p99),
        quantile(|quantiles| quantiles.p999),
        summary.ours_in_times.map_or_else(none, |times| format!("{times:.2} x")),
        summary.rounds.to_string(),
    ]
}

fn row(cells: &[String; HEADS.len()]) -> String {
    cells.iter().map(|cell| format!("{cell:>11}")).collect()
}

/// Writes what became of the goals.
pub fn verdicts(outcomes: &[Outcome]) -> String {
    let mut text = String::from("\ngoals\n");
    for outcome in outcomes {
        for goal in &outcome.goals {
            let verdict = goal.judge(outcome);
            let shown = goal.shown(verdict, outcome.unit);
            let (title, side, limit) = (&outcome.title, goal.side, goal.limit.text(outcome.unit));
            let _ = writeln!(text, "  {:<12} {title:<46} {side:<46} {shown:>11}  {limit}", verdict.word());
        }
    }
    text
}
