//! What a buffer holds, as it travels to another process with its end of a connection.

use std::collections::VecDeque;
use std::io;
use std::os::fd::OwnedFd;

use crate::Batch;

/// A copy of what a buffer holds: bytes that may start and end in the midst of a frame, and descriptors.
#[derive(Debug, Default)]
pub struct Rest {
    /// The bytes.
    pub bytes: Vec<u8>,
    /// The descriptors of its frames in order, each with the place of its frame in `bytes`, where that matters.
    pub batches: VecDeque<(usize, Batch)>,
}

impl Rest {
    pub(crate) fn new(bytes: &[u8]) -> Rest {
        Rest { bytes: bytes.to_vec(), batches: VecDeque::new() }
    }

    /// Adds duplicates of descriptors.
    pub(crate) fn add(&mut self, start: usize, descriptors: &[OwnedFd], truncated: bool) -> io::Result<()> {
        let descriptors = descriptors.iter().map(OwnedFd::try_clone).collect::<io::Result<_>>()?;
        self.batches.push_back((start, Batch { descriptors, truncated }));
        Ok(())
    }
}
