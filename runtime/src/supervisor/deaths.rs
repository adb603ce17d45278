//! What happens when a process has ended.

use std::time::Duration;

use nix::unistd::Pid;
use rustc_hash::FxHashMap;

use super::office::{Due, Office, Retained};
use super::record::{Kind, Life, Record};
use crate::control::{Answer, Notice, Parcel, StopReason, Value};
use crate::error::{RuntimeError, SpawnError};
use crate::exit::{Ended, Exit};
use crate::id::{EndpointId, MonitorId, ProcessId};
use crate::sys::{self, Death};

/// How long a process whose sockets have come to their end may take to be reaped.
const MOURNING: Duration = Duration::from_secs(1);

impl Office {
    /// Reaps every child that has ended.
    pub(crate) fn reap(&mut self) {
        while let Some((pid, death)) = sys::reap_any() {
            self.bury(pid, death);
        }
    }

    /// A child has ended: hears it out, tells everybody, and ends what it had started.
    pub(crate) fn bury(&mut self, pid: Pid, death: Death) {
        let Some(slot) = self.table.take_pid(pid) else { return self.keep_unclaimed(pid, death) };
        let Some(process) = self.table.get(slot).map(|record| record.id) else { return };
        if let Some(record) = self.table.get_mut(slot) {
            (record.pid, record.is_dead) = (None, true);
        }
        self.hear_out(process);
        let Some(record) = self.table.get_mut(slot) else { return };
        let has_started = record.life == Life::Running;
        record.life = Life::Ending;
        record.connection = None;
        let tail = record.tail.take();
        let exit = verdict(record, death);
        let tag_in_hand = record.report.as_ref().and_then(|report| report.tag_in_hand);
        let mut stderr_tail = Vec::new();
        if let Some(tail) = tail {
            use procession_transport::Link;
            self.hub.forget(tail.watch, tail.pipe_end().descriptor());
            stderr_tail = tail.finish();
        }
        let ended = Ended { exit, stderr_tail, tag_in_hand };
        tracing::debug!(%process, exit = %ended.exit, "ended");
        self.note_end(process, ended, has_started);
    }

    /// Reads everything that a process had still to say. What it asked is of no interest any more.
    fn hear_out(&mut self, process: ProcessId) {
        let mut heard = 0;
        loop {
            let stations = self.table.find(process).map(|record| record.stations.clone()).unwrap_or_default();
            let Some(key) = stations.get(heard).copied() else { return };
            while self.hear(key) {}
            // A station that has come to its end may have been removed; the next one has moved up then.
            if self.stations.contains(key) {
                heard += 1;
            }
        }
    }

    /// Tells everybody of an end, then stops what the process had started.
    pub(crate) fn note_end(&mut self, process: ProcessId, ended: Ended, has_started: bool) {
        let Some(record) = self.table.find_mut(process) else { return };
        if !has_started && record.error.is_none() {
            record.error = Some(match &ended.exit {
                Exit::Failed(chain) => SpawnError::Failed(chain.clone()),
                exit => SpawnError::Died(exit.clone()),
            });
        }
        let (incarnation, exit) = (record.incarnation, ended.exit.clone());
        record.ended = Some(ended);
        record.life = Life::Ending;
        record.unacknowledged = 0;
        let (monitors, links) = (std::mem::take(&mut record.monitors), std::mem::take(&mut record.links));
        if record.group.is_none() {
            self.free_names(process);
        }
        let is_mailbox = self.is_mailbox(process.slot);
        if !is_mailbox {
            self.end_mailboxes(process, &exit);
        }
        self.tell_end(process, incarnation, &exit, monitors);
        self.fail_links(process, &exit, links);
        if !is_mailbox {
            self.remove_process_stations(process);
        }
        self.stop_next_child(process.slot);
    }

    /// The mailboxes of a process's threads end as it does.
    fn end_mailboxes(&mut self, process: ProcessId, exit: &Exit) {
        let stations = self.table.find(process).map(|record| record.stations.clone()).unwrap_or_default();
        for mailbox in stations.into_iter().filter_map(|key| self.addressed_at(key)).collect::<Vec<_>>() {
            self.note_end(mailbox, exit.clone().into(), true);
        }
    }

    /// Tells every endpoint that was introduced to a process, or that monitors it, of its end: each once.
    fn tell_end(&mut self, process: ProcessId, incarnation: u32, exit: &Exit, monitors: Vec<(usize, MonitorId)>) {
        let mut told: FxHashMap<usize, Vec<MonitorId>> = FxHashMap::default();
        let is_mailbox = self.is_mailbox(process.slot);
        for key in self.table.find(process).map(|record| record.stations.clone()).unwrap_or_default() {
            let Some(station) = self.stations.get(key) else { continue };
            // What a mailbox's thread has visited, it has visited as its process.
            let visits = station.visits.keys().filter(|_| !is_mailbox);
            let hosts = visits.filter_map(|target| self.table.find(*target)?.main_station());
            for other in station.visitors.iter().copied().chain(hosts) {
                told.entry(other).or_default();
            }
        }
        for (station, monitor) in monitors {
            told.entry(station).or_default().push(monitor);
        }
        for (station, monitors) in told {
            self.say(station, 0, &Notice::Gone { process, incarnation, exit: exit.clone(), monitors }, Vec::new());
        }
    }

    /// Those linked to a process that has failed fail, too.
    fn fail_links(&mut self, process: ProcessId, exit: &Exit, links: Vec<ProcessId>) {
        for other in links {
            let Some(record) = self.table.find_mut(other) else { continue };
            record.links.retain(|linked| *linked != process);
            if !exit.is_normal() {
                self.ask_to_stop(other, StopReason::Linked { process, exit: exit.clone() });
            }
        }
    }

    /// A process and all that it had started are gone.
    pub(crate) fn finish(&mut self, process: ProcessId) {
        let Some(record) = self.table.find_mut(process) else { return };
        record.life = Life::Down;
        let (group, owner, incarnation) = (record.group, record.owner, record.incarnation);
        let ended = record.ended.clone().unwrap_or_else(|| Exit::Normal.into());
        let error = record.error.take();
        let (spawner, joiners) = (record.spawner.take(), std::mem::take(&mut record.joiners));
        let value = take_value(record);
        if let (Some(caller), Some(error)) = (spawner, error.clone()) {
            self.answer(caller, Answer::NotSpawned(error));
        }
        for caller in joiners {
            self.answer_ended(caller, &ended, value.as_ref());
        }
        if let Some((group, key)) = group {
            if let Some(record) = self.table.find_mut(process) {
                record.incarnation = incarnation.wrapping_add(1);
                record.error.clone_from(&error);
            }
            return self.tell_group_ended(group, key, process, &ended.exit, error.is_some());
        }
        let is_held = |record: &Record| record.is_straight() && !record.is_forgotten;
        let is_awaited = self.table.find(process).is_some_and(is_held) && error.is_none();
        let value = value.filter(|_| is_awaited);
        self.retain(process, Retained { ended, value, owner: owner.filter(|_| is_awaited) });
        self.remove_tree(process);
        if let Some(owner) = owner {
            self.child_is_gone(owner, process.slot);
        }
    }

    /// Answers whoever waits for an end, with the value if there is one.
    pub(crate) fn answer_ended(&mut self, caller: super::record::Caller, ended: &Ended, value: Option<&Parcel>) {
        let value = value.map(Parcel::try_clone).transpose();
        match value {
            Ok(value) => {
                let (value, descriptor) = value.map(Parcel::into_value).map_or((None, None), |(v, d)| (Some(v), d));
                let answer = Answer::Ended { ended: ended.clone(), value };
                self.answer_with(caller, answer, descriptor.into_iter().collect());
            }
            Err(error) => self.answer(caller, Answer::Refused(error)),
        }
    }

    /// Frees an address. Names are free from now on, those who wait to be introduced learn that there is nobody, and those who wait
    /// for its end that it has ended. Whoever asks later is told how it ended, as long as that is remembered.
    pub(crate) fn remove(&mut self, process: ProcessId) {
        self.free_names(process);
        let Some(record) = self.table.find(process).map(|record| record.id) else { return };
        let Some(record) = self.table.remove(record.slot) else { return };
        for key in &record.mentions {
            if let Some(station) = self.stations.get_mut(*key) {
                station.mentions.remove(&process);
            }
        }
        let exit = record.exit();
        for caller in record.joiners {
            match &record.ended {
                Some(ended) => self.answer_ended(caller, ended, None),
                None => self.answer(caller, Answer::Refused(RuntimeError::NoActor)),
            }
        }
        if let Some(ended) = record.ended.filter(|_| !self.retained.contains_key(&process)) {
            self.retain(process, Retained { ended, value: None, owner: None });
        }
        for caller in record.lobby {
            self.answer(caller, Answer::Gone(exit.clone()));
        }
        for (station, monitor) in record.monitors {
            let exit = exit.clone().unwrap_or(Exit::Normal);
            let notice = Notice::Gone { process, incarnation: record.incarnation, exit, monitors: vec![monitor] };
            self.say(station, 0, &notice, Vec::new());
        }
        self.retained.retain(|_, retained| retained.owner != Some(process.slot));
    }

    /// A station's socket has come to its end: its thread has ended, or its process is about to be reaped.
    pub(crate) fn end_station(&mut self, key: usize) {
        let Some(station) = self.stations.get_mut(key) else { return };
        if station.endpoint.number == 0 {
            station.is_ended = true;
            let process = station.endpoint.process;
            return self.mourn_later(process);
        }
        let EndpointId { process, incarnation, number } = station.endpoint;
        if self.addressed_at(key).is_none() {
            return self.close_station(key);
        }
        // A thread closes its mailbox before it ends. So this is its process's end, of which more is known once that is reaped.
        if let Some(station) = self.stations.get_mut(key)
            && !std::mem::replace(&mut station.is_ended, true)
        {
            self.remind(MOURNING, Due::Close(process, incarnation, number));
        }
    }

    /// A thread's socket has come to its end, and its process lives on.
    pub(crate) fn close_endpoint(&mut self, endpoint: EndpointId) {
        let found = self.stations.iter().find(|(_, station)| station.endpoint == endpoint).map(|(key, _)| key);
        found.into_iter().for_each(|key| self.close_station(key));
    }

    /// A thread has ended, and its process lives on.
    fn close_station(&mut self, key: usize) {
        let Some(endpoint) = self.stations.get(key).map(|station| station.endpoint) else { return };
        let mailbox = self.addressed_at(key);
        let hosts: Vec<usize> = self
            .stations
            .get(key)
            .into_iter()
            .flat_map(|station| station.visits.keys())
            .filter_map(|target| self.table.find(*target)?.main_station())
            .collect();
        for other in hosts {
            self.say(other, 0, &Notice::Closed(endpoint), Vec::new());
        }
        if let Some(mailbox) = mailbox {
            self.note_end(mailbox, Exit::Normal.into(), true);
        }
        self.remove_station(key);
    }

    /// A process has closed its control socket. Normally it is about to be reaped; if not, it is out of reach and is ended.
    fn mourn_later(&mut self, process: ProcessId) {
        let is_root = process.slot == 0;
        if is_root {
            return self.lose_root();
        }
        if let Some(record) = self.table.find(process) {
            let due = Due::Kill(process, record.incarnation);
            self.remind(MOURNING, due);
        }
    }
}

/// How a process ended, from what the kernel says, what it said itself, and what was done to it.
fn verdict(record: &mut Record, death: Death) -> Exit {
    let said = record.report.as_ref().map(|report| report.exit.clone());
    match (death, said) {
        (Death::Exited(0), Some(exit)) if exit.is_normal() => exit,
        (Death::Exited(0), _) => Exit::Normal,
        (Death::Exited(_), Some(exit @ (Exit::Failed(_) | Exit::Panicked(_)))) => exit,
        (Death::Exited(code), _) => Exit::Code(code),
        (Death::Signaled { .. }, _) if record.is_killed => Exit::Killed,
        (Death::Signaled { signal, .. }, Some(exit @ Exit::Panicked(_))) if signal == nix::libc::SIGABRT => exit,
        (Death::Signaled { signal, .. }, _)
            if signal == nix::libc::SIGTERM && record.is_stopping && record.is_straight() =>
        {
            Exit::Stopped
        }
        (Death::Signaled { signal, core_dumped }, _) => Exit::Signal { signal, core_dumped },
    }
}

fn take_value(record: &mut Record) -> Option<Parcel> {
    let file = record.value_file.take();
    match record.report.take()?.value? {
        Value::Inline(bytes) => Some(Parcel::Inline(bytes)),
        Value::Sealed => file.map(Parcel::Sealed),
    }
}

impl Office {
    /// Whether an address stands for something that can be asked to stop.
    pub(crate) fn is_live(&self, process: ProcessId) -> Result<(), RuntimeError> {
        let record = self.table.find(process).ok_or(RuntimeError::NoActor)?;
        match record.kind {
            Kind::Root => Err(RuntimeError::WrongKind("root is not the system's to stop".into())),
            Kind::Mailbox if !record.is_served => Err(RuntimeError::WrongKind("a mailbox is not a process".into())),
            Kind::Process(_) | Kind::Group(_) | Kind::Mailbox => Ok(()),
        }
    }
}
