//! Receiving.

use std::time::Instant;

use bytes::Bytes;
use procession_transport::{Descriptors, Interest, Received};

use super::{Channel, ChannelError, Input, Way};
use crate::endpoint::Patience;

/// What has been received.
#[derive(Debug)]
pub struct Delivered {
    /// What the sender called it.
    pub tag: u32,
    /// The bytes, at an address aligned to 16 bytes.
    pub payload: Bytes,
    /// The descriptors that came along.
    pub descriptors: Descriptors,
}

impl Channel {
    /// Takes the next message, and waits for it as long as `patience` allows.
    ///
    /// # Errors
    /// [`ChannelError::Closed`] when nothing more comes; [`ChannelError::NotNow`], [`ChannelError::Timeout`];
    /// [`ChannelError::Broken`].
    pub fn receive(&mut self, patience: Patience) -> Result<Delivered, ChannelError> {
        self.check()?;
        loop {
            if let Some(frame) = self.inlet.next_frame()? {
                let (tag, payload, descriptors) = (frame.header.tag, frame.payload, frame.descriptors);
                return Ok(Delivered { tag, payload, descriptors });
            }
            self.fetch(patience)?;
        }
    }

    /// Whether [`receive`](Channel::receive) would return at once; waits for that until `deadline` if there is one.
    ///
    /// # Errors
    /// [`ChannelError::Runtime`] and others.
    pub fn poll(&mut self, deadline: Option<Instant>) -> Result<bool, ChannelError> {
        self.check()?;
        let patience = deadline.map_or(Patience::Forever, Patience::Until);
        while !self.inlet.has_frame() {
            match self.fetch(patience) {
                Ok(()) => {}
                Err(ChannelError::Timeout) => return Ok(false),
                Err(ChannelError::Closed) => return Ok(true),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }

    /// Whether [`receive`](Channel::receive) would return at once, as far as can be told without a wait.
    pub(super) fn is_ready(&mut self) -> Result<bool, ChannelError> {
        self.check()?;
        self.settle();
        while !self.inlet.has_frame() && self.input == Input::Fresh {
            self.read()?;
        }
        Ok(self.inlet.has_frame() || self.input == Input::Ended)
    }

    /// Reads something, or waits for something to read.
    fn fetch(&mut self, patience: Patience) -> Result<(), ChannelError> {
        if self.way == Way::Outward {
            return Err(ChannelError::WrongWay);
        }
        match (self.input, patience) {
            (Input::Ended, _) => return Err(ChannelError::Closed),
            (Input::Fresh, _) => return self.read(),
            (Input::Drained, Patience::Try) => return self.glance(),
            (Input::Drained, _) => {}
        }
        let deadline = if let Patience::Until(deadline) = patience { Some(deadline) } else { None };
        let is_last = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        self.wait(Interest { read: true, write: false }, deadline)?;
        if !is_last {
            return Ok(());
        }
        if self.input == Input::Fresh {
            self.read()?;
        }
        if self.inlet.has_frame() || self.input == Input::Ended { Ok(()) } else { Err(ChannelError::Timeout) }
    }

    /// Reads once more what had given everything before, and looks whether the other end is still there.
    fn glance(&mut self) -> Result<(), ChannelError> {
        self.read()?;
        if self.input == Input::Drained && !self.inlet.has_frame() {
            self.look()?;
        }
        if self.input == Input::Drained && !self.inlet.has_frame() { Err(ChannelError::NotNow) } else { Ok(()) }
    }

    /// Reads once.
    pub(super) fn read(&mut self) -> Result<(), ChannelError> {
        self.input = match self.inlet.receive()? {
            Received::More => Input::Fresh,
            Received::Drained | Received::Nothing => Input::Drained,
            Received::End => {
                self.peer.hang_up();
                Input::Ended
            }
        };
        Ok(())
    }
}
