//! A run as Markdown.

use crate::comparison::outcome::Outcome;
use crate::comparison::report::Report;
use crate::comparison::text;
use std::fmt::Write;

/// Says how to read the tables.
const LEGEND: &str = "\
All sides of a table were measured in one run, in turns and on the same cores. *median*, *least* and *most* are those of the
rounds' figures: of a round's p50, where operations are timed one by one; of its mean time or rate, where they are timed by the
burst. *p50*, *p99* and *p99.9* are those of all single times of all rounds, where there are such. *ours is* is the median, over the
rounds, of the figure of ours that comes first divided by this side's in the same round: for times, less than 1 says that ours is
faster; for rates, more than 1. Goals name the side of ours that they are for. Only rounds count in which the cores were *near* (or
*far*) throughout: a probe before and after each tells how long a cache line takes to the other core and back. Same core: all
processes on one core; split cores: the one that asks, sends or collects on one, all others on another.
";

/// Writes what stands above the results: a title, and what the run was done with.
pub fn head(title: &str, facts: &[(&'static str, String)]) -> String {
    let mut out = format!("# {title}\n\n");
    for (name, fact) in facts {
        let _ = writeln!(out, "* {name}: {fact}");
    }
    out
}

/// Writes the document.
pub fn document(report: &Report<'_>) -> String {
    let mut out = head(report.title, report.facts);
    let _ = write!(out, "\n{LEGEND}\n");
    if report.has_chart {
        let _ = write!(out, "![chart]({}.svg)\n\n", report.name);
    }
    out += "## Goals\n\n| line | side | goal | ours | |\n|---|---|---|---|---|\n";
    for outcome in report.outcomes {
        goals(&mut out, outcome);
    }
    out += &report.remarks;
    for outcome in report.outcomes {
        table(&mut out, outcome);
    }
    out
}

fn goals(out: &mut String, outcome: &Outcome) {
    for goal in &outcome.goals {
        let verdict = goal.judge(outcome);
        let (shown, limit) = (goal.shown(verdict, outcome.unit), goal.limit.text(outcome.unit));
        let _ = writeln!(out, "| {} | {} | {limit} | {shown} | {} |", outcome.title, goal.side, verdict.word());
    }
}

fn table(out: &mut String, outcome: &Outcome) {
    let _ = write!(out, "\n## {}\n\nCores {}.", outcome.title, outcome.regime.text());
    if !outcome.note.is_empty() {
        let _ = write!(out, " {}", outcome.note);
    }
    let _ = write!(out, "\n\n| | | {} |\n|{}\n", text::HEADS.join(" | "), "---|".repeat(text::HEADS.len() + 2));
    for result in &outcome.results {
        let cells = match &result.figures {
            Ok(summary) => text::cells(summary, outcome.unit).join(" | "),
            Err(reason) => format!("{reason}{}", " |".repeat(text::HEADS.len() - 1)),
        };
        let _ = writeln!(out, "| {} | {} | {cells} |", result.side.part.word(), result.side.name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::comparison::goal::{Goal, Limit};
    use crate::comparison::outcome::of_one_round;
    use crate::comparison::part::Part::{Ours, Peer};

    #[test]
    fn goals_name_their_sides_and_rows_have_as_many_cells_as_their_heads() {
        let mut outcome = of_one_round(&[("ring", Ours, 1e3), ("socket", Ours, 9e3), ("peer", Peer, 2e3)]);
        outcome.goals = vec![Goal::new("socket", Limit::TimesAtMost(1.5, &["peer"]))];
        outcome.results[2].figures = Err("not installed".to_string());
        outcome.note = "Said of it.";
        let facts = [("date", "today".to_string())];
        let (outcomes, remarks) = ([outcome], "\nRemarks.\n".to_string());
        let report =
            Report { name: "peers", title: "A title", facts: &facts, outcomes: &outcomes, remarks, has_chart: true };
        let document = document(&report);
        let has = |line: &str| assert!(document.lines().any(|other| other == line), "{line}:\n{document}");
        has("# A title");
        has("* date: today");
        has("![chart](peers.svg)");
        has("| a line | socket | <= 1.5 x peer | 4.50 x | FAIL |");
        has("Remarks.");
        has("Cores near. Said of it.");
        has("| ours | socket | 9.00 us | 9.00 us | 9.00 us | - | - | - | 0.11 x | 1 |");
        let (_, table) = document.split_once("## a line").expect("there is a table");
        let rows: Vec<usize> =
            table.lines().filter(|line| line.starts_with('|')).map(|row| row.matches('|').count()).collect();
        assert_eq!(rows, [11; 5]);
    }
}
