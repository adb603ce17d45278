//! An endpoint's line to the supervisor.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use procession_transport::{Hub, Inlet, Link, Outlet, Received, Socket, Watch};

use super::core::Subject;
use crate::control::{self, CONTROL_LIMIT_BYTES, NOTICE_LIMIT_BYTES, Notice};
use crate::error::RuntimeError;
use crate::membership::Control;

/// A control socket, both ways, and the hub that watches it: what an endpoint has before it is known whose it is.
#[derive(Debug)]
pub(crate) struct Line {
    pub(crate) upward: Arc<Control>,
    pub(super) inlet: Inlet,
    pub(super) hub: Hub<Subject>,
    pub(super) watch: Watch,
}

impl Line {
    /// Takes one end of a socket pair whose other end is the supervisor's.
    pub(crate) fn new(socket: OwnedFd) -> Result<Line, RuntimeError> {
        let link: Arc<dyn Link> = Arc::new(Socket::from_nonblocking(socket));
        let upward = Control::new(Outlet::new(link.clone(), CONTROL_LIMIT_BYTES));
        let mut hub = Hub::new()?;
        let watch = hub.watch(link.descriptor(), Subject::Control)?;
        Ok(Line { upward, inlet: Inlet::new(link, NOTICE_LIMIT_BYTES), hub, watch })
    }

    /// Waits for the supervisor's first word. `wait` is called when there is none; it may return before there is.
    pub(crate) fn first_notice(
        &mut self,
        mut wait: impl FnMut(BorrowedFd<'_>),
    ) -> Result<(Notice, Vec<OwnedFd>), RuntimeError> {
        loop {
            if let Some(frame) = self.inlet.next_frame()? {
                let (_, notice, descriptors) = control::read(frame)?;
                return Ok((notice, descriptors.arrived().map_err(|_| RuntimeError::NoDescriptors)?));
            }
            match self.inlet.receive()? {
                Received::End => return Err(RuntimeError::SupervisorLost),
                Received::Nothing => wait(self.inlet.as_fd()),
                Received::More | Received::Drained => {}
            }
        }
    }
}

/// Waits until there is something to read, for at most this long. Gives whether there is.
pub(crate) fn wait_readable(socket: BorrowedFd<'_>, patience: PollTimeout) -> bool {
    poll(&mut [PollFd::new(socket, PollFlags::POLLIN)], patience).is_ok_and(|count| count > 0)
}
