//! This process's part in its systems.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::unistd::Pid;
use procession_transport::{Flushed, LinkError, Outlet};
use serde::Serialize;

use crate::control::{self, ProcessOptions, Request};
use crate::error::RuntimeError;
use crate::id::{Incarnation, ProcessId};
use crate::{sys, voice};

/// How long a control message may wait for the supervisor to take it.
pub(crate) const CONTROL_DEADLINE: Duration = Duration::from_secs(10);

/// How long the ends of a dying supervisor's sockets may lie apart.
const HANG_UP: Duration = Duration::from_millis(200);

/// How long a supervisor that has closed its sockets may take to end: longer than it goes on reaping what is left.
const CLEARING_LIMIT: Duration = Duration::from_secs(1);

/// What a process knows of a system that it belongs to; shared by its threads.
#[derive(Debug)]
pub(crate) struct Membership {
    pub(crate) process: ProcessId,
    pub(crate) incarnation: Incarnation,
    pub(crate) supervisor: Pid,
    pub(crate) options: ProcessOptions,
    /// The process's own control socket, over which threads make themselves known.
    pub(crate) control: Arc<Control>,
    next_endpoint: AtomicU32,
    /// Bare forks before this process; in a later copy handles do not work.
    forks: u32,
    /// Whether the supervisor is known to be gone, or the system to be shut down.
    over: AtomicBool,
    /// Whether root is shutting the system down.
    is_ending: AtomicBool,
    /// The supervisor is reaped once, and whoever else comes to do it waits for that.
    reaping: Once,
}

static MEMBERSHIPS: Mutex<Vec<Arc<Membership>>> = Mutex::new(Vec::new());

impl Membership {
    pub(crate) fn new(
        process: ProcessId,
        incarnation: Incarnation,
        supervisor: Pid,
        options: ProcessOptions,
        control: Arc<Control>,
    ) -> Arc<Membership> {
        sys::count_forks();
        sys::at_exit(crate::flusher::farewell);
        Arc::new(Membership {
            process,
            incarnation,
            supervisor,
            options,
            control,
            next_endpoint: AtomicU32::new(1),
            forks: sys::forks(),
            over: AtomicBool::new(false),
            is_ending: AtomicBool::new(false),
            reaping: Once::new(),
        })
    }

    /// Makes the system known to this process's threads.
    pub(crate) fn enter(self: &Arc<Self>) {
        memberships().push(self.clone());
    }

    /// Makes it unknown again.
    pub(crate) fn leave(&self) {
        self.over.store(true, Ordering::Release);
        memberships().retain(|other| other.process.system != self.process.system);
    }

    /// Finds a system that this process belongs to.
    pub(crate) fn find(system: u64) -> Result<Arc<Membership>, RuntimeError> {
        memberships().iter().find(|member| member.process.system == system).cloned().ok_or(RuntimeError::NotRunning)
    }

    /// Finds the system that this process has belonged to for the longest.
    pub(crate) fn first() -> Option<Arc<Membership>> {
        memberships().first().cloned()
    }

    /// Numbers a new endpoint.
    pub(crate) fn next_endpoint(&self) -> u32 {
        self.next_endpoint.fetch_add(1, Ordering::Relaxed)
    }

    /// What the voice of the system's supervisor is like, if it can be heard here: only there where that has made this process.
    #[inline]
    pub(crate) fn listen(&self) -> Option<u64> {
        let is_root = self.process.slot == 0;
        if is_root { None } else { voice::listen() }
    }

    /// Whether handles work here and now.
    #[inline]
    pub(crate) fn check(&self) -> Result<(), RuntimeError> {
        if self.forks != sys::forks() {
            return Err(RuntimeError::Forked);
        }
        if self.over.load(Ordering::Relaxed) {
            return Err(RuntimeError::SupervisorLost);
        }
        Ok(())
    }

    /// Finds out what the end of a thread's control socket means: whether the supervisor is gone, and with it this process's
    /// own socket, or only had no descriptor for the thread.
    pub(crate) fn judge_end(&self) -> RuntimeError {
        if !self.control.hangs_up_within(HANG_UP) {
            return RuntimeError::NoDescriptors;
        }
        self.lost();
        RuntimeError::SupervisorLost
    }

    /// Notes that root begins to shut the system down: whoever finds the supervisor gone from now on leaves it to that to judge
    /// whether it has ended in order. Gives whether the supervisor was still there.
    pub(crate) fn begin_end(&self) -> bool {
        // In one order with what `lost` does: either this sees that it is over, or `lost` sees that it is ending.
        self.is_ending.store(true, Ordering::SeqCst);
        !self.over.load(Ordering::SeqCst)
    }

    /// Notes that the supervisor is gone. Root kills what is left of the supervisor's process group before it reaps the
    /// supervisor, so that the group's number still belongs to it.
    fn lost(&self) {
        // The thread that ends the system may not have read yet that it has ended in order.
        if self.is_ending.load(Ordering::SeqCst) {
            return;
        }
        let was_over = self.over.swap(true, Ordering::SeqCst);
        if was_over || self.process.slot != 0 || self.is_ending.load(Ordering::SeqCst) {
            return;
        }
        tracing::error!(system = self.process.system, "the system's supervisor is gone");
        self.reap_supervisor(Farewell::Lost);
    }

    /// Reaps the supervisor, once. When it returns the supervisor is gone, whichever thread has reaped it.
    pub(crate) fn reap_supervisor(&self, farewell: Farewell) {
        self.reaping.call_once(|| match farewell {
            Farewell::InOrder => reap(self.supervisor),
            Farewell::Lost => {
                wait_for_end(self.supervisor);
                bury(self.supervisor);
            }
            Farewell::Failed => bury(self.supervisor),
        });
    }
}

/// How root's system has come to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Farewell {
    /// The supervisor has said that all is done; it clears the house, and ends.
    InOrder,
    /// The supervisor has closed its sockets. It may be clearing the house; else it is dead.
    Lost,
    /// The supervisor could not be asked to end.
    Failed,
}

/// Waits a while for the end of a supervisor that has closed its sockets: one that ends in order clears the house meanwhile.
fn wait_for_end(supervisor: Pid) {
    let Ok(ended) = sys::process_descriptor(supervisor) else { return };
    let pause = PollTimeout::try_from(CLEARING_LIMIT).unwrap_or(PollTimeout::ZERO);
    // A signal, its end's for one, may come between.
    while poll(&mut [PollFd::new(ended.as_fd(), PollFlags::POLLIN)], pause) == Err(nix::Error::EINTR) {}
}

/// Kills a supervisor's process group and reaps the supervisor.
pub(crate) fn bury(supervisor: Pid) {
    let _ = nix::sys::signal::killpg(supervisor, nix::sys::signal::Signal::SIGKILL);
    reap(supervisor);
}

fn reap(supervisor: Pid) {
    while let Err(nix::Error::EINTR) = nix::sys::wait::waitpid(supervisor, None) {}
}

fn memberships() -> std::sync::MutexGuard<'static, Vec<Arc<Membership>>> {
    MEMBERSHIPS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The sending half of a control socket. Whole messages, from any thread.
#[derive(Debug)]
pub(crate) struct Control(Mutex<Outlet>);

impl Control {
    pub(crate) fn new(outlet: Outlet) -> Arc<Control> {
        Arc::new(Control(Mutex::new(outlet)))
    }

    /// Sends a message to the supervisor, which is always reading, unless it owes this endpoint too much.
    pub(crate) fn send(
        &self,
        correlation: u64,
        request: &Request,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), RuntimeError> {
        self.send_message(correlation, request, descriptors)
    }

    /// Whether the other end is closed, now or within this time.
    fn hangs_up_within(&self, limit: Duration) -> bool {
        let outlet = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut watched = [PollFd::new(outlet.as_fd(), PollFlags::empty())];
        let pause = PollTimeout::try_from(limit).unwrap_or(PollTimeout::MAX);
        matches!(poll(&mut watched, pause), Ok(count) if count > 0)
    }

    fn send_message<T: Serialize>(
        &self,
        correlation: u64,
        message: &T,
        descriptors: Vec<OwnedFd>,
    ) -> Result<(), RuntimeError> {
        let mut outlet = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        control::push(&mut outlet, correlation, message, descriptors)?;
        let mut deadline = None;
        loop {
            let pause = match outlet.flush() {
                Ok(Flushed::Everything) => return Ok(()),
                Ok(Flushed::Blocked) => PollTimeout::from(1000_u16),
                Ok(Flushed::Busy) => PollTimeout::from(1_u8),
                Err(LinkError::Closed) => return Err(RuntimeError::SupervisorLost),
                Err(error) => return Err(error.into()),
            };
            let now = Instant::now();
            if now > *deadline.get_or_insert(now + CONTROL_DEADLINE) {
                return Err(RuntimeError::Unresponsive);
            }
            let flags = if pause == PollTimeout::from(1_u8) { PollFlags::empty() } else { PollFlags::POLLOUT };
            let _ = poll(&mut [PollFd::new(outlet.as_fd(), flags)], pause);
        }
    }
}
