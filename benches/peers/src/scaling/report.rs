//! The sweeps as text, Markdown and CSV.

use super::chart;
use super::reasons::reason;
use super::steps::{Point, points};
use crate::outcome::Outcome;
use crate::report::csv;
use procession_benches::Failure;
use procession_benches::unit::Unit;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const UNIT: Unit = Unit::Nanoseconds;

/// Says how to read the tables.
const LEGEND: &str = "\
*cost* is the median time of one message (of an `ask`, with its answer), *growth* how many times that of the point before it is.
All points of a sweep took turns in one run; only rounds count in which the cores were near (or far) throughout. A step over
which cost more than doubles is flagged with its reason.
";

/// Writes a sweep for the terminal.
pub fn text(outcome: &Outcome) -> String {
    let mut out = format!("\n{} (cores {})\n", outcome.title, outcome.regime.text());
    for point in points(outcome) {
        let _ = writeln!(
            out,
            "  {:>10} {:>12} {:>9}  {}",
            point.at,
            UNIT.text(point.cost),
            growth(&point),
            flag(outcome, &point)
        );
    }
    for (name, missing) in missing(outcome) {
        let _ = writeln!(out, "  {name:>10} {missing}");
    }
    out
}

fn growth(point: &Point<'_>) -> String {
    point.growth.map_or("-".to_string(), |growth| format!("{growth:.2} x"))
}

fn flag(outcome: &Outcome, point: &Point<'_>) -> String {
    match point.is_steep() {
        true => format!("STEEP: {}", reason(&outcome.title, point.at).unwrap_or("NO REASON YET")),
        false => String::new(),
    }
}

fn missing(outcome: &Outcome) -> impl Iterator<Item = (&str, &str)> {
    outcome
        .results
        .iter()
        .filter_map(|result| Some((result.side.name.as_str(), result.figures.as_ref().err()?.as_str())))
}

/// Writes the files into a folder, and returns what they are called.
///
/// # Errors
///
/// Fails if the folder cannot be written to.
pub fn write(folder: &Path, facts: &[(&'static str, String)], outcomes: &[Outcome]) -> Result<String, Failure> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join("scaling.md"), markdown(facts, outcomes))?;
    fs::write(folder.join("scaling.csv"), csv::document(outcomes))?;
    chart::draw(outcomes, &folder.join("scaling.svg"))?;
    Ok(format!("{}/scaling.{{md,csv,svg}}", folder.display()))
}

fn markdown(facts: &[(&'static str, String)], outcomes: &[Outcome]) -> String {
    let mut out = "# How procession's cost grows\n\n".to_string();
    for (name, fact) in facts {
        let _ = writeln!(out, "* {name}: {fact}");
    }
    let _ = write!(out, "\n{LEGEND}\n![chart](scaling.svg)\n");
    for outcome in outcomes {
        let _ = write!(
            out,
            "\n## {}\n\nCores {}.\n\n| | cost | growth | |\n|---|---|---|---|\n",
            outcome.title,
            outcome.regime.text()
        );
        for point in points(outcome) {
            let (cost, growth, flag) = (UNIT.text(point.cost), growth(&point), flag(outcome, &point));
            let _ = writeln!(out, "| {} | {cost} | {growth} | {flag} |", point.at);
        }
        for (name, missing) in missing(outcome) {
            let _ = writeln!(out, "| {name} | {missing} | | |");
        }
    }
    out
}
