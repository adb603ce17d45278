//! A system, as root holds it.

use std::os::fd::AsFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use procession_transport::{DEFAULT_MESSAGE_LIMIT_BYTES, Inlet, Link, Outlet, Received, Socket, socket_pair};

use crate::control::{
    self, CONTROL_LIMIT_BYTES, Launcher, NOTICE_LIMIT_BYTES, Notice, ProcessOptions, Request, SystemOptions,
};
use crate::endpoint::Endpoint;
use crate::entry::Entry;
use crate::error::{RuntimeError, StartError};
use crate::hook::{self, Role};
use crate::id::ProcessId;
use crate::links::Links;
use crate::membership::{Control, Farewell, Membership, bury};
use crate::{biased, sys};

/// How long the supervisor may take to say that it is there.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);

/// Set to `off`, it has nobody look before sleeping, where a system's builder says nothing.
pub const SPINNING_VARIABLE: &str = "PROCESSION_SPINNING";

/// What holds for a whole system.
#[derive(Debug, Clone)]
pub struct SystemBuilder {
    setup: Vec<&'static Entry>,
    launcher: Launcher,
    message_limit_bytes: usize,
    mailbox_limit_bytes: usize,
    links: Option<Links>,
    spins: Option<bool>,
}

impl Default for SystemBuilder {
    fn default() -> SystemBuilder {
        SystemBuilder {
            setup: Vec::new(),
            launcher: Launcher::default(),
            message_limit_bytes: DEFAULT_MESSAGE_LIMIT_BYTES,
            mailbox_limit_bytes: crate::control::DEFAULT_MAILBOX_LIMIT_BYTES,
            links: None,
            spins: None,
        }
    }
}

impl SystemBuilder {
    /// Has every process of the system run this before its own code.
    pub fn setup(mut self, entry: &'static Entry) -> SystemBuilder {
        self.setup.push(entry);
        self
    }

    /// Says how processes are made.
    pub fn launcher(mut self, launcher: Launcher) -> SystemBuilder {
        self.launcher = launcher;
        self
    }

    /// Sets the largest message, in bytes; 1 GiB if not set, and never more than 4 GiB less a page.
    pub fn message_limit_bytes(mut self, limit_bytes: usize) -> SystemBuilder {
        self.message_limit_bytes = limit_bytes;
        self
    }

    /// Sets how much root's own mailboxes hold, in bytes; 128 MiB if not set.
    pub fn mailbox_limit_bytes(mut self, limit_bytes: usize) -> SystemBuilder {
        self.mailbox_limit_bytes = limit_bytes;
        self
    }

    /// Says what connections go by; what the environment variable [`LINKS_VARIABLE`](crate::LINKS_VARIABLE) says if not set.
    pub fn links(mut self, links: Links) -> SystemBuilder {
        self.links = Some(links);
        self
    }

    /// Says whether who waits looks for a while before it sleeps; what the environment variable [`SPINNING_VARIABLE`] says if not set.
    pub fn spinning(mut self, spins: bool) -> SystemBuilder {
        self.spins = Some(spins);
        self
    }

    /// Starts the system: its supervisor and its zygote.
    ///
    /// # Errors
    /// [`StartError::MissingHook`] where `main` lacks `#[procession::main]`; nothing is left in any case.
    pub fn start(self) -> Result<System, StartError> {
        if !hook::is_hooked() {
            return Err(StartError::MissingHook);
        }
        let setup = self.setup.iter().map(|entry| entry.locate()).collect::<Option<Vec<_>>>();
        let setup = setup.ok_or(StartError::NoSupervisor("a setup function is in another image".into()))?;
        let system = sys::random()?;
        let (ours, theirs) = socket_pair()?;
        let (name, value) = Role::Supervisor(system).marker();
        let supervisor = sys::spawn_self(theirs.as_fd(), "procession supervisor", (name, &value), true)?;
        drop(theirs);
        let link: Arc<dyn Link> = Arc::new(Socket::from_nonblocking(ours));
        let control = Control::new(Outlet::new(link.clone(), CONTROL_LIMIT_BYTES));
        let begin = Request::Begin(SystemOptions { setup, launcher: self.launcher });
        let outcome = control.send(0, &begin, Vec::new()).map_err(|error| error.to_string());
        // While the supervisor gets ready.
        biased::prepare();
        let outcome = outcome.and_then(|()| await_ready(&mut Inlet::new(link, NOTICE_LIMIT_BYTES)));
        if let Err(why) = outcome {
            bury(supervisor);
            return Err(StartError::NoSupervisor(why));
        }
        let options = ProcessOptions {
            message_limit_bytes: self.message_limit_bytes as u64,
            mailbox_limit_bytes: self.mailbox_limit_bytes as u64,
            links: self.links.unwrap_or_else(Links::from_environment),
            spins: self.spins.unwrap_or_else(|| std::env::var_os(SPINNING_VARIABLE).is_none_or(|value| value != "off")),
            ..ProcessOptions::default()
        };
        let member = Membership::new(ProcessId::root(system), 0, supervisor, options, control);
        member.enter();
        tracing::debug!(system, supervisor = supervisor.as_raw(), "system started");
        Ok(System { member, is_over: false })
    }
}

/// Waits for the supervisor's word that it is there.
fn await_ready(inlet: &mut Inlet) -> Result<(), String> {
    let deadline = Instant::now() + HANDSHAKE_DEADLINE;
    loop {
        if let Some(frame) = inlet.next_frame().map_err(|error| error.to_string())? {
            return match control::read::<Notice>(frame) {
                Ok((_, Notice::Ready, _)) => Ok(()),
                Ok(_) => Err("it said something else than that it is ready".into()),
                Err(error) => Err(error.to_string()),
            };
        }
        let rest = deadline.saturating_duration_since(Instant::now());
        match inlet.receive().map_err(|error| error.to_string())? {
            Received::End => return Err("it ended at once".into()),
            Received::Nothing if rest.is_zero() => return Err("it did not answer in time".into()),
            Received::Nothing => {
                let pause = PollTimeout::try_from(rest).unwrap_or(PollTimeout::MAX);
                let _ = poll(&mut [PollFd::new(inlet.as_fd(), PollFlags::POLLIN)], pause);
            }
            Received::More | Received::Drained => {}
        }
    }
}

/// A running system, as root holds it. Dropped, it is shut down.
#[derive(Debug)]
pub struct System {
    member: Arc<Membership>,
    is_over: bool,
}

impl System {
    /// Starts a system with the usual settings.
    ///
    /// # Errors
    /// As [`SystemBuilder::start`].
    pub fn start() -> Result<System, StartError> {
        SystemBuilder::default().start()
    }

    /// Gives the settings of a system to be.
    pub fn builder() -> SystemBuilder {
        SystemBuilder::default()
    }

    /// The system's number.
    pub fn id(&self) -> u64 {
        self.member.process.system
    }

    /// The supervisor's process id.
    pub fn supervisor_pid(&self) -> i32 {
        self.member.supervisor.as_raw()
    }

    /// This thread's endpoint.
    ///
    /// # Errors
    /// As [`Endpoint::of`].
    pub fn endpoint(&self) -> Result<Endpoint, RuntimeError> {
        Endpoint::of(self.id())
    }

    /// Ends the system: processes that are not daemons are joined, then all others are stopped, the last started first, each
    /// with its own deadline.
    ///
    /// # Errors
    /// [`RuntimeError`] if the supervisor could not be asked; everything is killed then.
    pub fn shutdown(mut self) -> Result<(), RuntimeError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), RuntimeError> {
        if std::mem::replace(&mut self.is_over, true) || self.member.check() == Err(RuntimeError::Forked) {
            return Ok(());
        }
        let outcome = match self.member.begin_end() {
            true => self.endpoint().and_then(|endpoint| endpoint.shut_down()),
            false => Err(RuntimeError::SupervisorLost),
        };
        self.member.leave();
        Endpoint::drop_spent();
        let (farewell, outcome) = match outcome {
            Ok(()) => (Farewell::InOrder, Ok(())),
            // All are gone, as was wanted.
            Err(RuntimeError::SupervisorLost) => (Farewell::Lost, Ok(())),
            Err(error) => (Farewell::Failed, Err(error)),
        };
        self.member.reap_supervisor(farewell);
        outcome
    }
}

impl Drop for System {
    fn drop(&mut self) {
        if let Err(error) = self.end() {
            tracing::warn!(%error, "a system was not shut down in order");
        }
    }
}
