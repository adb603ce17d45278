//! The process that clones actors.
//!
//! It is a copy of the supervisor from before the supervisor had anything, with one socket and a small heap. Each clone
//! is its sibling, so that the supervisor reaps it. It answers every request, in order.

mod sys;

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use nix::poll::PollTimeout;
use nix::sys::socket::{MsgFlags, send};
use nix::unistd::Pid;
use procession_transport::{HEADER_BYTES, Header, Inlet, LinkError, Outlet, Refusal, Socket, socket_pair};

use self::sys::Cloner;
use crate::endpoint::wait_readable;
use crate::error::RuntimeError;
use crate::sys::{Allowance, Cloned};
use crate::{biased, child, hook, rehearsal, voice};

/// Most clones asked for and not answered: it bounds the descriptors in flight to the zygote.
pub(crate) const UNANSWERED_LIMIT: usize = 16;

/// Most answers that are kept back; fewer than clones may be asked for, so that there is always a next one to make.
const ANSWERS_KEPT_BACK: usize = UNANSWERED_LIMIT / 2;

/// What a frame on the zygote's socket is. None has a payload, so that neither side takes memory for one.
mod kind {
    /// Asks for one clone. Correlation: the supervisor's name for the request. Descriptor: the new process's control socket.
    pub(super) const CLONE: u8 = 1;
    /// Asks for one that is made before it is wanted.
    pub(super) const SPARE: u8 = 2;
    /// Tag: the new process's id.
    pub(super) const CLONED: u8 = 3;
    /// Tag: the number of the error.
    pub(super) const NOT_CLONED: u8 = 4;
}

/// What came of a request.
#[derive(Debug)]
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

impl Zygote {
    /// Asks for one clone; `is_spare`: before it is wanted. It has this end of its control socket.
    pub(crate) fn ask(&mut self, ticket: u64, is_spare: bool, control: OwnedFd) -> Result<(), Refusal> {
        let kind = if is_spare { kind::SPARE } else { kind::CLONE };
        let header = Header { kind, correlation: ticket, ..Header::default() };
        self.outlet.push(header, |body| body.attach(control).map(drop)).map(drop)
    }

    /// Gives the next answer that has been received.
    pub(crate) fn next_answer(&mut self) -> Result<Option<CloneAnswer>, LinkError> {
        Ok(self.inlet.next_frame()?.map(|frame| {
            let Header { kind, tag, correlation: ticket, .. } = frame.header;
            let number = tag.cast_signed();
            CloneAnswer { ticket, process: if kind == kind::CLONED { Ok(number) } else { Err(number) } }
        }))
    }
}

/// Makes a zygote by forking this process, which must have one thread. In the zygote this does not return.
pub(crate) fn start(allowance: &Allowance) -> Result<Zygote, RuntimeError> {
    let (ours, theirs) = socket_pair()?;
    let parent = nix::unistd::getpid();
    match crate::sys::fork()? {
        Cloned::Copy => run(theirs, parent, allowance),
        Cloned::Original(process) => {
            let link = Arc::new(Socket::from_nonblocking(ours));
            Ok(Zygote { process, inlet: Inlet::new(link.clone(), 0), outlet: Outlet::new(link, 0) })
        }
    }
}

/// Ends quietly when the supervisor is gone.
fn run(socket: OwnedFd, parent: Pid, allowance: &Allowance) -> ! {
    crate::sys::reset_signals();
    let alive = crate::sys::die_with(parent);
    let Ok(socket) = crate::sys::keep_only(socket) else { std::process::exit(1) };
    if !matches!(alive, Ok(true)) || sys::set_blocking(socket.as_fd()).is_err() {
        std::process::exit(0);
    }
    allowance.restore();
    prepare_clones(parent);
    crate::sys::set_title("zygote", "procession zygote");
    let cloner = Cloner::new().ok();
    let mut answers = Answers::default();
    // The end of the loop is the end of the socket, or of its sense; both end the zygote.
    while turn(&socket, parent, cloner.as_ref(), &mut answers).is_some() {}
    std::process::exit(0)
}

/// Does once what every clone would do for itself: what it finds done in its memory costs it neither time nor pages.
fn prepare_clones(parent: Pid) {
    hook::prepare_copies();
    biased::prepare();
    if let Err(error) = voice::only_listen() {
        tracing::debug!(%error, "the supervisor's voice can be changed by others");
    }
    if let Err(error) = rehearsal::rehearse(parent) {
        tracing::debug!(%error, "the zygote has not rehearsed; actors start a little later");
    }
}

/// Answers that are kept back while there are more requests: the supervisor need not be woken for each.
#[derive(Debug, Default)]
struct Answers {
    bytes: [[u8; HEADER_BYTES]; ANSWERS_KEPT_BACK],
    count: usize,
}

impl Answers {
    fn push(&mut self, answer: &Header) {
        self.bytes[self.count] = answer.encode();
        self.count += 1;
    }

    fn send(&mut self, socket: &OwnedFd) -> Option<()> {
        let count = std::mem::take(&mut self.count);
        send_whole(socket, self.bytes[..count].as_flattened())
    }
}

/// Takes the next request and does it. If there is none, sends the answers and waits for one; if they are many, sends them.
fn turn(socket: &OwnedFd, parent: Pid, cloner: Option<&Cloner>, answers: &mut Answers) -> Option<()> {
    let mut bytes = [0; HEADER_BYTES];
    let (count, control) = match sys::receive(socket.as_fd(), &mut bytes) {
        Err(nix::Error::EINTR) => return Some(()),
        Err(nix::Error::EAGAIN) => {
            answers.send(socket)?;
            // A read that waits would be woken also when the supervisor takes the answers.
            wait_readable(socket.as_fd(), PollTimeout::NONE);
            return Some(());
        }
        received => received.ok()?,
    };
    // A frame with a descriptor and without a payload is sent, and received, by one call.
    let request = Header::decode(&bytes, 0).ok().filter(|_| count == HEADER_BYTES)?;
    let process = match control {
        Some(control) => make_clone(control, parent, cloner, request.kind == kind::SPARE),
        None => Err(nix::Error::EMFILE),
    };
    let (kind, number) = match process {
        Ok(process) => (kind::CLONED, process.as_raw()),
        Err(error) => (kind::NOT_CLONED, error as i32),
    };
    answers.push(&Header { kind, tag: number.cast_unsigned(), correlation: request.correlation, ..Header::default() });
    if answers.count < ANSWERS_KEPT_BACK { Some(()) } else { answers.send(socket) }
}

/// Clones, and goes on as the clone there.
fn make_clone(control: OwnedFd, parent: Pid, cloner: Option<&Cloner>, is_spare: bool) -> nix::Result<Pid> {
    let (cloned, is_sibling) = match cloner.map_or(Err(nix::Error::ENOSYS), Cloner::clone_sibling) {
        Err(nix::Error::EINVAL | nix::Error::EPERM | nix::Error::ENOSYS) => (clone_by_twice_forking(parent), false),
        cloned => (cloned, true),
    };
    match cloned? {
        Cloned::Copy => child::run_clone(control, parent, is_sibling, is_spare),
        Cloned::Original(process) => Ok(process),
    }
}

fn send_whole(socket: &OwnedFd, mut bytes: &[u8]) -> Option<()> {
    use std::os::fd::AsRawFd;
    while !bytes.is_empty() {
        match send(socket.as_raw_fd(), bytes, MsgFlags::MSG_NOSIGNAL) {
            Ok(count) => bytes = &bytes[count..],
            Err(nix::Error::EINTR) => {}
            Err(_) => return None,
        }
    }
    Some(())
}

/// Where the kernel does not let a clone be a sibling (a seccomp filter, a zygote that is a namespace's first process):
/// the copy of a copy becomes the supervisor's child when the copy between them ends, since the supervisor adopts all
/// orphans among its descendants. The new process's id is not known here then; it tells the supervisor itself.
fn clone_by_twice_forking(parent: Pid) -> nix::Result<Cloned> {
    let Cloned::Original(between) = crate::sys::fork()? else {
        return match crate::sys::fork() {
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
