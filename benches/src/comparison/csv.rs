//! The results as comma-separated values, in plain units: nanoseconds, operations per second, KiB.

use crate::comparison::outcome::{Outcome, Summary};
use crate::unit::Unit;
use std::fmt::Write;

/// Writes the document.
pub fn document(outcomes: &[Outcome]) -> String {
    let mut out = String::from("line,part,side,unit,median,least,most,p50,p99,p999,ours_in_times,rounds,cores\n");
    for outcome in outcomes {
        for result in &outcome.results {
            let Ok(summary) = &result.figures else { continue };
            let (part, side, unit) = (result.side.part.word(), &result.side.name, unit(outcome.unit));
            let figures = figures(summary);
            let _ = writeln!(out, "\"{}\",{part},\"{side}\",{unit},{figures},{}", outcome.title, outcome.regime.text());
        }
    }
    out
}

fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Nanoseconds => "ns",
        Unit::PerSecond => "1/s",
        Unit::Kibibytes => "KiB",
        Unit::MillisecondsPerSecond => "ms/s",
    }
}

fn figures(summary: &Summary) -> String {
    let quantiles = summary.quantiles.map_or([None; 3], |all| [Some(all.p50), Some(all.p99), Some(all.p999)]);
    let figures = [Some(summary.median), Some(summary.least), Some(summary.most)].into_iter().chain(quantiles);
    let mut cells: Vec<String> =
        figures.map(|figure| figure.map_or(String::new(), |figure| format!("{figure:.1}"))).collect();
    cells.push(summary.ours_in_times.map_or(String::new(), |times| format!("{times:.4}")));
    cells.push(summary.rounds.to_string());
    cells.join(",")
}
