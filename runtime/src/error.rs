//! What can go wrong, one enum per operation.

use std::io;

use procession_transport::{LinkError, Refusal};
use serde::{Deserialize, Serialize};

use crate::exit::Exit;

/// The runtime of this process cannot do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum RuntimeError {
    /// The supervisor process is gone, and with it every actor of the system.
    #[error("the system's supervisor is gone; start a new system")]
    SupervisorLost,
    /// The system has been shut down, or was never started in this process.
    #[error("the system is not running in this process")]
    NotRunning,
    /// This process is a bare `fork()` copy of one that belongs to the system.
    #[error("this process is a forked copy; handles work only in processes that the system started")]
    Forked,
    /// No process, mailbox or supervisor has this address any more.
    #[error("no such actor")]
    NoActor,
    /// Another process has this name.
    #[error("the name is taken")]
    NameTaken,
    /// The address is of another kind than the operation needs.
    #[error("the address does not fit the operation: {0}")]
    WrongKind(String),
    /// There are no free descriptors, here or in the supervisor.
    #[error("no free descriptors: raise the limit (`ulimit -n`) or use fewer actors at a time")]
    NoDescriptors,
    /// The runtime was entered again from within itself, as by a `Serialize` implementation that sends a message.
    #[error("the runtime was entered from within itself")]
    Reentered,
    /// The supervisor did not answer in time.
    #[error("the system's supervisor did not answer in time")]
    Unresponsive,
    /// A request to the supervisor is larger than it takes.
    #[error("the request is too large")]
    TooLarge,
    /// The system refused.
    #[error("system call failed: {0}")]
    System(String),
}

impl From<io::Error> for RuntimeError {
    fn from(error: io::Error) -> RuntimeError {
        match error.raw_os_error().map(nix::Error::from_raw) {
            Some(nix::Error::EMFILE | nix::Error::ENFILE) => RuntimeError::NoDescriptors,
            _ => RuntimeError::System(error.to_string()),
        }
    }
}

impl From<nix::Error> for RuntimeError {
    fn from(error: nix::Error) -> RuntimeError {
        io::Error::from(error).into()
    }
}

impl From<LinkError> for RuntimeError {
    fn from(error: LinkError) -> RuntimeError {
        match error {
            LinkError::System(error) => error.into(),
            LinkError::Closed => RuntimeError::SupervisorLost,
            other => RuntimeError::System(other.to_string()),
        }
    }
}

impl From<Refusal> for RuntimeError {
    fn from(_: Refusal) -> RuntimeError {
        RuntimeError::TooLarge
    }
}

/// A message was not sent.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError<E> {
    /// The payload could not be written.
    #[error("message cannot be written: {0}")]
    Write(E),
    /// The connection takes no more for now.
    #[error("the receiver does not keep up and the connection is full")]
    Full,
    /// The receiver has ended.
    #[error("the actor has ended: {0}")]
    Dead(Exit),
    /// No such address.
    #[error("no such actor")]
    NoActor,
    /// See there.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// A wait ended without what was waited for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The time has passed.
    #[error("no answer in time")]
    Timeout,
    /// Whoever should have answered has ended.
    #[error("the actor has ended: {0}")]
    Dead(Exit),
    /// No such address.
    #[error("no such actor")]
    NoActor,
    /// The actors that wait for each other form a circle; this wait is part of it.
    #[error("deadlock: the actor waits, through others, for this one")]
    Deadlock,
    /// The actor dropped the request without an answer.
    #[error("the actor gave no answer")]
    NoReply,
    /// The actor could not read the request.
    #[error("the actor could not read the message: {0}")]
    Invalid(String),
    /// The actor does not take this message.
    #[error("the actor does not take this message")]
    NotAccepted,
    /// See there.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// A process was not started. Nothing of it is left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum SpawnError {
    /// Its `start` returned an error: its text and those of its sources.
    #[error("start failed: {}", .0.join(": "))]
    Failed(Vec<String>),
    /// It ended before it had started.
    #[error("the process ended before it had started: {0}")]
    Died(Exit),
    /// The code to run is in a dynamic library, not in the program's own image.
    #[error("the code to run is not in the program's own image; link it statically")]
    ForeignImage,
    /// The system has no process left, for this user or at all, or no memory.
    #[error("no process could be made: {0}")]
    NoProcess(String),
    /// See there.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
}

/// The system was not started.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StartError {
    /// `main` lacks its attribute, so no other process of this program could become part of the system.
    #[error("this program lacks the hook: put #[procession::main] above `fn main` (#[procession::test] above a test)")]
    MissingHook,
    /// The supervisor process ended, or did not answer in time.
    #[error("the supervisor process did not start: {0}")]
    NoSupervisor(String),
    /// The system refused.
    #[error("the supervisor process could not be made: {0}")]
    System(#[from] io::Error),
}

impl From<nix::Error> for StartError {
    fn from(error: nix::Error) -> StartError {
        StartError::System(error.into())
    }
}
