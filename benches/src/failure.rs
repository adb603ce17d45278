//! Why a line could not be measured.

use std::error::Error;
use std::io;

/// Why a line could not be measured.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// A system call failed.
    #[error("system call failed: {0}")]
    System(#[from] io::Error),
    /// This machine or user cannot run the line; the run as a whole is not failed by it.
    #[error("not available here: {0}")]
    Unavailable(String),
    /// A side did something other than what it was asked.
    #[error("{0}")]
    Wrong(String),
    /// A side failed with an error of its own.
    #[error(transparent)]
    Side(Box<dyn Error + Send + Sync>),
}

impl Failure {
    /// Wraps the error of a side, for `map_err`.
    pub fn side(error: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Failure::Side(error.into())
    }
}

impl From<nix::errno::Errno> for Failure {
    fn from(errno: nix::errno::Errno) -> Self {
        Failure::System(errno.into())
    }
}
