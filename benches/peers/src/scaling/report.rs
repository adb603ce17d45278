//! The sweeps as text, Markdown and CSV.

use super::chart;
use super::reasons::{COPIES, reason};
use super::steps::{Point, points};
use procession_benches::Failure;
use procession_benches::comparison::{Outcome, csv, markdown};
use procession_benches::link::Link;
use procession_benches::unit::Unit;
use std::fmt::Write;
use std::fs;
use std::path::Path;

const UNIT: Unit = Unit::Nanoseconds;

/// Says how to read the tables.
const LEGEND: &str = "\
*cost* is the median time of one message (of an `ask`, with its answer), *growth* how many times that of the point before it is.
All points of a sweep took turns in one run; only rounds count in which the cores were near (or far) throughout. A step over
which cost more than doubles is *STEEP* and has its reason beside it, which says how much it explains; without, or beyond that, it
is a *FAIL*.
";

/// Writes the last of the sweeps so far for the terminal.
pub fn text(outcomes: &[Outcome]) -> String {
    let Some(outcome) = outcomes.last() else { return String::new() };
    let mut out = format!("\n{} (cores {})\n", outcome.title, outcome.regime.text());
    for point in points(outcome) {
        let _ = writeln!(
            out,
            "  {:>10} {:>12} {:>9}  {}",
            point.at,
            UNIT.text(point.cost),
            growth(&point),
            flag(outcomes, outcome, &point)
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

fn flag(outcomes: &[Outcome], outcome: &Outcome, point: &Point<'_>) -> String {
    match judge(outcomes, outcome, point) {
        Step::Level => String::new(),
        Step::Steep(reason) => format!("STEEP: {reason}"),
        Step::Fail => "FAIL: steep without a reason".to_string(),
    }
}

/// What is to be said of the step to a point.
#[derive(Debug, PartialEq, Eq)]
enum Step {
    /// Cost does not more than double.
    Level,
    /// It does, and this is why.
    Steep(String),
    /// It does, and nobody has written down why.
    Fail,
}

fn judge(outcomes: &[Outcome], outcome: &Outcome, point: &Point<'_>) -> Step {
    let Some(growth) = point.growth.filter(|_| point.is_steep()) else { return Step::Level };
    let copies =
        outcomes.iter().find(|other| other.title == COPIES).and_then(|copies| steepest_about(copies, point.at));
    reason(&outcome.title, point.at, growth, copies).map_or(Step::Fail, Step::Steep)
}

/// The steepest step to a point or to one beside it: what else is sent and read along decides at which of them a cache is full.
fn steepest_about(outcome: &Outcome, at: &str) -> Option<f64> {
    let points = points(outcome);
    let index = points.iter().position(|point| point.at == at)?;
    let about = &points[index.saturating_sub(1)..(index + 2).min(points.len())];
    about.iter().filter_map(|point| point.growth).reduce(f64::max)
}

/// Says how many steps are steep, how many of them without a reason, and how many points could not be measured.
pub fn verdict(outcomes: &[Outcome]) -> String {
    let judged = |outcome| points(outcome).iter().map(|point| judge(outcomes, outcome, point)).collect::<Vec<_>>();
    let steps: Vec<Step> = outcomes.iter().flat_map(judged).collect();
    let steep = steps.iter().filter(|step| matches!(step, Step::Steep(_))).count();
    let failed = steps.iter().filter(|step| **step == Step::Fail).count();
    let missing = outcomes.iter().flat_map(missing).count();
    let word = if failed + missing == 0 && !steps.is_empty() { "pass" } else { "FAIL" };
    format!(
        "{word}: {} points, {steep} behind steep steps with a reason, {failed} behind steep steps without; {missing} not measured",
        steps.len()
    )
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
    let name = Link::of_this_run().name_files("scaling");
    let file = |kind| folder.join(format!("{name}.{kind}"));
    fs::write(file("md"), document(&name, facts, outcomes))?;
    fs::write(file("csv"), csv::document(outcomes))?;
    chart::draw(outcomes, &file("svg"))?;
    Ok(format!("{}/{name}.{{md,csv,svg}}", folder.display()))
}

fn document(name: &str, facts: &[(&'static str, String)], outcomes: &[Outcome]) -> String {
    let mut out = markdown::head("How procession's cost grows", facts);
    let _ = write!(out, "\n{LEGEND}\n{}\n\n![chart]({name}.svg)\n", verdict(outcomes));
    for outcome in outcomes {
        let _ = write!(
            out,
            "\n## {}\n\nCores {}.\n\n| | cost | growth | |\n|---|---|---|---|\n",
            outcome.title,
            outcome.regime.text()
        );
        for point in points(outcome) {
            let (cost, growth, flag) = (UNIT.text(point.cost), growth(&point), flag(outcomes, outcome, &point));
            let _ = writeln!(out, "| {} | {cost} | {growth} | {flag} |", point.at);
        }
        for (name, missing) in missing(outcome) {
            let _ = writeln!(out, "| {name} | {missing} | | |");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use procession_benches::comparison::Part::Ours;
    use procession_benches::comparison::outcome::of_one_round;

    fn outcome(points: &[(&str, f64)]) -> Outcome {
        let sides: Vec<_> = points.iter().map(|&(at, cost)| (at, Ours, cost)).collect();
        of_one_round(&sides)
    }

    #[test]
    fn the_steepest_step_of_three_counts() {
        let outcome = outcome(&[("1", 10.0), ("2", 20.0), ("4", 60.0), ("8", 60.0), ("16", 60.0)]);
        let about: Vec<_> = ["2", "4", "8", "16", "32"].map(|at| steepest_about(&outcome, at)).into();
        assert_eq!(about, [Some(3.0), Some(3.0), Some(3.0), Some(1.0), None]);
    }

    #[test]
    fn a_steep_step_without_a_reason_fails() {
        let mut outcome = outcome(&[("2", 10.0), ("4", 30.0), ("8", 99.0), ("16", 100.0)]);
        outcome.title = "ask, by number of actors, split cores".to_string();
        let flags =
            |outcome: &Outcome| points(outcome).iter().map(|point| flag(&[], outcome, point)).collect::<Vec<_>>();
        let is_steep = |flags: Vec<String>| flags.iter().map(|flag| flag.starts_with("STEEP: ")).collect::<Vec<_>>();
        assert_eq!(is_steep(flags(&outcome)), [false, true, true, false]);
        assert!(verdict(std::slice::from_ref(&outcome)).starts_with("pass: 4 points, 2 behind"));
        outcome.title = "tell, by number of senders, split cores".to_string();
        assert_eq!(flags(&outcome)[1], "FAIL: steep without a reason");
        assert!(verdict(&[outcome]).starts_with("FAIL: 4 points, 0 behind"));
    }
}
