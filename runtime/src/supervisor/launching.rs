//! Making processes.

use std::collections::VecDeque;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use procession_transport::{Received, Watch, socket_pair};
use rustc_hash::FxHashMap;

use super::office::{Due, Office, Phase, Subject};
use super::record::{Caller, Kind, Life, Record};
use super::tail::Tail;
use crate::control::{self, Answer, Launch, Launcher, Notice, Output};
use crate::error::{RuntimeError, SpawnError};
use crate::exit::Exit;
use crate::hook::Role;
use crate::id::{EndpointId, Incarnation, ProcessId};
use crate::sys::{self, Death};
use crate::zygote::{self, CloneAnswer, CloneRequest, UNANSWERED_LIMIT, Zygote};

/// How long the supervisor waits before it tries to make another zygote.
const ZYGOTE_PAUSE: Duration = Duration::from_millis(10);

/// After this many zygotes that have made nothing, processes are made by starting the image.
const BARREN_ZYGOTES: u32 = 5;

/// Where processes are made.
#[derive(Debug, Default)]
pub(crate) struct Workshop {
    zygote: Option<(Zygote, Watch)>,
    /// Processes that wait to be made.
    orders: VecDeque<ProcessId>,
    /// What the zygote has been asked for and has not answered.
    tickets: FxHashMap<u64, Asked>,
    /// A clone that waits to be told what to be.
    spare: Option<Spare>,
    /// Whether processes are being started: then one more is likely to be.
    wants_spare: bool,
    /// Whether the number of a clone that waits is not to be known here.
    cannot_spare: bool,
    next_ticket: u64,
    /// Children that ended before it was known which process they were.
    unclaimed: FxHashMap<i32, Death>,
    /// Whether this system makes processes by starting the image again.
    is_imaging: bool,
    /// How many zygotes in a row have ended without having made anything.
    barren_zygotes: u32,
}

/// What a clone is for.
#[derive(Debug)]
enum Asked {
    /// This life of this process.
    Process(ProcessId, Incarnation),
    /// The next process. Its control socket is held meanwhile.
    Spare(OwnedFd),
}

/// A clone that is made before it is wanted: to start a process it need only be told what to be. The clone is not on the
/// way to the first answer then, nor is most of what a copy of a process finds missing in its memory.
#[derive(Debug)]
struct Spare {
    pid: Pid,
    control: OwnedFd,
}

/// Most ends that are kept unclaimed; others are of processes that actors have left behind.
const UNCLAIMED_LIMIT: usize = 4 * UNANSWERED_LIMIT;

impl Office {
    /// Takes a zygote on. Without one, processes are made by starting the image.
    pub(crate) fn employ(&mut self, zygote: Option<Zygote>) -> Result<(), RuntimeError> {
        self.workshop.is_imaging |= zygote.is_none();
        if let Some(zygote) = zygote {
            let watch = self.hub.watch(zygote.inlet.as_fd(), Subject::Zygote)?;
            self.workshop.zygote = Some((zygote, watch));
        }
        Ok(())
    }

    /// Has a process made, when its turn comes.
    pub(crate) fn order(&mut self, process: ProcessId) {
        if let Some(record) = self.table.find_mut(process) {
            record.life = Life::Queued;
            (record.is_stopping, record.is_killed, record.report, record.value_file) = (false, false, None, None);
            (record.is_dead, record.error) = (false, None);
            self.workshop.orders.push_back(process);
        }
    }

    /// Makes the processes that are next, as many as may be under way.
    pub(crate) fn fill_orders(&mut self) {
        let is_imaging = self.is_imaging();
        if !is_imaging && self.workshop.zygote.is_none() && !self.workshop.orders.is_empty() {
            self.replace_zygote();
        }
        while self.workshop.tickets.len() < UNANSWERED_LIMIT && (is_imaging || self.workshop.zygote.is_some()) {
            let Some(process) = self.workshop.orders.pop_front() else { break };
            if self.table.find(process).is_none_or(|record| record.life != Life::Queued) {
                continue;
            }
            if let Err(error) = self.make(process, is_imaging) {
                self.fail_start(process, error);
            }
        }
        self.flush_zygote();
    }

    /// Whether processes are made by starting the image again.
    fn is_imaging(&self) -> bool {
        self.workshop.is_imaging || self.options.launcher == Launcher::Image
    }

    fn make(&mut self, process: ProcessId, is_imaging: bool) -> Result<(), SpawnError> {
        if !is_imaging && let Some(Spare { pid, control }) = self.take_spare() {
            self.engage(process, control)?;
            self.note_making(process);
            self.learn_pid(process, pid);
            return Ok(());
        }
        let (ours, theirs) = socket_pair().map_err(RuntimeError::from)?;
        let main = self.engage(process, ours)?;
        let made = if is_imaging { self.start_image(process, theirs) } else { self.ask_zygote(process, theirs) };
        match &made {
            Ok(()) => self.note_making(process),
            Err(_) => drop(self.remove_station(main)),
        }
        made
    }

    /// Takes the other end of a control socket on as a process, and says to it what it is to be.
    fn engage(&mut self, process: ProcessId, control: OwnedFd) -> Result<usize, RuntimeError> {
        let incarnation = self.table.find(process).map_or(0, |record| record.incarnation);
        let main = self.add_station(EndpointId { process, incarnation, number: 0 }, control)?;
        match self.brief(process, main) {
            Ok(()) => Ok(main),
            Err(error) => {
                self.remove_station(main);
                Err(error)
            }
        }
    }

    fn note_making(&mut self, process: ProcessId) {
        if let Some(record) = self.table.find_mut(process) {
            record.life = Life::Starting;
        }
    }

    /// Takes the spare, unless it has ended.
    fn take_spare(&mut self) -> Option<Spare> {
        self.workshop.spare.take().filter(|spare| is_running(spare.pid))
    }

    /// Sees to it that there is a spare while processes are being started and nobody waits for a clone. To be called at the
    /// end of a turn, when everybody has been answered.
    pub(crate) fn keep_spare(&mut self) {
        if self.phase != Phase::Running {
            self.workshop.spare = None;
            return;
        }
        if self.is_imaging() || self.workshop.cannot_spare {
            return;
        }
        let workshop = &mut self.workshop;
        let is_busy = !workshop.orders.is_empty() || !workshop.tickets.is_empty() || workshop.zygote.is_none();
        // While the zygote is busy the wish is kept: its answer is about to come.
        if !workshop.wants_spare || is_busy {
            return;
        }
        workshop.wants_spare = false;
        if workshop.spare.is_some() {
            return;
        }
        let asked = socket_pair()
            .map_err(RuntimeError::from)
            .and_then(|(ours, theirs)| self.ask_for_clone(theirs, Asked::Spare(ours)));
        if let Err(error) = asked {
            tracing::debug!(%error, "no spare could be made");
        }
        self.flush_zygote();
    }

    /// Says to a process to be what it is.
    fn brief(&mut self, process: ProcessId, main: usize) -> Result<(), RuntimeError> {
        let Some(record) = self.table.find(process) else { return Err(RuntimeError::NoActor) };
        let Some(blueprint) = record.blueprint().cloned() else { return Err(RuntimeError::NoActor) };
        let (spawner, incarnation, spec) = (record.spawner, record.incarnation, &blueprint.spec);
        let mut own = blueprint.descriptors.iter();
        let mut descriptors = Vec::new();
        let mut visitor = None;
        if let Some(caller) = spawner.filter(|_| spec.connect) {
            let (endpoint, ours, theirs) = self.pair_up(caller.station, process, main)?;
            descriptors.push(theirs);
            visitor = Some(endpoint);
            self.workshop_connection(process, ours);
        }
        for output in [spec.stdout, spec.stderr] {
            match output {
                Output::Inherit => {}
                Output::Descriptor => {
                    descriptors.extend(own.next().map(OwnedFd::try_clone).transpose()?);
                }
                Output::Tail => descriptors.push(self.attach_tail(process)?),
            }
        }
        for descriptor in own {
            descriptors.push(descriptor.try_clone()?);
        }
        let launch = Launch {
            process,
            incarnation,
            name: blueprint.name.clone(),
            entry: spec.entry,
            arguments: spec.arguments.clone(),
            straight: spec.straight,
            visitor,
            stdout: spec.stdout != Output::Inherit,
            stderr: spec.stderr != Output::Inherit,
            options: spec.options.clone(),
            setup: self.options.setup.clone(),
        };
        self.say(main, 0, &Notice::Launch(Box::new(launch)), descriptors);
        Ok(())
    }

    /// Keeps the spawner's end of the connection until the process has started.
    fn workshop_connection(&mut self, process: ProcessId, socket: OwnedFd) {
        if let Some(record) = self.table.find_mut(process) {
            record.connection = Some(socket);
        }
    }

    fn attach_tail(&mut self, process: ProcessId) -> Result<OwnedFd, RuntimeError> {
        use procession_transport::Link;
        let (pipe, writing) = Tail::pipe()?;
        let watch = self.hub.watch(pipe.descriptor(), Subject::Tail(process))?;
        if let Some(record) = self.table.find_mut(process) {
            record.tail = Some(Tail::new(pipe, watch));
        }
        Ok(writing)
    }

    pub(crate) fn read_tail(&mut self, process: ProcessId, watch: Watch) {
        let tail = self.table.find_mut(process).and_then(|record| record.tail.as_mut());
        if !tail.is_some_and(Tail::read) {
            self.hub.ended(watch);
        }
    }

    fn start_image(&mut self, process: ProcessId, control: OwnedFd) -> Result<(), SpawnError> {
        let (name, value) = Role::Actor.marker();
        let pid = sys::spawn_self(control.as_fd(), "procession actor", (name, &value), false)
            .map_err(|error| SpawnError::NoProcess(error.to_string()))?;
        self.learn_pid(process, pid);
        Ok(())
    }

    fn ask_zygote(&mut self, process: ProcessId, control: OwnedFd) -> Result<(), SpawnError> {
        let incarnation = self.table.find(process).map_or(0, |record| record.incarnation);
        Ok(self.ask_for_clone(control, Asked::Process(process, incarnation))?)
    }

    fn ask_for_clone(&mut self, control: OwnedFd, asked: Asked) -> Result<(), RuntimeError> {
        self.workshop.next_ticket += 1;
        let ticket = self.workshop.next_ticket;
        let request = CloneRequest { ticket, is_spare: matches!(asked, Asked::Spare(_)) };
        let Some((zygote, _)) = &mut self.workshop.zygote else {
            return Err(RuntimeError::System("there is no zygote".into()));
        };
        control::push(&mut zygote.outlet, 0, &request, vec![control])?;
        self.workshop.tickets.insert(ticket, asked);
        Ok(())
    }

    pub(crate) fn flush_zygote(&mut self) {
        use procession_transport::Flushed;
        let Some((zygote, watch)) = &mut self.workshop.zygote else { return };
        if zygote.outlet.buffered_bytes() == 0 {
            return;
        }
        let flushed = zygote.outlet.flush();
        let _ = self.hub.want_writable(*watch, &**zygote.outlet.link(), matches!(flushed, Ok(Flushed::Blocked)));
        if matches!(flushed, Ok(Flushed::Busy)) {
            self.remind(Duration::from_millis(1), Due::Retry);
        }
    }

    pub(crate) fn hear_zygote(&mut self) {
        let Some((zygote, watch)) = &mut self.workshop.zygote else { return };
        let watch = *watch;
        self.hub.written(watch);
        let received = zygote.inlet.receive();
        let mut answers = Vec::new();
        while let Ok(Some(frame)) = zygote.inlet.next_frame() {
            answers.extend(control::read::<CloneAnswer>(frame).map(|(_, answer, _)| answer));
        }
        answers.into_iter().for_each(|answer| self.take_clone(&answer));
        match received {
            Ok(Received::More) => {}
            Ok(Received::Drained | Received::Nothing) => self.hub.drained(watch),
            Ok(Received::End) | Err(_) => self.lose_zygote(),
        }
    }

    fn take_clone(&mut self, answer: &CloneAnswer) {
        let Some(asked) = self.workshop.tickets.remove(&answer.ticket) else { return };
        self.workshop.barren_zygotes = 0;
        match asked {
            Asked::Process(process, incarnation) => self.take_process(process, incarnation, answer.process),
            Asked::Spare(control) => {
                let pid = answer.process.ok();
                // Where a clone says its number itself, one that waits cannot be known; it ends with its socket.
                self.workshop.cannot_spare |= pid == Some(0);
                let pid = pid.filter(|pid| *pid > 0);
                let pid = pid.filter(|pid| self.workshop.unclaimed.remove(pid).is_none()).map(Pid::from_raw);
                self.workshop.spare = pid.map(|pid| Spare { pid, control });
            }
        }
    }

    fn take_process(&mut self, process: ProcessId, incarnation: Incarnation, clone: Result<i32, i32>) {
        // The process may have said its number itself meanwhile, and may have ended and be in its next life.
        if !self.is_nameless(process, incarnation) {
            return;
        }
        match clone {
            // The process says its number itself.
            Ok(0) => {}
            Ok(pid) => self.learn_pid(process, Pid::from_raw(pid)),
            Err(number) => {
                let error = SpawnError::NoProcess(nix::Error::from_raw(number).desc().to_owned());
                self.abandon_start(process, error);
            }
        }
    }

    /// It is known now which child a process is; it may have ended already.
    pub(crate) fn learn_pid(&mut self, process: ProcessId, pid: Pid) {
        let is_new = |record: &&mut Record| record.pid.is_none() && !record.is_dead;
        let Some(record) = self.table.find_mut(process).filter(is_new) else { return };
        record.pid = Some(pid);
        self.table.set_pid(pid, process.slot);
        if let Some(death) = self.workshop.unclaimed.remove(&pid.as_raw()) {
            self.bury(pid, death);
        } else {
            self.catch_up_with_stop(process, pid);
        }
    }

    /// Keeps the end of a child that nobody knows yet, while clones are under way.
    pub(crate) fn keep_unclaimed(&mut self, pid: Pid, death: Death) {
        let is_zygote = self.workshop.zygote.as_ref().is_some_and(|(zygote, _)| zygote.process == pid);
        if is_zygote {
            self.lose_zygote();
        } else if self.workshop.spare.as_ref().is_some_and(|spare| spare.pid == pid) {
            self.workshop.spare = None;
        } else if self.workshop.unclaimed.len() < UNCLAIMED_LIMIT {
            self.workshop.unclaimed.insert(pid.as_raw(), death);
        }
        if self.workshop.tickets.is_empty() && !is_zygote && !self.has_anonymous() {
            self.workshop.unclaimed.clear();
        }
    }

    /// Whether a process is being made whose number is not known.
    fn has_anonymous(&self) -> bool {
        self.table.iter().any(|record| record.life == Life::Starting && record.pid.is_none())
    }

    /// The zygote is gone. Running actors do not notice; what it had in hand is made again by the next one. A clone that
    /// it made and had no time to tell of is ended.
    fn lose_zygote(&mut self) {
        let Some((zygote, watch)) = self.workshop.zygote.take() else { return };
        tracing::warn!("the zygote is gone; another is made");
        self.workshop.barren_zygotes += 1;
        self.workshop.is_imaging |= self.workshop.barren_zygotes >= BARREN_ZYGOTES;
        self.hub.forget(watch, zygote.inlet.as_fd());
        let asked = std::mem::take(&mut self.workshop.tickets).into_values();
        let in_hand: Vec<ProcessId> = asked
            .filter_map(|asked| match asked {
                Asked::Process(process, incarnation) => self.is_nameless(process, incarnation).then_some(process),
                Asked::Spare(_) => None,
            })
            .collect();
        if !in_hand.is_empty() {
            self.workshop.spare = None;
            self.end_unknown_children();
        }
        for process in in_hand {
            self.remove_process_stations(process);
            self.order(process);
        }
        self.remind(ZYGOTE_PAUSE, Due::Retry);
    }

    /// Whether this life of a process is being made and its number is not known.
    fn is_nameless(&self, process: ProcessId, incarnation: Incarnation) -> bool {
        self.table.find(process).is_some_and(|record| {
            record.incarnation == incarnation && record.life == Life::Starting && record.pid.is_none()
        })
    }

    fn end_unknown_children(&self) {
        let own = std::process::id();
        let Ok(children) = std::fs::read_to_string(format!("/proc/{own}/task/{own}/children")) else { return };
        for pid in children.split_ascii_whitespace().filter_map(|pid| pid.parse::<i32>().ok()) {
            if !self.table.knows_pid(pid) {
                let _ = nix::sys::signal::kill(Pid::from_raw(pid), nix::sys::signal::Signal::SIGKILL);
            }
        }
    }

    fn replace_zygote(&mut self) {
        match zygote::start(&self.allowance).and_then(|zygote| self.employ(Some(zygote))) {
            Ok(()) => {}
            Err(error) => {
                tracing::warn!(%error, "no zygote could be made");
                while let Some(process) = self.workshop.orders.pop_front() {
                    self.fail_start(process, SpawnError::NoProcess(error.to_string()));
                }
            }
        }
    }

    /// A process that no child was made for has failed to start.
    fn abandon_start(&mut self, process: ProcessId, error: SpawnError) {
        self.remove_process_stations(process);
        self.fail_start(process, error);
    }

    /// A process has failed to start, and nothing of it is left.
    pub(crate) fn fail_start(&mut self, process: ProcessId, error: SpawnError) {
        let Some(record) = self.table.find_mut(process) else { return };
        record.error = Some(error);
        record.connection = None;
        record.ended = Some(Exit::Failed(vec!["it was not started".into()]).into());
        self.finish(process);
    }

    pub(crate) fn remove_process_stations(&mut self, process: ProcessId) {
        let keys = self.table.find(process).map(|record| record.stations.clone()).unwrap_or_default();
        for key in keys {
            self.remove_station(key);
        }
    }

    /// A process says that it has started.
    pub(crate) fn note_start(&mut self, process: ProcessId) {
        let Some(record) = self.table.find_mut(process).filter(|record| record.life == Life::Starting) else { return };
        record.life = Life::Running;
        self.workshop.wants_spare = true;
        let (spawner, connection, incarnation) = (record.spawner.take(), record.connection.take(), record.incarnation);
        tracing::debug!(%process, name = record.name(), incarnation, "started");
        if let Some(caller) = spawner {
            let connected = connection.is_some();
            let answer = Answer::Spawned { process, incarnation, connected };
            self.answer_with(caller, answer, connection.into_iter().collect());
        }
        self.tell_group_started(process);
        self.serve_lobby(process);
    }

    /// Starts a process for an endpoint.
    pub(crate) fn spawn(&mut self, caller: Caller, kind: Kind) {
        if self.phase != Phase::Running {
            return self.answer(caller, Answer::NotSpawned(RuntimeError::NotRunning.into()));
        }
        let Some(owner) = self.stations.get(caller.station).map(|station| station.endpoint.process.slot) else {
            return;
        };
        let slot = self.table.insert(kind, Some(owner));
        let Some(record) = self.table.get_mut(slot) else { return };
        record.spawner = Some(caller);
        let process = record.id;
        if let Some(owner) = self.table.get_mut(owner) {
            owner.children.push(slot);
        }
        self.mention(caller.station, process);
        self.order(process);
    }
}

/// Whether a child has not ended.
fn is_running(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive))
}
