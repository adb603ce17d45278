//! What every bench target runs.

use crate::arguments::Arguments;
use crate::catalogue::Subject;
use crate::comparison::{self, Report, pair};
use crate::failure::Failure;
use crate::floors::peer;
use crate::floors::role::Role;
use crate::link::Link;
use crate::outcome::Outcome;
use crate::pinning::Cores;
use crate::rival::Rival;
use crate::table::Table;
use crate::{machine, race};
use clap::Parser;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Measures the lines of some subjects and prints them as a table, or as one for each rival.
///
/// The very first thing it does is to see whether this process is a floor's peer; if so, it never returns. The exit code
/// tells whether every line could be measured, not whether the targets are reached.
pub fn run(subjects: &[Subject]) -> ExitCode {
    peer::serve_if_asked(&Role::ALL);
    match measure(subjects, &Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether every line could be measured.
fn measure(subjects: &[Subject], arguments: &Arguments) -> Result<bool, Failure> {
    let cores = Cores::allowed()?;
    let mut complete = true;
    for rival in Rival::ALL {
        let subjects: Vec<Subject> = subjects.iter().copied().filter(|subject| subject.rival() == rival).collect();
        if subjects.is_empty() {
            continue;
        }
        match rival.missing() {
            Some(reason) => writeln!(io::stdout(), "{}: {reason}", rival.name())?,
            None => complete &= measure_beside(rival, &subjects, arguments, &cores)?,
        }
    }
    Ok(complete)
}

/// Writes one table, and the files of it; returns whether every line could be measured.
fn measure_beside(rival: Rival, subjects: &[Subject], arguments: &Arguments, cores: &Cores) -> Result<bool, Failure> {
    let effort = arguments.effort();
    let mut table = Table::new(io::stdout(), rival)?;
    let mut comparisons: Vec<comparison::Outcome> = Vec::new();
    for line in subjects.iter().flat_map(|subject| subject.lines()) {
        let (title, targets, unit) = (line.title(), [line.target, line.aim], line.unit());
        if !arguments.wants(&title) {
            continue;
        }
        table.begin(&title)?;
        let rounds = race::run(line, cores, &effort);
        comparisons.push(pair::compare(title, unit, rival, targets, rounds.as_deref()));
        let outcome = rounds.and_then(|rounds| {
            Outcome::of(&rounds).ok_or_else(|| Failure::Wrong("no round was completed in time".to_string()))
        });
        match outcome {
            Ok(outcome) => table.end(&outcome, (targets[0], targets[1]), unit)?,
            Err(failure) => table.fail(&failure)?,
        }
    }
    if let Some(folder) = folder(rival, arguments) {
        writeln!(io::stdout(), "\nwritten: {}", write(rival, &comparisons, &folder)?)?;
    }
    Ok(!comparisons.iter().any(|comparison| comparison.is_broken))
}

/// Returns where the results are to be written; those beside the floors are, unless a folder was named, only printed.
fn folder(rival: Rival, arguments: &Arguments) -> Option<PathBuf> {
    match rival {
        Rival::Floor => arguments.named_folder(),
        Rival::Python | Rival::Asleep => arguments.folder(),
    }
}

/// Writes the files, and returns what they are called.
fn write(rival: Rival, outcomes: &[comparison::Outcome], folder: &Path) -> Result<String, Failure> {
    let mut facts = machine::facts();
    if rival == Rival::Python {
        facts.push(machine::python());
    }
    let (name, title) = (Link::of_this_run().name_files(rival.file_name()), rival.title());
    let remarks = rival.remark().to_string();
    Report { name: &name, title, facts: &facts, outcomes, remarks, has_chart: false }.write(folder)
}
