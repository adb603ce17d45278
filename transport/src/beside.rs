//! Waiting for descriptors that no hub watches, with a hub or without one.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, ppoll};
use nix::sys::time::TimeSpec;

/// What is waited for at a descriptor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Interest {
    /// Something to read, or the end of the stream.
    pub read: bool,
    /// Room to write.
    pub write: bool,
}

/// What a wait found at a descriptor. One whose peer is gone can be read and written: that tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Found {
    /// Reading gives something, or the end of the stream.
    pub readable: bool,
    /// Writing takes something, or says that nobody reads.
    pub writable: bool,
}

/// Descriptors that somebody waits for once, without having them watched: nothing is registered, so nothing is to be
/// taken back when a descriptor goes to another thread or process.
#[derive(Debug, Default)]
pub struct Beside<'a> {
    polled: Vec<PollFd<'a>>,
    found: Vec<Found>,
}

impl<'a> Beside<'a> {
    /// Adds a descriptor; its place is the number of those before it.
    pub fn add(&mut self, descriptor: BorrowedFd<'a>, interest: Interest) {
        let mut flags = PollFlags::empty();
        flags.set(PollFlags::POLLIN, interest.read);
        flags.set(PollFlags::POLLOUT, interest.write);
        self.polled.push(PollFd::new(descriptor, flags));
    }

    /// Waits until one of them, or of those that the hub watches, is ready, or the time has passed; `None` waits for ever. A
    /// signal ends the wait, too. Gives whether the hub has something.
    ///
    /// # Errors
    /// The system's.
    pub fn wait(&mut self, hub: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> io::Result<bool> {
        let mut polled: Vec<PollFd<'_>> = Vec::with_capacity(self.polled.len() + 1);
        polled.extend(hub.map(|hub| PollFd::new(hub, PollFlags::POLLIN)));
        polled.extend(self.polled.iter().cloned());
        match ppoll(&mut polled, timeout.map(TimeSpec::from_duration), None) {
            Ok(_) | Err(nix::Error::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
        let mut found = polled.iter().map(found);
        let is_ready = hub.is_some() && found.next().is_some_and(|found| found.readable);
        self.found.clear();
        self.found.extend(found);
        Ok(is_ready)
    }

    fn has_found(&self) -> bool {
        self.found.iter().any(|found| found.readable || found.writable)
    }

    /// Gives what the last wait found, in the order of [`add`](Beside::add).
    pub fn into_found(self) -> Vec<Found> {
        self.found
    }
}

fn found(polled: &PollFd<'_>) -> Found {
    let flags = polled.revents().unwrap_or(PollFlags::empty());
    let is_gone = flags.intersects(PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL);
    Found {
        readable: is_gone || flags.contains(PollFlags::POLLIN),
        writable: is_gone || flags.contains(PollFlags::POLLOUT),
    }
}

impl<T: Copy> crate::Hub<T> {
    /// Waits as [`Hub::wait`](crate::Hub::wait) does, and for what is beside the hub. Gives whether something has come.
    ///
    /// # Errors
    /// The system's.
    pub fn wait_beside(&mut self, beside: &mut Beside<'_>, timeout: Option<Duration>) -> io::Result<bool> {
        let sleeps = timeout != Some(Duration::ZERO) && self.fall_asleep();
        let outcome = beside.wait(Some(self.poller()), if sleeps { timeout } else { Some(Duration::ZERO) });
        self.wake();
        let has_come = outcome? && self.poll(Some(Duration::ZERO))?;
        Ok(self.hear_bell() || has_come || beside.has_found())
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn what_is_ready_is_found() {
        let (one, other) = crate::socket_pair().expect("a pair");
        let (idle, _held) = crate::socket_pair().expect("a pair");
        let read = Interest { read: true, write: false };
        nix::unistd::write(&other, b"x").expect("there is room");
        let mut beside = Beside::default();
        beside.add(idle.as_fd(), read);
        beside.add(one.as_fd(), Interest { read: true, write: true });
        assert!(!beside.wait(None, None).expect("it waits"));
        assert_eq!(beside.into_found(), [Found::default(), Found { readable: true, writable: true }]);
        drop(other);
        let mut beside = Beside::default();
        beside.add(one.as_fd(), Interest::default());
        beside.wait(None, None).expect("the end is found");
        assert!(beside.into_found()[0].readable);
    }

    #[test]
    fn time_ends_a_wait() {
        let mut beside = Beside::default();
        let (idle, _held) = crate::socket_pair().expect("a pair");
        beside.add(idle.as_fd(), Interest { read: true, write: false });
        beside.wait(None, Some(Duration::from_millis(1))).expect("it waits");
        assert_eq!(beside.into_found(), [Found::default()]);
    }

    #[test]
    fn a_hub_wakes_it() {
        let mut hub = crate::Hub::new().expect("a hub");
        let (one, other) = crate::socket_pair().expect("a pair");
        let watch = hub.watch(one.as_fd(), 7).expect("it is watched");
        nix::unistd::write(&other, b"x").expect("there is room");
        hub.wait_beside(&mut Beside::default(), None).expect("it waits");
        assert!(hub.readiness(watch).is_some_and(|readiness| readiness.readable));
    }
}
