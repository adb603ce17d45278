//! A Python process with its helpers.

use super::script::Script;
use crate::contest::Burst;
use crate::failure::Failure;
use crate::pinning::Pinning;
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;
use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::OnceLock;

/// What is asked for the interpreter; it may be a script that looks for one.
const PROGRAM: &str = "python3";

/// Neither variables nor files of the user matter, and nothing is said about forks.
const OPTIONS: [&str; 4] = ["-I", "-W", "ignore", "-c"];

/// Imports what the scripts need, and says where the interpreter itself is.
const LOCATE: &str = "import ctypes, multiprocessing.synchronize, sys; print(sys.executable)";

/// What a script says when its helpers have been forked.
const READY: &str = "ready";

/// Returns where there is an interpreter that can run the scripts, if there is one.
pub fn locate() -> Option<&'static Path> {
    static PLACE: OnceLock<Option<PathBuf>> = OnceLock::new();
    PLACE.get_or_init(look_for).as_deref()
}

fn look_for() -> Option<PathBuf> {
    let tried = Command::new(PROGRAM).args(OPTIONS).arg(LOCATE).stdin(Stdio::null()).stderr(Stdio::null()).output();
    let said = tried.ok().filter(|output| output.status.success())?.stdout;
    place_in(&said)
}

fn place_in(said: &[u8]) -> Option<PathBuf> {
    let place = said.trim_ascii_end();
    (!place.is_empty()).then(|| PathBuf::from(OsStr::from_bytes(place)))
}

/// A running program that is told how many operations to do, and says when they are done; dropping it ends the process and
/// its helpers.
#[derive(Debug)]
pub struct Interpreter {
    child: Child,
    /// Where it is told how many operations to do; closed, it ends.
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
}

impl Interpreter {
    /// Starts a script. Its helpers run where the pinning wants the peers, it itself where it wants the bench process.
    ///
    /// To be called by the main thread: the process dies with its creator.
    ///
    /// # Errors
    ///
    /// Fails if there is no interpreter, or if the script ends before it is ready.
    pub fn start(script: Script, pinning: &Pinning) -> Result<Self, Failure> {
        let program = locate().ok_or_else(|| Failure::Unavailable("there is no python3".to_string()))?;
        let mut command = Command::new(program);
        command.args(OPTIONS).arg(script.text()).arg(std::process::id().to_string()).args(script.argument);
        Self::start_command(command, pinning)
    }

    /// Starts a program that does as the scripts do: it says `ready`, then reads numbers of operations line by line from its
    /// standard input, does them, and repeats the number, until the input ends.
    ///
    /// # Errors
    ///
    /// Fails if it cannot be started, or if it ends before it is ready.
    pub fn start_command(mut command: Command, pinning: &Pinning) -> Result<Self, Failure> {
        let mut interpreter = {
            let _held = pinning.hold_as_peer()?;
            let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).process_group(0).spawn()?;
            let orders = child.stdin.take();
            let answers = child.stdout.take().ok_or_else(|| Failure::Wrong("a program has no output".to_string()))?;
            Interpreter { child, orders, answers: BufReader::new(answers) }
        };
        interpreter.expect(READY)?;
        pinning.place_beside(interpreter.child.id())?;
        Ok(interpreter)
    }

    /// Returns the id of the process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    fn expect(&mut self, expected: &str) -> Result<(), Failure> {
        let mut line = String::new();
        match self.answers.read_line(&mut line)? {
            0 => Err(Failure::Wrong("a program has ended".to_string())),
            _ if line.trim_end() == expected => Ok(()),
            _ => Err(Failure::Wrong(format!("a program says {line:?} instead of {expected:?}"))),
        }
    }
}

impl Burst for Interpreter {
    fn run(&mut self, operations: u64) -> Result<(), Failure> {
        let orders = self.orders.as_mut().ok_or_else(|| Failure::Wrong("a program has no input".to_string()))?;
        orders.write_all(format!("{operations}\n").as_bytes())?;
        self.expect(&operations.to_string())
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        // It ends its helpers itself, and removes its files; if it hangs in that, the line's limit ends everything.
        drop(self.orders.take());
        let group = Pid::from_raw(self.child.id().cast_signed());
        // Each of these fails only if somebody else has taken the process's end. It is looked at first and taken last, so that
        // the number of the group cannot be anybody else's yet.
        let _ = waitid(Id::Pid(group), WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT);
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pinning::{Cores, Placement};

    #[test]
    fn the_place_is_what_was_said_if_anything() {
        assert_eq!(place_in(b"/opt/a b/python3\n"), Some(PathBuf::from("/opt/a b/python3")));
        assert_eq!(place_in(b"\n"), None);
    }

    fn anywhere() -> Pinning {
        let cores = Cores::allowed().expect("some core is allowed");
        Pinning::new(Placement::Free, &cores).expect("every core is allowed")
    }

    #[test]
    fn every_script_does_what_it_is_told() {
        if locate().is_none() {
            return;
        }
        for script in Script::ALL {
            let mut interpreter = Interpreter::start(script, &anywhere()).expect("a running script");
            interpreter.run(1).expect("one operation");
            interpreter.run(20).expect("twenty operations");
        }
    }

    #[test]
    fn a_script_that_ends_is_a_failure_and_no_hang() {
        if locate().is_none() {
            return;
        }
        let mut interpreter = Interpreter::start(Script::QUEUE, &anywhere()).expect("a running script");
        interpreter.child.kill().expect("it runs");
        assert!(interpreter.run(1).is_err());
    }
}
