//! What every bench target runs.

use crate::arguments::Arguments;
use crate::catalogue::Subject;
use crate::failure::Failure;
use crate::floors::peer;
use crate::floors::role::Role;
use crate::pinning::Cores;
use crate::race;
use crate::rival::Rival;
use crate::table::Table;
use clap::Parser;
use std::io::{self, Write};
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

/// Writes one table; returns whether every line could be measured.
fn measure_beside(rival: Rival, subjects: &[Subject], arguments: &Arguments, cores: &Cores) -> Result<bool, Failure> {
    let effort = arguments.effort();
    let mut table = Table::new(io::stdout(), rival)?;
    let mut complete = true;
    for line in subjects.iter().flat_map(|subject| subject.lines()) {
        let (title, goals, unit) = (line.title(), (line.target, line.aim), line.unit());
        if !arguments.wants(&title) {
            continue;
        }
        table.begin(&title)?;
        match race::run(line, cores, &effort) {
            Ok(outcome) => table.end(&outcome, goals, unit)?,
            Err(failure) => {
                complete &= matches!(failure, Failure::Unavailable(_));
                table.fail(&failure)?;
            }
        }
    }
    Ok(complete)
}
