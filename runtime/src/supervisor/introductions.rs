//! Connecting processes with each other.
//!
//! Descriptors in flight are limited per user, so at most [`CREDIT`] introductions to a process are under way that it has
//! not acknowledged; the others wait as numbers, and their sockets are made only then.

use std::os::fd::OwnedFd;

use procession_transport::socket_pair;

use super::office::Office;
use super::record::{Caller, Kind, Life};
use crate::control::{Answer, Notice};
use crate::error::RuntimeError;
use crate::id::{EndpointId, ProcessId};
use crate::supervision::ChildState;

/// Most introductions to one process that it has not acknowledged.
const CREDIT: usize = 8;

impl Office {
    /// Connects the caller with a process, now or when that can take it.
    pub(crate) fn introduce(&mut self, caller: Caller, target: ProcessId) {
        let Some(record) = self.table.find(target) else {
            let exit = self.retained.get(&target).map(|retained| retained.ended.exit.clone());
            return self.answer(caller, Answer::Gone(exit));
        };
        match record.kind {
            Kind::Root | Kind::Group(_) => {
                let error = RuntimeError::WrongKind(format!("{} takes no messages", record.name()));
                self.answer(caller, Answer::Refused(error));
            }
            Kind::Process(_) if record.is_straight() => {
                let error = RuntimeError::WrongKind("a process that runs a function takes no messages".into());
                self.answer(caller, Answer::Refused(error));
            }
            Kind::Process(_) | Kind::Mailbox if self.comes_up(target) => {
                self.mention(caller.station, target);
                if let Some(record) = self.table.find_mut(target) {
                    record.lobby.push_back(caller);
                }
                self.serve_lobby(target);
            }
            Kind::Process(_) | Kind::Mailbox => {
                let exit = record.exit();
                self.answer(caller, Answer::Gone(exit));
            }
        }
    }

    /// Whether a process is up, or will be.
    fn comes_up(&self, target: ProcessId) -> bool {
        let Some(record) = self.table.find(target) else { return false };
        match (record.life, record.group) {
            (Life::Queued | Life::Starting | Life::Running, _) => true,
            (Life::Down | Life::Ending, Some((group, key))) => {
                !matches!(self.child_state(group, key), None | Some(ChildState::Down))
            }
            (Life::Down | Life::Ending, None) => false,
        }
    }

    /// Introduces those who wait, as far as the credit goes.
    pub(crate) fn serve_lobby(&mut self, target: ProcessId) {
        loop {
            let Some(record) = self.table.find_mut(target) else { return };
            if record.life != Life::Running || record.unacknowledged >= CREDIT {
                return;
            }
            let (Some(caller), Some(main)) = (record.lobby.pop_front(), record.main_station()) else { return };
            match self.connect(caller, target, main) {
                Ok(socket) => {
                    let incarnation = self.table.find(target).map_or(0, |record| record.incarnation);
                    let answer = Answer::Connection { process: target, incarnation };
                    self.answer_with(caller, answer, vec![socket]);
                }
                Err(error) => self.answer(caller, Answer::Refused(error)),
            }
        }
    }

    /// Makes a connection and gives one end to the process; the other is for the caller.
    fn connect(&mut self, caller: Caller, target: ProcessId, main: usize) -> Result<OwnedFd, RuntimeError> {
        let (ours, theirs) = socket_pair()?;
        let visitor = self.note_visit(caller.station, target, main)?;
        if let Some(record) = self.table.find_mut(target) {
            record.unacknowledged += 1;
        }
        self.say(main, 0, &Notice::Visitor(visitor), vec![theirs]);
        Ok(ours)
    }

    /// Notes who is connected with whom, and gives who visits.
    pub(crate) fn note_visit(
        &mut self,
        station: usize,
        target: ProcessId,
        main: usize,
    ) -> Result<EndpointId, RuntimeError> {
        let incarnation = self.table.find(target).map_or(0, |record| record.incarnation);
        let Some(visiting) = self.stations.get_mut(station) else { return Err(RuntimeError::NotRunning) };
        visiting.visits.insert(target, incarnation);
        let visitor = visiting.endpoint;
        if let Some(visited) = self.stations.get_mut(main) {
            visited.visitors.insert(station);
        }
        Ok(visitor)
    }

    /// A process has taken an introduction, or had no descriptor for it.
    pub(crate) fn acknowledge(&mut self, key: usize, refused: Option<EndpointId>) {
        let Some(target) = self.stations.get(key).map(|station| station.endpoint.process) else { return };
        let target = self.addressed_at(key).unwrap_or(target);
        if let Some(record) = self.table.find_mut(target) {
            record.unacknowledged = record.unacknowledged.saturating_sub(1);
        }
        if let Some(visitor) = refused {
            let found = self.stations.iter().find(|(_, station)| station.endpoint == visitor).map(|(key, _)| key);
            if let Some(visitor) = found {
                self.say(visitor, 0, &Notice::TurnedAway(target), Vec::new());
            }
        }
        self.serve_lobby(target);
    }

    /// The mailbox that a station has opened, if it has.
    pub(crate) fn addressed_at(&self, key: usize) -> Option<ProcessId> {
        let station = self.stations.get(key)?;
        let is_own = |id: &&ProcessId| {
            self.table
                .find(**id)
                .is_some_and(|record| matches!(record.kind, Kind::Mailbox) && record.main_station() == Some(key))
        };
        station.mentions.iter().find(is_own).copied()
    }
}
