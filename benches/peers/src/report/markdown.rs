//! The results as Markdown.

use super::{Report, text};
use crate::outcome::Outcome;
use crate::profile;
use std::fmt::Write;

/// Says how to read the tables.
const LEGEND: &str = "\
All sides of a table were measured in one run, in turns and on the same cores. *median*, *least* and *most* are those of the
rounds' figures (the median of a round's times, or its rate); *p99* and *p99.9* are those of all single times. *ours is* is the
median, over the rounds, of our figure divided by this side's in the same round: for times, less than 1 says that ours is faster;
for rates, more than 1. Only rounds count in which the cores were *near* (or *far*) throughout: a probe before and after each
tells how long a cache line takes to the other core and back. Same core: all processes on one core; split cores: the one that
asks, sends or collects on one, all others on another.
";

/// Writes the document.
pub fn document(report: &Report<'_>) -> String {
    let mut out = format!("# procession beside its peers: `{}`\n\n", report.name);
    for (name, fact) in report.facts {
        let _ = writeln!(out, "* {name}: {fact}");
    }
    let _ = write!(out, "\n{LEGEND}\n![chart]({}.svg)\n\n## Goals\n\n", report.name);
    out += "| line | goal | ours | |\n|---|---|---|---|\n";
    for outcome in report.outcomes {
        goals(&mut out, outcome);
    }
    profiles(&mut out, report.outcomes);
    for outcome in report.outcomes {
        table(&mut out, outcome);
    }
    out
}

fn goals(out: &mut String, outcome: &Outcome) {
    for goal in &outcome.goals {
        let verdict = goal.judge(outcome);
        let (shown, goal) = (goal.shown(verdict, outcome.unit), goal.text(outcome.unit));
        let _ = writeln!(out, "| {} | {goal} | {shown} | {} |", outcome.title, verdict.word());
    }
}

/// Says where the time goes on the lines that do not reach their goals.
fn profiles(out: &mut String, outcomes: &[Outcome]) {
    let missed: Vec<_> = outcomes.iter().filter(|outcome| outcome.misses_a_goal()).collect();
    if missed.is_empty() {
        return;
    }
    let _ = write!(out, "\n## Where the time goes on the lines that fail\n\n{}\n\n", profile::SOURCE);
    for outcome in missed {
        let profile = profile::of(&outcome.title).unwrap_or("NO PROFILE YET");
        let _ = writeln!(out, "* *{}*: {profile}", outcome.title);
    }
}

fn table(out: &mut String, outcome: &Outcome) {
    let _ = write!(out, "\n## {}\n\nCores {}.\n\n", outcome.title, outcome.regime.text());
    *out += "| | | median | least | most | p99 | p99.9 | ours is | rounds |\n|---|---|---|---|---|---|---|---|---|\n";
    for result in &outcome.results {
        let cells = match &result.figures {
            Ok(summary) => text::cells(summary, outcome.unit).join(" | "),
            Err(reason) => format!("{reason} | | | | | |"),
        };
        let _ = writeln!(out, "| {} | {} | {cells} |", result.side.part.word(), result.side.name);
    }
}
