//! Runs a case under valgrind.

use super::case::Case;
use crate::failure::Failure;
use nix::unistd::alarm;
use std::env;
use std::process::{Command, Output, Stdio};

/// What is asked for.
const PROGRAM: &str = "valgrind";

/// Counts, and writes no file.
const OPTIONS: [&str; 2] = ["--tool=callgrind", "--callgrind-out-file=/dev/null"];

/// What stands before the number in what it says.
const MARK: &str = "Collected :";

/// How often a case is counted, of which the fewest are taken: what depends on the moment only adds.
const TRIES: usize = 3;

/// This process is killed if a case takes longer, in seconds: something hangs.
const HANG_LIMIT_SECONDS: u32 = 300;

/// Whether there is a valgrind with callgrind.
pub fn is_available() -> bool {
    let tried = Command::new(PROGRAM).args(["--tool=callgrind", "--version"]).stdin(Stdio::null()).output();
    tried.is_ok_and(|output| output.status.success())
}

/// Returns how many instructions one operation of a case takes.
///
/// # Errors
///
/// Fails if the case does, or if valgrind says something else than a number.
pub fn count(case: &Case) -> Result<u64, Failure> {
    alarm::set(HANG_LIMIT_SECONDS);
    let (few, many) = (case.times, case.times * 3);
    let mut fewest = u64::MAX;
    for _ in 0..TRIES {
        let more = run(case, many)?.saturating_sub(run(case, few)?);
        fewest = fewest.min(more / (many - few));
    }
    alarm::cancel();
    Ok(fewest)
}

/// Returns how many instructions the whole run takes.
fn run(case: &Case, times: u64) -> Result<u64, Failure> {
    let mut command = Command::new(PROGRAM);
    command.args(OPTIONS).arg(env::current_exe()?);
    let output = command.args(["--only-run", &times.to_string(), case.name]).stdin(Stdio::null()).output()?;
    collected(&output).ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stderr);
        Failure::Wrong(format!("{} under valgrind: {}, and this:\n{said}", case.name, output.status))
    })
}

fn collected(output: &Output) -> Option<u64> {
    let said = String::from_utf8_lossy(&output.stderr);
    let (_, number) = said.rsplit_once(MARK).filter(|_| output.status.success())?;
    number.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::process::ExitStatusExt;
    use std::process::ExitStatus;

    #[test]
    fn the_number_is_found_if_the_run_was_good() {
        let output = |status, said: &str| Output {
            status: ExitStatus::from_raw(status),
            stdout: Vec::new(),
            stderr: said.as_bytes().to_vec(),
        };
        let said = "==7== Events    : Ir\n==7== Collected : 9690589\n==7== \n";
        assert_eq!(collected(&output(0, said)), Some(9_690_589));
        assert_eq!(collected(&output(256, said)), None);
        assert_eq!(collected(&output(0, "==7== killed")), None);
    }
}
