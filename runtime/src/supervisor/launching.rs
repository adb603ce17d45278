//! Making processes: from a spawn to the word that it has started.

use std::os::fd::{AsFd, OwnedFd};

use procession_transport::Watch;

use super::office::{Office, Phase, Subject};
use super::record::{Caller, Kind, Life};
use super::tail::Tail;
use super::workshop::Spare;
use crate::control::{Answer, Launch, Launcher, Notice, Output};
use crate::error::{RuntimeError, SpawnError};
use crate::exit::Exit;
use crate::hook::Role;
use crate::id::{EndpointId, ProcessId};
use crate::sys;
use crate::zygote::UNANSWERED_LIMIT;

impl Office {
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
    }

    /// Whether processes are made by starting the image again.
    pub(super) fn is_imaging(&self) -> bool {
        self.workshop.is_imaging || self.options.launcher == Launcher::Image
    }

    fn make(&mut self, process: ProcessId, is_imaging: bool) -> Result<(), SpawnError> {
        if !is_imaging && let Some(Spare { pid, control }) = self.take_spare() {
            self.engage(process, control)?;
            self.note_making(process);
            self.learn_pid(process, pid);
            return Ok(());
        }
        if !is_imaging && let Some((ticket, control)) = self.take_coming_spare() {
            self.engage(process, control)?;
            self.note_making(process);
            self.workshop.tickets.insert(ticket, self.asked_for(process));
            return Ok(());
        }
        let (ours, theirs) = self.take_pair().map_err(RuntimeError::from)?;
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

    /// Says to a process to be what it is.
    fn brief(&mut self, process: ProcessId, main: usize) -> Result<(), RuntimeError> {
        let Some(record) = self.table.find(process) else { return Err(RuntimeError::NoActor) };
        let Some(blueprint) = record.blueprint().cloned() else { return Err(RuntimeError::NoActor) };
        let (spawner, incarnation, spec) = (record.spawner, record.incarnation, &blueprint.spec);
        let mut own = blueprint.descriptors.iter();
        let mut descriptors = Vec::new();
        let mut visitor = None;
        if let Some(caller) = spawner.filter(|_| spec.connect) {
            let (ours, theirs) = self.take_pair()?;
            let endpoint = self.note_visit(caller.station, process, main)?;
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
            title: format!("{} [actor {process}]", blueprint.name),
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

    /// A process that no child was made for has failed to start.
    pub(super) fn abandon_start(&mut self, process: ProcessId, error: SpawnError) {
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
