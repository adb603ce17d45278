//! What the target `peers` runs.

use crate::line::Line;
use crate::{chart, machine, profile, race, sides};
use clap::Parser;
use procession_benches::Failure;
use procession_benches::arguments::Arguments;
use procession_benches::comparison::{Outcome, Report, text};
use procession_benches::floors::peer;
use procession_benches::floors::role::Role;
use procession_benches::link::Link;
use procession_benches::machine::Fact;
use procession_benches::pinning::Cores;
use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

/// Measures the lines that were asked for, prints them, and writes them to files.
///
/// The very first thing it does is to see whether this process is a peer; if so, it never returns. The exit code tells whether
/// every side that can be had here could be measured, not whether goals are reached.
pub fn run(name: &str, lines: impl FnOnce() -> Vec<Line>) -> ExitCode {
    let roles: Vec<Role> = Role::ALL.into_iter().chain(sides::ROLES.into_iter().flatten().copied()).collect();
    peer::serve_if_asked(&roles);
    match measure(name, lines(), &Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether every side that can be had here could be measured.
fn measure(name: &str, lines: Vec<Line>, arguments: &Arguments) -> Result<bool, Failure> {
    let cores = Cores::allowed()?;
    let facts = machine::facts();
    let mut out = io::stdout();
    out.write_all(text::head(&facts).as_bytes())?;
    let mut outcomes: Vec<Outcome> = Vec::new();
    for line in lines {
        let title = line.title();
        if !arguments.wants(&title) {
            continue;
        }
        match race::run(line, &cores, &arguments.effort()) {
            Ok(outcome) => {
                out.write_all(text::outcome(&outcome).as_bytes())?;
                outcomes.push(outcome);
            }
            Err(Failure::Unavailable(reason)) => writeln!(out, "\n{title}: not available here: {reason}")?,
            Err(failure) => return Err(failure),
        }
    }
    out.write_all(text::verdicts(&outcomes).as_bytes())?;
    let is_complete = !outcomes.iter().any(|outcome| outcome.is_broken);
    if let Some(folder) = arguments.folder() {
        writeln!(out, "\nwritten: {}", write(name, &facts, &outcomes, &folder)?)?;
    }
    Ok(is_complete)
}

/// Writes the files into a folder, and returns what they are called.
fn write(name: &str, facts: &[Fact], outcomes: &[Outcome], folder: &Path) -> Result<String, Failure> {
    let (name, title) = (Link::of_this_run().name_files(name), format!("procession beside its peers: `{name}`"));
    let remarks = profile::section(outcomes);
    let written = Report { name: &name, title: &title, facts, outcomes, remarks, has_chart: true }.write(folder)?;
    chart::draw(outcomes, &folder.join(format!("{name}.svg")))?;
    Ok(format!("{written}, with a chart"))
}
