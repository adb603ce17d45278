//! The process that clones actors.
//!
//! It is a copy of the supervisor from before the supervisor had anything, with one socket and a small heap. Each clone
//! is its sibling, so that the supervisor reaps it. It answers every request, in order.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use procession_transport::{Flushed, Inlet, Outlet, Received, Socket, WireError, socket_pair};
use serde::{Deserialize, Serialize};

use crate::control::{self, CONTROL_LIMIT_BYTES};
use crate::error::RuntimeError;
use crate::sys::{Allowance, Cloned};
use crate::{child, hook, rehearsal, sys};

/// Most clones asked for and not answered: it bounds the descriptors in flight to the zygote.
pub(crate) const UNANSWERED_LIMIT: usize = 16;

/// Asks for one clone. Descriptor: the new process's control socket.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CloneRequest {
    /// The supervisor's name for the request.
    pub(crate) ticket: u64,
    /// Whether the clone is made before it is wanted.
    pub(crate) is_spare: bool,
}

/// What came of a [`CloneRequest`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct CloneAnswer {
    pub(crate) ticket: u64,
    /// The new process's id, or the number of the error.
    pub(crate) process: Result<i32, i32>,
}

/// The supervisor's side of a zygote.
#[derive(Debug)]
pub(crate) struct Zygote {
    pub(crate) process: Pid,
    pub(crate) inlet: Inlet,
    pub(crate) outlet: Outlet,
}

/// Makes a zygote by forking this process, which must have one thread. In the zygote this does not return.
pub(crate) fn start(allowance: &Allowance) -> Result<Zygote, RuntimeError> {
    let (ours, theirs) = socket_pair()?;
    let parent = nix::unistd::getpid();
    match sys::fork()? {
        Cloned::Copy => run(theirs, parent, allowance),
        Cloned::Original(process) => {
            let link = Arc::new(Socket::from_nonblocking(ours));
            Ok(Zygote {
                process,
                inlet: Inlet::new(link.clone(), CONTROL_LIMIT_BYTES),
                outlet: Outlet::new(link, CONTROL_LIMIT_BYTES),
            })
        }
    }
}

/// Ends quietly when the supervisor is gone.
fn run(socket: OwnedFd, parent: Pid, allowance: &Allowance) -> ! {
    sys::reset_signals();
    let alive = sys::die_with(parent);
    let Ok(socket) = sys::keep_only(socket) else { std::process::exit(1) };
    if !matches!(alive, Ok(true)) {
        std::process::exit(0);
    }
    allowance.restore();
    prepare_clones(parent);
    sys::set_title("zygote", "procession zygote");
    let link = Arc::new(Socket::from_nonblocking(socket));
    let (mut inlet, mut outlet) =
        (Inlet::new(link.clone(), CONTROL_LIMIT_BYTES), Outlet::new(link, CONTROL_LIMIT_BYTES));
    // The end of the loop is the end of the socket, or of its sense; both end the zygote.
    while turn(&mut inlet, &mut outlet, parent).is_some() {}
    std::process::exit(0)
}

/// Does once what every clone would do for itself: what it finds done in its memory costs it neither time nor pages.
fn prepare_clones(parent: Pid) {
    hook::prepare_copies();
    if let Err(error) = rehearsal::rehearse(parent) {
        tracing::debug!(%error, "the zygote has not rehearsed; actors start a little later");
    }
}

/// Answers what has arrived, then waits for more.
fn turn(inlet: &mut Inlet, outlet: &mut Outlet, parent: Pid) -> Option<()> {
    while let Some(frame) = inlet.next_frame().ok()? {
        let (_, request, descriptors) = control::read::<CloneRequest>(frame).ok()?;
        let answer =
            CloneAnswer { ticket: request.ticket, process: answer(descriptors.arrived(), parent, request.is_spare) };
        control::push(outlet, 0, &answer, Vec::new()).ok()?;
        flush(outlet)?;
    }
    match inlet.receive().ok()? {
        Received::End => None,
        Received::Nothing => wait(inlet, PollFlags::POLLIN),
        Received::More | Received::Drained => Some(()),
    }
}

fn answer(control: Result<Vec<OwnedFd>, WireError>, parent: Pid, is_spare: bool) -> Result<i32, i32> {
    let control = control.ok().and_then(|mut descriptors| descriptors.pop());
    let control = control.ok_or(nix::Error::EMFILE as i32)?;
    let (cloned, is_sibling) = match sys::clone_sibling() {
        Err(nix::Error::EINVAL | nix::Error::EPERM | nix::Error::ENOSYS) => (clone_by_twice_forking(parent), false),
        cloned => (cloned, true),
    };
    match cloned {
        Ok(Cloned::Copy) => child::run_clone(control, parent, is_sibling, is_spare),
        Ok(Cloned::Original(process)) => Ok(process.as_raw()),
        Err(error) => Err(error as i32),
    }
}

/// Where the kernel does not let a clone be a sibling (a seccomp filter, a zygote that is a namespace's first process):
/// the copy of a copy becomes the supervisor's child when the copy between them ends, since the supervisor adopts all
/// orphans among its descendants. The new process's id is not known here then; it tells the supervisor itself.
fn clone_by_twice_forking(parent: Pid) -> nix::Result<Cloned> {
    let Cloned::Original(between) = sys::fork()? else {
        return match sys::fork() {
            Ok(Cloned::Copy) => {
                while nix::unistd::getppid() != parent {
                    std::thread::yield_now();
                }
                Ok(Cloned::Copy)
            }
            Ok(Cloned::Original(_)) => std::process::exit(0),
            Err(error) => std::process::exit(error as i32),
        };
    };
    match nix::sys::wait::waitpid(between, None)? {
        nix::sys::wait::WaitStatus::Exited(_, 0) => Ok(Cloned::Original(Pid::from_raw(0))),
        nix::sys::wait::WaitStatus::Exited(_, code) => Err(nix::Error::from_raw(code)),
        _ => Err(nix::Error::EAGAIN),
    }
}

fn flush(outlet: &mut Outlet) -> Option<()> {
    loop {
        match outlet.flush().ok()? {
            Flushed::Everything => return Some(()),
            Flushed::Blocked | Flushed::Busy => wait(outlet, PollFlags::POLLOUT)?,
        }
    }
}

fn wait(on: &impl AsFd, flags: PollFlags) -> Option<()> {
    match poll(&mut [PollFd::new(on.as_fd(), flags)], PollTimeout::NONE) {
        Ok(_) | Err(nix::Error::EINTR) => Some(()),
        Err(_) => None,
    }
}
