//! What is asked of the supervisor.

use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use procession_transport::Descriptors;

use super::Endpoint;
use super::wait::{Ready, Until};
use crate::control::{
    Answer, Call, ChildStatus, Counts, GroupOperation, GroupSpec, Parcel, ProcessSpec, Question, Request, Status,
};
use crate::entry::Entry;
use crate::error::{RuntimeError, SpawnError, WaitError};
use crate::exit::{Ended, Exit};
use crate::id::{MonitorId, ProcessId, TimerId};
use crate::membership::CONTROL_DEADLINE;
use crate::timers::later;

/// Shortest period of a repeating timer.
const SHORTEST_PERIOD: Duration = Duration::from_millis(1);

impl Endpoint {
    /// Has the supervisor start a process, and waits until it has started.
    pub(crate) fn spawn_spec(
        &self,
        spec: Box<ProcessSpec>,
        descriptors: Vec<OwnedFd>,
    ) -> Result<ProcessId, SpawnError> {
        let name = spec.name.clone().unwrap_or_default();
        let span = tracing::debug_span!("spawn", name);
        let _entered = span.enter();
        let call = self.begin_call(Question::Spawn(spec), descriptors)?;
        let process = self.await_spawn(call)?;
        tracing::debug!(name, id = %process, "spawned");
        Ok(process)
    }

    /// Has the supervisor start a process; [`Endpoint::await_spawn`] waits until it has started.
    pub(crate) fn begin_spawn(&self, spec: Box<ProcessSpec>, descriptors: Vec<OwnedFd>) -> Result<Call, SpawnError> {
        Ok(self.begin_call(Question::Spawn(spec), descriptors)?)
    }

    pub(crate) fn await_spawn(&self, call: Call) -> Result<ProcessId, SpawnError> {
        let (answer, _) = self.finish_call(call, None).map_err(only_runtime)?;
        match answer {
            Answer::Spawned { process, .. } => Ok(process),
            Answer::NotSpawned(error) => Err(error),
            Answer::Refused(error) => Err(error.into()),
            other => Err(unexpected(&other).into()),
        }
    }

    /// Has this endpoint told once when a process ends, or at once that there is none.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn monitor(&self, target: ProcessId) -> Result<MonitorId, RuntimeError> {
        let monitor = {
            let mut core = self.core()?;
            core.watches_ends = true;
            core.next_monitor = core.next_monitor.wrapping_add(1);
            MonitorId(core.next_monitor)
        };
        tracing::debug!(%target, "monitored");
        self.done(Question::Monitor { monitor, target, incarnation: None }).map(|()| monitor)
    }

    /// Ends a monitor. A [`Down`](super::Down) that has arrived already is dropped.
    pub fn demonitor(&self, monitor: MonitorId) {
        let _ = self.request(&Request::Demonitor(monitor), Vec::new());
        if let Ok(mut core) = self.core() {
            let is_it =
                |item: &super::mailbox::Item| matches!(item, super::mailbox::Item::Down(d) if d.monitor == monitor);
            let _ = core.inbox.mailbox.take_first(is_it, drop);
        }
    }

    /// Ties this process to another: when one of them fails, the other is stopped and fails, too.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] and others.
    pub fn link(&self, other: ProcessId) -> Result<(), RuntimeError> {
        tracing::debug!(%other, "linked");
        self.done(Question::Link(other))
    }

    /// Unties them.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn unlink(&self, other: ProcessId) -> Result<(), RuntimeError> {
        tracing::debug!(%other, "unlinked");
        self.done(Question::Unlink(other))
    }

    /// Stops a process: politely, then, after its stop deadline, with SIGKILL. Does not wait for its end.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] and others.
    pub fn stop(&self, target: ProcessId) -> Result<(), RuntimeError> {
        self.done(Question::Stop(target))
    }

    /// Sends a signal to a process.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] and others.
    pub fn signal(&self, target: ProcessId, signal: i32) -> Result<(), RuntimeError> {
        self.done(Question::Signal { target, signal })
    }

    /// Sends SIGTERM to a process.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] and others.
    pub fn terminate(&self, target: ProcessId) -> Result<(), RuntimeError> {
        self.signal(target, nix::libc::SIGTERM)
    }

    /// Sends SIGKILL to a process.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] and others.
    pub fn kill(&self, target: ProcessId) -> Result<(), RuntimeError> {
        self.signal(target, nix::libc::SIGKILL)
    }

    /// Waits for the end of a process and of what it has started; gives its exit and the value it returned.
    ///
    /// # Errors
    /// [`WaitError::NoActor`] if it ended so long ago that nothing is known of it any more, [`WaitError::Timeout`].
    pub fn join(
        &self,
        target: ProcessId,
        deadline: Option<Instant>,
    ) -> Result<(Ended, Option<bytes::Bytes>), WaitError> {
        let (answer, descriptors) = self.call(Question::Join(target), Vec::new(), deadline)?;
        match answer {
            Answer::Ended { ended, value } => {
                let mut descriptors = descriptors.arrived().map_err(|_| RuntimeError::NoDescriptors)?.into_iter();
                let value = value.map(|value| Parcel::from_value(value, &mut descriptors)?.open()).transpose()?;
                Ok((ended, value))
            }
            Answer::Refused(RuntimeError::NoActor) => Err(WaitError::NoActor),
            Answer::Refused(error) => Err(error.into()),
            other => Err(unexpected(&other).into()),
        }
    }

    /// Says that the exit and value of a process are of no interest any more.
    pub fn forget_process(&self, process: ProcessId) {
        let _ = self.request(&Request::Forget(process), Vec::new());
    }

    /// Gives what is known of a process; `None` if there is none.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn status(&self, target: ProcessId) -> Result<Option<Status>, RuntimeError> {
        match self.ask(Question::Status(target))? {
            Answer::Status(status) => Ok(status),
            other => Err(unexpected(&other)),
        }
    }

    /// Gives a process a further name.
    ///
    /// # Errors
    /// [`RuntimeError::NameTaken`], [`RuntimeError::NoActor`] and others.
    pub fn register(&self, name: &str, target: ProcessId) -> Result<(), RuntimeError> {
        self.done(Question::Register { name: name.to_owned(), target })
    }

    /// Frees a name.
    ///
    /// # Errors
    /// [`RuntimeError`]. That nobody has the name is no error.
    pub fn unregister(&self, name: &str) -> Result<(), RuntimeError> {
        self.done(Question::Unregister(name.to_owned()))
    }

    /// Finds a process by name; if an entry is given, only one that runs what the entry is of.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn whereis(&self, name: &str, entry: Option<&'static Entry>) -> Result<Option<ProcessId>, RuntimeError> {
        let entry = entry.and_then(Entry::locate);
        match self.ask(Question::WhereIs { name: name.to_owned(), entry })? {
            Answer::Found(found) => Ok(found),
            other => Err(unexpected(&other)),
        }
    }

    /// Makes this thread addressable.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn open_mailbox(&self) -> Result<ProcessId, RuntimeError> {
        self.open(false)
    }

    /// Makes this thread addressable; `serves`: by an actor, which can be asked to stop.
    pub(crate) fn open(&self, serves: bool) -> Result<ProcessId, RuntimeError> {
        match self.ask(Question::OpenMailbox { serves })? {
            Answer::Found(Some(found)) => Ok(found),
            other => Err(unexpected(&other)),
        }
    }

    /// Closes this thread's mailbox: those who send to it are told that it has ended, and what is in it is dropped.
    pub fn close_mailbox(&self) {
        self.close(Exit::Normal);
    }

    /// Closes this thread's mailbox, and says how it has ended.
    pub(crate) fn close(&self, exit: Exit) {
        if let Ok(mut core) = self.core() {
            core.turn_visitors_out();
        }
        let _ = self.request(&Request::CloseMailbox(exit), Vec::new());
    }

    pub(crate) fn supervise_spec(
        &self,
        spec: Box<GroupSpec>,
        descriptors: Vec<OwnedFd>,
    ) -> Result<ProcessId, SpawnError> {
        let (answer, _) = self.call(Question::Supervise(spec), descriptors, None).map_err(only_runtime)?;
        match answer {
            Answer::Spawned { process, .. } => Ok(process),
            Answer::NotSpawned(error) => Err(error),
            Answer::Refused(error) => Err(error.into()),
            other => Err(unexpected(&other).into()),
        }
    }

    /// Gives a supervisor's children, in start order.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn children(&self, group: ProcessId) -> Result<Vec<ChildStatus>, RuntimeError> {
        match self.ask(Question::Group { group, operation: GroupOperation::Children })? {
            Answer::Children(children) => Ok(children),
            other => Err(unexpected(&other)),
        }
    }

    /// Counts a supervisor's children.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn counts(&self, group: ProcessId) -> Result<Counts, RuntimeError> {
        match self.ask(Question::Group { group, operation: GroupOperation::Counts })? {
            Answer::Counts(counts) => Ok(counts),
            other => Err(unexpected(&other)),
        }
    }

    pub(crate) fn operate(
        &self,
        group: ProcessId,
        operation: GroupOperation,
        descriptors: Vec<OwnedFd>,
    ) -> Result<Answer, SpawnError> {
        let (answer, _) = self.call(Question::Group { group, operation }, descriptors, None).map_err(only_runtime)?;
        match answer {
            Answer::NotSpawned(error) => Err(error),
            Answer::Refused(error) => Err(error.into()),
            answer => Ok(answer),
        }
    }

    /// Ends the system: its non-daemon processes are joined, then all others are stopped, the last started first.
    pub(crate) fn shut_down(&self) -> Result<(), RuntimeError> {
        self.call(Question::Shutdown, Vec::new(), None).map(drop).map_err(only_runtime_error)
    }

    /// Sets a timer of this endpoint's loop: due after `delay`, then every `period`, at least 1 ms, if there is one.
    ///
    /// # Errors
    /// [`RuntimeError::Reentered`].
    pub fn after(&self, delay: Duration, period: Option<Duration>) -> Result<TimerId, RuntimeError> {
        let period = period.map(|period| period.max(SHORTEST_PERIOD));
        Ok(self.core()?.timers.set(later(Instant::now(), delay), period))
    }

    /// Cancels a timer.
    pub fn cancel(&self, timer: TimerId) {
        if let Ok(mut core) = self.core() {
            core.timers.cancel(timer);
        }
    }

    pub(super) fn done(&self, question: Question) -> Result<(), RuntimeError> {
        match self.ask(question)? {
            Answer::Done => Ok(()),
            other => Err(unexpected(&other)),
        }
    }

    /// Asks something that is answered at once.
    fn ask(&self, question: Question) -> Result<Answer, RuntimeError> {
        let deadline = Instant::now() + CONTROL_DEADLINE;
        match self.call(question, Vec::new(), Some(deadline)) {
            Ok((Answer::Refused(error), _)) => Err(error),
            Ok((answer, _)) => Ok(answer),
            Err(error) => Err(only_runtime_error(error)),
        }
    }

    /// Asks and waits, until the deadline if there is one.
    fn call(
        &self,
        question: Question,
        descriptors: Vec<OwnedFd>,
        deadline: Option<Instant>,
    ) -> Result<(Answer, Descriptors), WaitError> {
        let call = self.begin_call(question, descriptors)?;
        self.finish_call(call, deadline)
    }

    fn begin_call(&self, question: Question, descriptors: Vec<OwnedFd>) -> Result<Call, RuntimeError> {
        self.check_may_wait()?;
        let call = self.core()?.register_call();
        self.request(&Request::Ask { call, question }, descriptors)?;
        Ok(call)
    }

    fn finish_call(&self, call: Call, deadline: Option<Instant>) -> Result<(Answer, Descriptors), WaitError> {
        let answer =
            self.block_long(deadline, |core, _| core.take_answer(call).map_or(Until(None), |answer| Ready(Ok(answer))));
        if answer.is_err()
            && let Ok(mut core) = self.core()
        {
            core.calls.remove(&call);
        }
        answer
    }
}

fn only_runtime(error: WaitError) -> SpawnError {
    only_runtime_error(error).into()
}

fn only_runtime_error(error: WaitError) -> RuntimeError {
    match error {
        WaitError::Runtime(error) => error,
        _ => RuntimeError::Unresponsive,
    }
}

fn unexpected(answer: &Answer) -> RuntimeError {
    RuntimeError::System(format!("the supervisor gave an answer to another question: {answer:?}"))
}
