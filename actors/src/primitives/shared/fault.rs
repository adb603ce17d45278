//! Why a host does not do something, as it travels.

use crate::{PayloadError, data};

/// Why a host does not do something.
#[data]
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The handle is for an earlier life of the host.
    Restarted,
    Overflow,
    Index {
        index: u64,
        length: u64,
    },
    NotFound,
    WrongType {
        wanted: String,
        held: String,
    },
    Panicked {
        message: String,
        location: String,
    },
    TooLarge(usize),
    TooDeep(usize),
    Unsendable(String),
    Unreadable(String),
}

impl Fault {
    /// There is nothing at an index.
    pub(super) fn index(index: usize, length: usize) -> Fault {
        Fault::Index { index: index as u64, length: length as u64 }
    }

    /// What was kept or brought is not what it should be.
    pub(super) fn unreadable(error: &PayloadError) -> Fault {
        Fault::Unreadable(error.to_string())
    }
}

/// A value cannot be kept or given.
impl From<PayloadError> for Fault {
    fn from(error: PayloadError) -> Fault {
        match error {
            PayloadError::TooLarge { limit_bytes } => Fault::TooLarge(limit_bytes),
            PayloadError::TooDeep { limit } => Fault::TooDeep(limit),
            PayloadError::Invalid(text) => Fault::Unsendable(text),
        }
    }
}
