//! Exits as data.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a process ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Exit {
    /// It came to its end, or called `exit(0)`.
    Normal,
    /// It called `exit` with this code.
    Code(i32),
    /// A signal ended it that this system did not send at a deadline.
    Signal {
        /// Number of the signal.
        signal: i32,
        /// Whether a core was dumped.
        core_dumped: bool,
    },
    /// It panicked, and that ended it.
    Panicked(Panic),
    /// It ended with an error: the texts of the error and of its sources, outermost first.
    Failed(Vec<String>),
    /// It did not stop in time and was killed.
    Killed,
    /// It was asked to stop and did.
    Stopped,
}

/// What is known of a panic.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Panic {
    /// The panic's message.
    pub message: String,
    /// File, line and column.
    pub location: String,
    /// The call stack; empty if `RUST_BACKTRACE=0`.
    pub backtrace: String,
}

impl Exit {
    /// Whether a supervisor counts this as a normal end: [`Exit::Normal`] and [`Exit::Stopped`].
    pub fn is_normal(&self) -> bool {
        matches!(self, Exit::Normal | Exit::Stopped)
    }
}

impl fmt::Display for Exit {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Exit::Normal => formatter.write_str("ended normally"),
            Exit::Code(code) => write!(formatter, "ended with code {code}"),
            Exit::Signal { signal, .. } => match nix::sys::signal::Signal::try_from(*signal) {
                Ok(name) => write!(formatter, "ended by signal {signal} ({name})"),
                Err(_) => write!(formatter, "ended by signal {signal}"),
            },
            Exit::Panicked(panic) => write!(formatter, "panicked at {}: {}", panic.location, panic.message),
            Exit::Failed(chain) => write!(formatter, "failed: {}", chain.join(": ")),
            Exit::Killed => formatter.write_str("did not stop in time and was killed"),
            Exit::Stopped => formatter.write_str("was stopped"),
        }
    }
}

/// Everything that is told of a process that has ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ended {
    /// How.
    pub exit: Exit,
    /// The last lines of its standard error, if they were captured.
    pub stderr_tail: Vec<String>,
    /// Tag of the message that was being handled when it failed or panicked.
    pub tag_in_hand: Option<u32>,
}

impl From<Exit> for Ended {
    fn from(exit: Exit) -> Ended {
        Ended { exit, stderr_tail: Vec::new(), tag_in_hand: None }
    }
}
