//! What the target `scaling` runs.

use super::report;
use super::sweeps::{self, Reach};
use crate::{machine, race};
use clap::Parser;
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procession_benches::Failure;
use procession_benches::arguments::Arguments;
use procession_benches::comparison::{Outcome, text};
use procession_benches::effort::Effort;
use procession_benches::pinning::Cores;
use std::io::{self, Write};
use std::process::ExitCode;

/// Measures the sweeps that were asked for, prints them, and writes them to files. The exit code tells whether every point could
/// be measured, not whether steps are steep.
pub fn run() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

/// Returns whether every point could be measured.
fn measure(arguments: &Arguments) -> Result<bool, Failure> {
    // Root holds a connection to each of thousands of actors.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let (cores, effort, facts) = (Cores::allowed()?, arguments.effort(), machine::facts());
    let mut out = io::stdout();
    out.write_all(text::head(&facts).as_bytes())?;
    let reach = if effort == Effort::QUICK { Reach::Small } else { Reach::Whole };
    let mut outcomes: Vec<Outcome> = Vec::new();
    for line in sweeps::all(reach) {
        let title = line.title();
        if !arguments.wants(&title) {
            continue;
        }
        match race::run(line, &cores, &effort) {
            Ok(outcome) => {
                outcomes.push(outcome);
                out.write_all(report::text(&outcomes).as_bytes())?;
            }
            Err(Failure::Unavailable(reason)) => writeln!(out, "\n{title}: not available here: {reason}")?,
            Err(failure) => return Err(failure),
        }
    }
    writeln!(out, "\n{}", report::verdict(&outcomes))?;
    if let Some(folder) = arguments.folder() {
        writeln!(out, "\nwritten: {}", report::write(&folder, &facts, &outcomes)?)?;
    }
    Ok(!outcomes.iter().any(|outcome| outcome.is_broken))
}
