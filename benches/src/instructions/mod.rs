//! A guard against getting slower little by little: how many instructions the hot paths take, held against recorded bounds.
//!
//! Times on a shared machine move by more than a change does; instructions do not. Each case runs under `valgrind`'s
//! `callgrind`, once with few operations and once with many, and the difference, divided by how many more there were, is what
//! one operation takes in this process, outside the kernel. What is recorded stands in `benches/instructions.csv`.
//!
//! ```text
//! cargo bench -p procession-benches --bench instructions               count, and compare with what is recorded
//! cargo bench -p procession-benches --bench instructions -- frame      the cases whose name contains the text
//! cargo bench -p procession-benches --bench instructions -- --record   count, and record
//! ```
//!
//! Without valgrind, it says so and is skipped. A case that takes more than its bound is a failure; so is one that is not
//! recorded. Record anew when a change is worth its instructions, or when the compiler is another; say why in the change.
//!
//! | file | holds |
//! |---|---|
//! | `case.rs` | the cases: add one there for a new hot path |
//! | `counter.rs` | runs a case under valgrind |
//! | `bounds.rs` | what is recorded, and the verdicts (pure) |

pub mod bounds;
pub mod case;
pub mod counter;

use crate::failure::Failure;
use bounds::{Bounds, Verdict};
use case::Case;
use clap::Parser;
use std::io::{self, Write};
use std::process::ExitCode;

/// Counts the instructions of procession's hot paths.
#[derive(Debug, Clone, Parser)]
struct Arguments {
    /// Record what is counted
    #[arg(long)]
    record: bool,

    /// Run one case so many times, and count nothing: what runs under valgrind
    #[arg(long, hide = true, value_name = "TIMES", requires = "names")]
    only_run: Option<u64>,

    /// What `cargo bench` passes
    #[arg(long, hide = true)]
    bench: bool,

    /// Only the cases whose name contains one of these texts
    names: Vec<String>,
}

/// Counts the cases that were asked for. The exit code tells whether all of them keep to their bounds.
pub fn run() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = match arguments.only_run {
        Some(times) => run_case(&arguments.names[0], times).map(|()| true),
        None => count(&arguments),
    };
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(failure) => {
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "{failure}");
            ExitCode::FAILURE
        }
    }
}

fn run_case(name: &str, times: u64) -> Result<(), Failure> {
    let case = Case::ALL.iter().find(|case| case.name == name);
    (case.ok_or_else(|| Failure::Wrong(format!("there is no case {name}")))?.run)(times)
}

/// Returns whether all keep to their bounds.
fn count(arguments: &Arguments) -> Result<bool, Failure> {
    let mut out = io::stdout();
    if !counter::is_available() {
        writeln!(out, "instructions: skipped: there is no valgrind here")?;
        return Ok(true);
    }
    let mut bounds = Bounds::read()?;
    let mut keeps = true;
    writeln!(out, "{:<44} {:>12} {:>12} {:>12}", "instructions for one operation", "counted", "recorded", "at most")?;
    for case in &Case::ALL {
        if !arguments.names.is_empty() && !arguments.names.iter().any(|name| case.name.contains(name.as_str())) {
            continue;
        }
        write!(out, "{:<44}", case.name)?;
        out.flush()?;
        let counted = counter::count(case)?;
        let verdict = bounds.judge(case.name, counted);
        keeps &= arguments.record || verdict.keeps();
        writeln!(out, " {counted:>12} {}", bounds.text(case.name, verdict))?;
        if arguments.record {
            bounds.record(case.name, counted);
        }
    }
    if arguments.record {
        bounds.write()?;
    }
    if !keeps {
        writeln!(out, "some take more than their bounds, or are not recorded: see benches/src/instructions/mod.rs")?;
    }
    Ok(keeps)
}

impl Verdict {
    fn keeps(self) -> bool {
        matches!(self, Verdict::Within | Verdict::FarBelow)
    }
}
