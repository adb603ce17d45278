//! A process of the system, from its first instruction to its last.

use std::cell::RefCell;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use bytes::Bytes;
use nix::poll::PollTimeout;
use nix::unistd::Pid;

use crate::control::{Notice, Parcel, Report, Request};
use crate::endpoint::{Endpoint, Line, Service, wait_readable};
use crate::entry::{Ending, EntryRef};
use crate::error::RuntimeError;
use crate::exit::Exit;
use crate::flusher;
use crate::id::{Incarnation, ProcessId};
use crate::membership::Membership;
use crate::{biased, letter, panic, rehearsal, sys};

/// Exit code of a process that failed.
const FAILED: i32 = 1;

/// Exit code of a process that panicked, as everywhere in Rust.
const PANICKED: i32 = 101;

/// How long a spare waits before it gets ready, in milliseconds: where one process is started after the other, that
/// would only delay the next.
const SPARE_AFTER_MILLIS: u8 = 5;

/// How many waits of a new process sleep at once: those for its first messages. The way from its start to the first of them
/// leads through the supervisor and its spawner, which takes longer than a wait looks and wants the processors, as do those that
/// make the next process.
const FIRST_WAITS: u32 = 2;

/// Name and title of a spare.
const SPARE: (&str, &str) = ("spare", "procession spare");

/// What an entry function is given: who it is, what it was given, and the way to everybody else.
#[derive(Debug)]
pub struct Process {
    member: Arc<Membership>,
    name: String,
    arguments: Bytes,
    descriptors: RefCell<Vec<OwnedFd>>,
    endpoint: Endpoint,
    entry: EntryRef,
    setup: Vec<EntryRef>,
}

impl Process {
    /// Its address.
    pub fn id(&self) -> ProcessId {
        self.member.process
    }

    /// How often it has been restarted.
    pub fn incarnation(&self) -> Incarnation {
        self.member.incarnation
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its arguments, at an address aligned to 16 bytes.
    pub fn arguments(&self) -> &Bytes {
        &self.arguments
    }

    /// The descriptors that its arguments hold; once.
    pub fn take_descriptors(&self) -> Vec<OwnedFd> {
        self.descriptors.take()
    }

    /// Its main thread's endpoint.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Says that it has started: whoever spawned it goes on, and messages are let in.
    pub fn started(&self) {
        if let Err(error) = self.member.control.send(0, &Request::Started { process: sys::own_id() }, Vec::new()) {
            tracing::debug!(%error, "nobody is there to be told of the start");
        }
    }

    /// Takes it out of its system.
    pub(crate) fn leave(&self) {
        self.member.leave();
    }

    /// Serves until the service wants to end, or the process is asked to stop.
    pub fn serve(&self, service: &mut dyn Service) -> Ending {
        let ending = self.endpoint.serve(service);
        letter::note_end();
        ending
    }
}

/// Becomes an actor in a clone of the zygote. `is_announced`: the zygote tells the supervisor this process's id. `is_spare`:
/// it is made before it is wanted.
pub(crate) fn run_clone(control: OwnedFd, parent: Pid, is_announced: bool, is_spare: bool) -> ! {
    let Ok(true) = sys::die_with(parent) else { std::process::exit(FAILED) };
    let Ok(control) = sys::keep_only(control) else { std::process::exit(FAILED) };
    let mut is_unready = is_spare;
    // What does not depend on what it is to be is there before it waits: a spare has it done by the time it is wanted.
    let launched = launch(control, parent, is_announced, |control| {
        if std::mem::take(&mut is_unready) {
            get_ready(control, parent);
        } else {
            wait_readable(control, PollTimeout::NONE);
        }
    });
    run(launched)
}

/// Does what costs time later, unless the clone is told at once what to be.
fn get_ready(control: BorrowedFd<'_>, parent: Pid) {
    // The longer title would cost a page.
    sys::set_name(SPARE.0);
    if wait_readable(control, SPARE_AFTER_MILLIS.into()) {
        return;
    }
    if let Err(error) = rehearsal::rehearse(parent) {
        tracing::debug!(%error, "a spare has not rehearsed; it starts a little later");
    }
    sys::set_title(SPARE.0, SPARE.1);
}

/// Becomes an actor in an image that was started to be one.
pub(crate) fn run_image(control: OwnedFd) -> ! {
    let parent = nix::unistd::getppid();
    let Ok(true) = sys::die_with(parent) else { std::process::exit(FAILED) };
    sys::reset_signals();
    sys::close_above(sys::MARKED_DESCRIPTOR);
    sys::find_title();
    biased::prepare();
    run(launch(control, parent, true, |control| {
        wait_readable(control, PollTimeout::NONE);
    }))
}

fn run(launched: Result<Process, RuntimeError>) -> ! {
    let code = match launched {
        Ok(process) => {
            process.endpoint.sleep_at_once(FIRST_WAITS);
            live(&process)
        }
        // Nobody is there to be told, or the supervisor is told by this end.
        Err(_) => FAILED,
    };
    std::process::exit(code)
}

/// Waits for the launch and becomes what it says; `wait` is called while there is none.
pub(crate) fn launch(
    control: OwnedFd,
    parent: Pid,
    is_announced: bool,
    wait: impl FnMut(BorrowedFd<'_>),
) -> Result<Process, RuntimeError> {
    let mut line = Line::new(control)?;
    if !is_announced {
        line.upward.send(0, &Request::Alive { process: sys::own_id() }, Vec::new())?;
    }
    let (notice, descriptors) = line.first_notice(wait)?;
    let Notice::Launch(launch) = notice else { return Err(RuntimeError::WrongKind("no launch".into())) };
    let mut descriptors = descriptors.into_iter();
    let visitor = launch.visitor.and_then(|visitor| Some((visitor, descriptors.next()?)));
    for (is_redirected, standard) in [(launch.stdout, 1), (launch.stderr, 2)] {
        if let Some(file) = is_redirected.then(|| descriptors.next()).flatten() {
            sys::replace_standard(file.as_fd(), standard)?;
        }
    }
    let arguments = Parcel::from_value(launch.arguments, &mut descriptors)?.open()?;
    sys::set_title(&launch.name, &launch.title);
    drop(launch.title);
    for (name, value) in &launch.options.environment {
        sys::set_variable(name, value);
    }
    panic::install();
    let upward = line.upward.clone();
    let member = Membership::new(launch.process, launch.incarnation, parent, launch.options, upward);
    member.enter();
    let endpoint = Endpoint::new(member.clone(), line, 0)?;
    endpoint.keep();
    if let Some((visitor, socket)) = visitor {
        endpoint.adopt_visitor(visitor, socket)?;
    }
    endpoint.hear_rest()?;
    Ok(Process {
        member,
        name: launch.name,
        arguments,
        descriptors: RefCell::new(descriptors.collect()),
        endpoint,
        entry: launch.entry,
        setup: launch.setup,
    })
}

/// Runs the entry, reports how it ended, and gives the exit code.
fn live(process: &Process) -> i32 {
    let Some(entry) = process.entry.find() else {
        let ending = Ending::Failed(vec!["the code to run was not found in this image".into()]);
        return report(process, ending.exit(), None, FAILED);
    };
    let outcome = catch_unwind(AssertUnwindSafe(|| {
        // What is traced is seen by whatever subscriber the setup installs.
        for setup in process.setup.iter().copied().filter_map(EntryRef::find) {
            let _ = setup.run(process);
        }
        let (id, incarnation) = (process.id(), process.incarnation());
        let _span = tracing::info_span!("actor", name = process.name(), %id, incarnation).entered();
        tracing::debug!(incarnation, "{}", if incarnation == 0 { "starting" } else { "restarting" });
        let ending = entry.run(process);
        tracing::debug!(exit = %ending.exit(), "ending");
        ending
    }));
    let ending = match outcome {
        Ok(ending) => ending,
        Err(_) => {
            let panic = panic::last_panic();
            tracing::error!(name = process.name(), id = %process.id(), place = panic.location, "{}", panic.message);
            return report(process, Exit::Panicked(panic), None, PANICKED);
        }
    };
    let exit = ending.exit();
    let code = if exit.is_normal() { 0 } else { FAILED };
    match ending {
        Ending::Returned(value) | Ending::Refused(_, value) => report(process, exit, Some(value), code),
        Ending::Normal | Ending::Stopped | Ending::Failed(_) => report(process, exit, None, code),
    }
}

/// Lets everything told leave, then says the last words.
fn report(process: &Process, exit: Exit, value: Option<Vec<u8>>, code: i32) -> i32 {
    process.endpoint.flush_until_gone(process.member.options.stop_deadline);
    flusher::flush_everything(process.member.options.stop_deadline);
    let packed = value.map(Parcel::pack).transpose();
    let (exit, code, packed) = match packed {
        Ok(packed) => (exit, code, packed),
        Err(error) => (Exit::Failed(vec!["the returned value was lost".into(), error.to_string()]), FAILED, None),
    };
    let (value, descriptor) = match packed.map(Parcel::into_value) {
        Some((value, descriptor)) => (Some(value), descriptor),
        None => (None, None),
    };
    let report = Report { exit, value, tag_in_hand: process.endpoint.tag_in_hand() };
    if let Err(error) = process.member.control.send(0, &Request::Ending(report), descriptor.into_iter().collect()) {
        tracing::debug!(%error, "nobody is there to be told of the end");
    }
    process.member.leave();
    code
}
