//! Sending.

use std::time::{Duration, Instant};

use procession_transport::{Body, Flushed, Header, Interest};

use super::{Channel, ChannelError, ChannelSendError, Input, Way};
use crate::endpoint::Patience;

/// Try again this soon where the system cannot say when.
const BUSY_PAUSE: Duration = Duration::from_millis(1);

impl Channel {
    /// Sends a message; `write` fills its payload. It returns when the system has all of it: whatever becomes of this process
    /// then, it arrives.
    ///
    /// While it waits for room, an end that goes both ways takes in what comes, up to the limit of a mailbox: two processes
    /// that send to each other at the same time do not hold each other up below that.
    ///
    /// # Errors
    /// [`ChannelSendError`]; nothing of the message was sent, unless it is [`ChannelError::Unfinished`].
    pub fn send<E>(
        &mut self,
        tag: u32,
        patience: Patience,
        write: impl FnOnce(&mut Body<'_>) -> Result<(), E>,
    ) -> Result<(), ChannelSendError<E>> {
        self.begin(patience)?;
        let carries_descriptors = self.is_duplex();
        let header = Header { tag, ..Header::default() };
        let pushed = self.outlet.push(header, |body| {
            if !carries_descriptors {
                body.bar_descriptors();
            }
            write(body)
        });
        pushed.map_err(ChannelSendError::Write)?;
        match self.flush(patience) {
            Ok(()) => Ok(()),
            Err(error @ (ChannelError::NotNow | ChannelError::Timeout)) => {
                let is_whole = self.outlet.retract();
                Err(if is_whole { error } else { ChannelError::Unfinished }.into())
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Sends the rest of a message that has left in part.
    ///
    /// # Errors
    /// [`ChannelError::NotNow`], [`ChannelError::Timeout`], [`ChannelError::Closed`].
    pub fn finish(&mut self, patience: Patience) -> Result<(), ChannelError> {
        self.begin(patience)
    }

    /// Sees that a message can be begun.
    fn begin(&mut self, patience: Patience) -> Result<(), ChannelError> {
        self.check()?;
        if self.way == Way::Inward {
            return Err(ChannelError::WrongWay);
        }
        self.look()?;
        if self.peer.is_gone() {
            return Err(ChannelError::Closed);
        }
        if self.outlet.buffered_bytes() > 0 { self.flush(patience) } else { Ok(()) }
    }

    fn flush(&mut self, patience: Patience) -> Result<(), ChannelError> {
        loop {
            let flushed = match self.outlet.flush() {
                Ok(Flushed::Everything) => return Ok(()),
                Ok(flushed) => flushed,
                Err(procession_transport::LinkError::Closed) => {
                    self.close();
                    return Err(ChannelError::Closed);
                }
                Err(error) => return Err(error.into()),
            };
            let deadline = match patience {
                Patience::Try => return Err(ChannelError::NotNow),
                Patience::Until(deadline) => Some(deadline),
                Patience::Forever => None,
            };
            let now = Instant::now();
            if deadline.is_some_and(|deadline| now >= deadline) {
                return Err(ChannelError::Timeout);
            }
            self.wait_for_room(flushed, deadline, now)?;
            if self.peer.is_gone() {
                self.close();
                return Err(ChannelError::Closed);
            }
        }
    }

    /// Waits for room; takes in what comes meanwhile.
    fn wait_for_room(&mut self, flushed: Flushed, deadline: Option<Instant>, now: Instant) -> Result<(), ChannelError> {
        let takes_in = self.is_duplex() && self.inlet.buffered_bytes() < self.backlog_limit_bytes;
        if flushed == Flushed::Busy {
            let pause = now + BUSY_PAUSE;
            let pause = deadline.map_or(pause, |deadline| deadline.min(pause));
            self.wait(Interest { read: takes_in, write: false }, Some(pause))?;
        } else {
            self.wait(Interest { read: takes_in, write: true }, deadline)?;
        }
        if takes_in && self.input == Input::Fresh { self.read() } else { Ok(()) }
    }

    /// Nobody takes anything any more; what came from there stays.
    fn close(&mut self) {
        self.peer.hang_up();
        self.settle();
    }
}
