//! What can go wrong between two processes.

use std::io;

/// Bytes that are not frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WireError {
    /// The header's check does not fit its fields: the stream is out of step, or the peer does not speak this format.
    #[error("frame header does not check; the connection cannot be used any more")]
    Corrupt,
    /// The header announces more than this end takes.
    #[error("frame of {length_bytes} bytes is above the limit of {limit_bytes} bytes")]
    TooLarge {
        /// Announced payload length in bytes.
        length_bytes: usize,
        /// What this end takes in bytes.
        limit_bytes: usize,
    },
    /// The header announces more descriptors than one frame can carry.
    #[error("frame announces {count} descriptors, more than one frame can carry")]
    TooManyDescriptors {
        /// Announced number of descriptors.
        count: usize,
    },
    /// Descriptors came that no frame announced, or in another number than announced.
    #[error("descriptors came that no frame announced")]
    StrayDescriptors,
    /// Descriptors of a frame were lost because this process had none free.
    #[error("descriptors of a message were lost: this process has no free descriptors; raise its limit")]
    DescriptorsLost,
}

/// A link that cannot go on.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LinkError {
    /// The peer sent something that is not a frame.
    #[error(transparent)]
    Wire(#[from] WireError),
    /// The peer closed its end, or ended.
    #[error("the other end is closed")]
    Closed,
    /// The system refused.
    #[error("system call on a connection failed: {0}")]
    System(#[from] io::Error),
}

impl From<nix::Error> for LinkError {
    fn from(error: nix::Error) -> LinkError {
        LinkError::System(error.into())
    }
}
