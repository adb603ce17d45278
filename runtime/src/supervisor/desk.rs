//! What the supervisor is asked.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use nix::sys::signal::{Signal, kill};
use procession_transport::{Descriptors, Frame};

use super::office::{Office, Phase};
use super::record::{Blueprint, Caller, Kind, Life};
use crate::control::{self, Answer, Notice, Parcel, ProcessSpec, Question, Report, Request, Status, StopReason, Value};
use crate::entry::EntryRef;
use crate::error::RuntimeError;
use crate::exit::Exit;
use crate::id::{EndpointId, Incarnation, MonitorId, ProcessId};

impl Office {
    /// Acts on one request of an endpoint.
    pub(crate) fn take_request(&mut self, key: usize, frame: Frame) {
        let (request, descriptors) = match control::read::<Request>(frame) {
            Ok((_, request, descriptors)) => (request, descriptors),
            Err(error) => {
                tracing::error!(%error, "a request makes no sense");
                return;
            }
        };
        let Some(process) = self.stations.get(key).map(|station| station.endpoint.process) else { return };
        match request {
            Request::Begin(options) => {
                self.options = options;
                self.say(key, 0, &Notice::Ready, Vec::new());
            }
            Request::Attach { number } => self.attach(key, number, descriptors),
            Request::Alive { process: pid } => self.learn_pid(process, nix::unistd::Pid::from_raw(pid)),
            Request::Started { process: pid } => {
                // It may have been reaped already, and is buried then as soon as its number is known: as one that has
                // started.
                self.note_start(process);
                self.learn_pid(process, nix::unistd::Pid::from_raw(pid));
            }
            Request::Ending(report) => self.keep_report(process, report, descriptors),
            Request::VisitorTaken { refused } => self.acknowledge(key, refused),
            Request::CloseMailbox(exit) => {
                if let Some(mailbox) = self.addressed_at(key) {
                    self.note_end(mailbox, exit.into(), true);
                }
            }
            Request::Demonitor(monitor) => self.demonitor(key, monitor),
            Request::Forget(process) => self.forget(process),
            Request::Ask { call, question } => {
                if !self.table.find(process).is_none_or(|record| record.is_dead) {
                    self.consider(Caller { station: key, call }, process, question, descriptors);
                }
            }
        }
    }

    fn attach(&mut self, key: usize, number: u32, descriptors: Descriptors) {
        let Some(own) = self.stations.get(key).map(|station| station.endpoint) else { return };
        // Where the descriptor was lost, the endpoint sees the end of its socket.
        let Some(socket) = descriptors.arrived().ok().and_then(|mut descriptors| descriptors.pop()) else { return };
        let endpoint = EndpointId { number, ..own };
        if let Err(error) = self.add_station(endpoint, socket) {
            tracing::error!(%error, process = %own.process, "a thread could not be attached");
        }
    }

    fn keep_report(&mut self, process: ProcessId, report: Report, descriptors: Descriptors) {
        let file = descriptors.arrived().ok().and_then(|mut descriptors| descriptors.pop());
        let Some(record) = self.table.find_mut(process) else { return };
        if matches!(report.value, Some(Value::Sealed)) && file.is_none() {
            let exit =
                Exit::Failed(vec!["the returned value was lost".into(), RuntimeError::NoDescriptors.to_string()]);
            record.report = Some(Report { exit, value: None, tag_in_hand: None });
            return;
        }
        (record.report, record.value_file) = (Some(report), file);
    }

    /// Nobody holds a handle on a process any more: its end need not be kept for anybody.
    fn forget(&mut self, process: ProcessId) {
        self.retained.remove(&process);
        if let Some(record) = self.table.find_mut(process) {
            record.is_forgotten = true;
        }
    }

    fn demonitor(&mut self, key: usize, monitor: MonitorId) {
        let mentions: Vec<ProcessId> =
            self.stations.get(key).map(|station| station.mentions.iter().copied().collect()).unwrap_or_default();
        for process in mentions {
            if let Some(record) = self.table.find_mut(process) {
                record.monitors.retain(|entry| *entry != (key, monitor));
            }
        }
    }

    fn consider(&mut self, caller: Caller, asker: ProcessId, question: Question, descriptors: Descriptors) {
        let outcome = match question {
            Question::Introduce(target) => return self.introduce(caller, target),
            Question::Spawn(spec) => return self.spawn_process(caller, *spec, descriptors),
            Question::Supervise(spec) => return self.supervise(caller, *spec, descriptors),
            Question::Group { group, operation } => return self.operate(caller, group, operation, descriptors),
            Question::Join(target) => return self.join(caller, target),
            Question::Shutdown => return self.shut_down(caller),
            Question::Monitor { monitor, target, incarnation } => {
                Ok(self.monitor(caller, monitor, target, incarnation))
            }
            Question::Link(other) => self.link(asker, other),
            Question::Unlink(other) => Ok(self.unlink(asker, other)),
            Question::Stop(target) => self.is_live(target).map(|()| {
                self.ask_to_stop(target, StopReason::Asked);
                Answer::Done
            }),
            Question::Signal { target, signal } => self.signal(target, signal),
            Question::Status(target) => Ok(Answer::Status(self.status(target))),
            Question::Register { name, target } => self.register(name, target),
            Question::Unregister(name) => Ok(self.unregister(&name)),
            Question::WhereIs { name, entry } => Ok(Answer::Found(self.where_is(&name, entry))),
            Question::OpenMailbox { serves } => Ok(self.open_mailbox(caller, serves)),
        };
        self.answer(caller, outcome.unwrap_or_else(Answer::Refused));
    }

    fn spawn_process(&mut self, caller: Caller, spec: ProcessSpec, descriptors: Descriptors) {
        match descriptors.arrived() {
            Ok(descriptors) => {
                let blueprint = blueprint(spec, descriptors);
                self.spawn(caller, Kind::Process(blueprint));
            }
            Err(_) => self.answer(caller, Answer::NotSpawned(RuntimeError::NoDescriptors.into())),
        }
    }

    fn join(&mut self, caller: Caller, target: ProcessId) {
        if let Some(retained) = self.retained.get(&target) {
            let (ended, value) = (retained.ended.clone(), retained.value.as_ref().map(Parcel::try_clone).transpose());
            return match value {
                Ok(value) => self.answer_ended(caller, &ended, value.as_ref()),
                Err(error) => self.answer(caller, Answer::Refused(error)),
            };
        }
        self.mention(caller.station, target);
        match self.table.find_mut(target) {
            Some(record) => record.joiners.push(caller),
            None => self.answer(caller, Answer::Refused(RuntimeError::NoActor)),
        }
    }

    fn monitor(
        &mut self,
        caller: Caller,
        monitor: MonitorId,
        target: ProcessId,
        incarnation: Option<Incarnation>,
    ) -> Answer {
        self.mention(caller.station, target);
        match self
            .table
            .find_mut(target)
            .filter(|record| !matches!(record.life, Life::Down | Life::Ending) || matches!(record.kind, Kind::Mailbox))
            .filter(|record| incarnation.is_none_or(|incarnation| incarnation == record.incarnation))
        {
            Some(record) => record.monitors.push((caller.station, monitor)),
            None => self.say(caller.station, 0, &Notice::NobodyThere { monitor, process: target }, Vec::new()),
        }
        Answer::Done
    }

    fn link(&mut self, asker: ProcessId, other: ProcessId) -> Result<Answer, RuntimeError> {
        self.is_live(asker)?;
        self.is_live(other)?;
        for (one, another) in [(asker, other), (other, asker)] {
            if let Some(record) = self.table.find_mut(one)
                && !record.links.contains(&another)
            {
                record.links.push(another);
            }
        }
        tracing::debug!(%asker, %other, "linked");
        Ok(Answer::Done)
    }

    fn unlink(&mut self, asker: ProcessId, other: ProcessId) -> Answer {
        for (one, another) in [(asker, other), (other, asker)] {
            if let Some(record) = self.table.find_mut(one) {
                record.links.retain(|linked| *linked != another);
            }
        }
        Answer::Done
    }

    fn signal(&mut self, target: ProcessId, signal: i32) -> Result<Answer, RuntimeError> {
        self.is_live(target)?;
        let signal = Signal::try_from(signal)?;
        let Some(record) = self.table.find_mut(target) else { return Err(RuntimeError::NoActor) };
        if matches!(record.kind, Kind::Mailbox) {
            let text = "an actor on a thread has no process of its own; stop it, or kill its manager";
            return Err(RuntimeError::WrongKind(text.into()));
        }
        match record.pid {
            Some(pid) => kill(pid, signal)?,
            None if signal == Signal::SIGKILL => self.ask_to_stop(target, StopReason::Asked),
            None => return Err(RuntimeError::NoActor),
        }
        Ok(Answer::Done)
    }

    fn status(&self, target: ProcessId) -> Option<Status> {
        let record = self.table.find(target)?;
        Some(Status {
            pid: record.pid.map(nix::unistd::Pid::as_raw),
            alive: record.life == Life::Running,
            name: record.name(),
            incarnation: record.incarnation,
        })
    }

    fn register(&mut self, name: String, target: ProcessId) -> Result<Answer, RuntimeError> {
        if self.names.contains_key(&name) {
            return Err(RuntimeError::NameTaken);
        }
        let record = self.table.find_mut(target).ok_or(RuntimeError::NoActor)?;
        if record.life == Life::Ending {
            return Err(RuntimeError::NoActor);
        }
        record.names.push(name.clone());
        self.names.insert(name, target);
        Ok(Answer::Done)
    }

    /// Frees all names of a process.
    pub(crate) fn free_names(&mut self, process: ProcessId) {
        let names = self.table.find_mut(process).map(|record| std::mem::take(&mut record.names)).unwrap_or_default();
        for name in names {
            self.names.remove(&name);
        }
    }

    fn where_is(&self, name: &str, entry: Option<EntryRef>) -> Option<ProcessId> {
        let found = self.table.find(*self.names.get(name)?)?;
        let runs = found.blueprint().map(|blueprint| blueprint.spec.entry);
        (entry.is_none() || entry.map(|entry| entry.type_hash) == runs.map(|entry| entry.type_hash)).then_some(found.id)
    }

    fn unregister(&mut self, name: &str) -> Answer {
        if let Some(record) = self.names.remove(name).and_then(|target| self.table.find_mut(target)) {
            record.names.retain(|other| other != name);
        }
        Answer::Done
    }

    fn open_mailbox(&mut self, caller: Caller, serves: bool) -> Answer {
        if let Some(found) = self.addressed_at(caller.station) {
            return Answer::Found(Some(found));
        }
        let owner = self.stations.get(caller.station).map(|station| station.endpoint.process.slot);
        let slot = self.table.insert(Kind::Mailbox, owner);
        let Some(record) = self.table.get_mut(slot) else { return Answer::Found(None) };
        record.life = Life::Running;
        record.is_served = serves;
        record.stations.push(caller.station);
        let process = record.id;
        self.mention(caller.station, process);
        Answer::Found(Some(process))
    }

    /// Root wants the system to end.
    fn shut_down(&mut self, caller: Caller) {
        match self.phase {
            Phase::Running => self.phase = Phase::Joining(caller),
            _ => self.answer(caller, Answer::Done),
        }
    }
}

/// How a process is to be made.
pub(crate) fn blueprint(spec: ProcessSpec, descriptors: Vec<OwnedFd>) -> Rc<Blueprint> {
    let name = spec.name.clone().unwrap_or_else(|| if spec.straight { "process".into() } else { "actor".into() });
    Rc::new(Blueprint { name, spec, descriptors })
}
