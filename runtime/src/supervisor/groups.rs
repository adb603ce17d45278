//! Carrying out the rules of supervisors.
//!
//! The rules (`supervision/`) decide, and this does. Decisions are carried out first in, first out.

use std::collections::HashSet;
use std::os::fd::OwnedFd;
use std::time::Duration;

use procession_transport::Descriptors;
use rustc_hash::FxHashMap;

use super::desk::blueprint;
use super::group::{Group, Member};
use super::office::{Office, Phase};
use super::record::{Caller, Kind, Life};
use crate::control::{Answer, ChildKind, ChildSpec, ChildStatus, Counts, GroupOperation, GroupSpec, StopReason};
use crate::error::{RuntimeError, SpawnError};
use crate::exit::Exit;
use crate::id::ProcessId;
use crate::supervision::{Action, ChildKey, ChildState, Reason, Rules};

/// The descriptors of a request, taken by its children in turn.
type Supply = std::vec::IntoIter<OwnedFd>;

impl Office {
    /// Starts a supervisor for an endpoint.
    pub(crate) fn supervise(&mut self, caller: Caller, spec: GroupSpec, descriptors: Descriptors) {
        let outcome = self.check_group(&spec).and_then(|()| {
            let mut supply = descriptors.arrived().map_err(|_| RuntimeError::NoDescriptors)?.into_iter();
            let owner = self.stations.get(caller.station).map(|station| station.endpoint.process.slot);
            Ok((self.build_group(spec, owner, &mut supply), owner))
        });
        let (slot, owner) = match outcome {
            Ok(built) => built,
            Err(error) => return self.answer(caller, Answer::NotSpawned(error.into())),
        };
        let Some(record) = self.table.get_mut(slot) else { return };
        record.spawner = Some(caller);
        let process = record.id;
        if let Some(owner) = owner.and_then(|owner| self.table.get_mut(owner)) {
            owner.children.push(slot);
        }
        self.mention(caller.station, process);
        self.start_group(slot);
    }

    fn check_group(&self, spec: &GroupSpec) -> Result<(), RuntimeError> {
        if self.phase != Phase::Running {
            return Err(RuntimeError::NotRunning);
        }
        let mut names = HashSet::new();
        for child in &spec.children {
            if !names.insert(&child.key) {
                return Err(RuntimeError::NameTaken);
            }
            if let ChildKind::Group(group) = &child.what {
                self.check_group(group)?;
            }
        }
        Ok(())
    }

    /// Makes the records of a supervisor and of its children; none is started.
    fn build_group(&mut self, spec: GroupSpec, owner: Option<u32>, supply: &mut Supply) -> u32 {
        let group = Group {
            name: spec.name.unwrap_or_else(|| "supervisor".into()),
            strategy: spec.strategy,
            intensity: spec.intensity,
            rules: Rules::new(spec.strategy, spec.intensity, []),
            children: FxHashMap::default(),
            initial: Vec::new(),
            is_up: false,
            is_over: false,
            starters: Vec::new(),
            terminators: Vec::new(),
        };
        let slot = self.table.insert(Kind::Group(Box::new(group)), owner);
        let members: Vec<Member> =
            spec.children.into_iter().map(|child| self.build_member(child, slot, supply)).collect();
        self.install_rules(slot, members);
        slot
    }

    fn build_member(&mut self, child: ChildSpec, group: u32, supply: &mut Supply) -> Member {
        let (slot, is_group) = match child.what {
            ChildKind::Process(spec) => {
                let own = supply.by_ref().take(spec.descriptors).collect();
                let mut spec = *spec;
                spec.name.get_or_insert_with(|| child.key.clone());
                (self.table.insert(Kind::Process(blueprint(spec, own)), Some(group)), false)
            }
            ChildKind::Group(spec) => {
                let mut spec = *spec;
                spec.name.get_or_insert_with(|| child.key.clone());
                (self.build_group(spec, Some(group), supply), true)
            }
        };
        let process = self.table.get(slot).map_or(ProcessId::root(0), |record| record.id);
        Member { name: child.key, process, restart: child.restart, is_group }
    }

    /// Starts a supervisor, for the first time or again: with fresh rules for the children it was made with.
    fn start_group(&mut self, slot: u32) {
        let Some(record) = self.table.get_mut(slot) else { return };
        record.life = Life::Starting;
        (record.is_stopping, record.error) = (false, None);
        let Kind::Group(group) = &mut record.kind else { return };
        (group.is_up, group.is_over) = (false, false);
        let mut members: Vec<Member> = group.children.drain().map(|(_, member)| member).collect();
        members.sort_by_key(|member| group.initial.iter().position(|process| *process == member.process));
        self.install_rules(slot, members);
        self.apply(slot, |rules, actions, _| rules.start(actions));
    }

    /// Gives a supervisor fresh rules for these children.
    fn install_rules(&mut self, slot: u32, members: Vec<Member>) {
        let Some(group) = self.group_mut(slot) else { return };
        group.rules = Rules::new(group.strategy, group.intensity, members.iter().map(|member| member.restart));
        group.initial = members.iter().map(|member| member.process).collect();
        let keys: Vec<ChildKey> = group.rules.children().map(|child| child.key).collect();
        group.children = keys.iter().copied().zip(members.iter().cloned()).collect();
        for (key, member) in keys.into_iter().zip(members) {
            if let Some(record) = self.table.find_mut(member.process) {
                record.group = Some((slot, key));
            }
        }
    }

    pub(crate) fn stop_group(&mut self, process: ProcessId) {
        if let Some(record) = self.table.find_mut(process) {
            record.is_stopping = true;
        }
        self.apply(process.slot, |rules, actions, _| rules.stop(actions));
    }

    /// A system without root restarts nothing.
    pub(crate) fn drop_groups(&mut self) {
        let groups: Vec<ProcessId> = self
            .table
            .iter()
            .filter(|record| matches!(record.kind, Kind::Group(_)) && record.group.is_none())
            .map(|record| record.id)
            .collect();
        groups.into_iter().for_each(|group| self.stop_group(group));
    }

    /// Has the rules take something in, and queues what they decide.
    fn apply<T>(&mut self, slot: u32, input: impl FnOnce(&mut Rules, &mut Vec<Action>, Duration) -> T) -> Option<T> {
        let now = self.now();
        let group = self.group_mut(slot)?;
        let mut actions = Vec::new();
        let outcome = input(&mut group.rules, &mut actions, now);
        self.actions.extend(actions.into_iter().map(|action| (slot, action)));
        Some(outcome)
    }

    /// Carries out what has been decided.
    pub(crate) fn carry_out(&mut self) {
        while let Some((slot, action)) = self.actions.pop_front() {
            let Some(group) = self.group_mut(slot) else { continue };
            let member = |key: ChildKey| group.children.get(&key).cloned();
            match action {
                Action::Start(key) => {
                    let member = member(key);
                    self.start_member(member);
                }
                Action::Stop(key) => {
                    if let Some(member) = member(key) {
                        self.ask_to_stop(member.process, StopReason::Asked);
                    }
                }
                Action::Started(key) => self.answer_starters(slot, key, true),
                Action::NotStarted(key) => self.answer_starters(slot, key, false),
                Action::Terminated(key) => self.answer_terminators(slot, key),
                Action::Removed(key) => self.remove_member(slot, key),
                Action::Up => self.note_group_up(slot),
                Action::Ended(reason) => self.note_group_end(slot, reason),
            }
        }
    }

    fn start_member(&mut self, member: Option<Member>) {
        match member {
            Some(member) if member.is_group => self.start_group(member.process.slot),
            Some(member) => self.order(member.process),
            None => {}
        }
    }

    fn note_group_up(&mut self, slot: u32) {
        let Some(record) = self.table.get_mut(slot) else { return };
        record.life = Life::Running;
        let (process, spawner) = (record.id, record.spawner.take());
        if let Kind::Group(group) = &mut record.kind {
            group.is_up = true;
        }
        tracing::debug!(%process, "supervisor is up");
        if let Some(caller) = spawner {
            self.answer(caller, Answer::Spawned { process, incarnation: 0, connected: false });
        }
        self.tell_group_started(process);
    }

    fn note_group_end(&mut self, slot: u32, reason: Reason) {
        let Some(group) = self.group_mut(slot) else { return };
        if std::mem::replace(&mut group.is_over, true) {
            return;
        }
        let is_up = group.is_up;
        let culprit = match reason {
            Reason::Stopped => None,
            Reason::StartFailed(key) | Reason::IntensityExceeded(key) => group.children.get(&key).cloned(),
        };
        let name = culprit.as_ref().map(|member| member.name.clone()).unwrap_or_default();
        let child = culprit.and_then(|member| self.table.find(member.process));
        let (child_exit, child_error) = child.map_or((None, None), |child| (child.exit(), child.error.clone()));
        let last = child_exit.map(|exit| exit.to_string());
        let exit = match reason {
            Reason::Stopped => Exit::Stopped,
            Reason::StartFailed(_) => {
                let why = child_error.as_ref().map(ToString::to_string);
                Exit::Failed([format!("child `{name}` did not start")].into_iter().chain(why).collect())
            }
            Reason::IntensityExceeded(_) => {
                tracing::error!(child = name, "restarted too often; the supervisor gives up");
                Exit::Failed([format!("child `{name}` was restarted too often")].into_iter().chain(last).collect())
            }
        };
        let Some(record) = self.table.get_mut(slot) else { return };
        let process = record.id;
        if !is_up {
            record.error = child_error;
        }
        self.note_end(process, exit.into(), is_up);
    }

    /// A child of a supervisor has started.
    pub(crate) fn tell_group_started(&mut self, process: ProcessId) {
        if let Some((group, key)) = self.table.find(process).and_then(|record| record.group) {
            self.apply(group, |rules, actions, _| rules.started(key, actions));
        }
    }

    /// A child of a supervisor is gone, and all that it had started.
    pub(crate) fn tell_group_ended(
        &mut self,
        group: u32,
        key: ChildKey,
        process: ProcessId,
        exit: &Exit,
        is_failed_start: bool,
    ) {
        let (is_normal, had_lobby) = (exit.is_normal(), self.table.find(process).is_some_and(|r| !r.lobby.is_empty()));
        self.drop_added_members(process);
        self.apply(group, |rules, actions, now| {
            if is_failed_start {
                rules.start_failed(key, now, actions);
            } else {
                rules.ended(key, is_normal, now, actions);
            }
        });
        if had_lobby && self.child_state(group, key).is_none_or(|state| state == ChildState::Down) {
            self.turn_lobby_away(process);
        }
    }

    fn turn_lobby_away(&mut self, process: ProcessId) {
        let Some(record) = self.table.find_mut(process) else { return };
        let (lobby, exit) = (std::mem::take(&mut record.lobby), record.exit());
        for caller in lobby {
            self.answer(caller, Answer::Gone(exit.clone()));
        }
    }

    /// A supervisor that may be restarted keeps only the children it was made with.
    fn drop_added_members(&mut self, process: ProcessId) {
        let Some(group) = self.group_mut(process.slot) else { return };
        let initial = group.initial.clone();
        let added: Vec<(ChildKey, ProcessId)> = group
            .children
            .iter()
            .filter(|(_, member)| !initial.contains(&member.process))
            .map(|(key, member)| (*key, member.process))
            .collect();
        for (key, added) in added {
            if let Some(group) = self.group_mut(process.slot) {
                group.children.remove(&key);
            }
            self.remove_tree(added);
        }
    }

    /// Frees a child's address, and those of its own children.
    fn remove_member(&mut self, slot: u32, key: ChildKey) {
        let Some(group) = self.group_mut(slot) else { return };
        let Some(member) = group.children.remove(&key) else { return };
        group.initial.retain(|process| *process != member.process);
        self.remove_tree(member.process);
    }

    /// Frees the address of a supervisor that has ended, and those of its children.
    pub(crate) fn remove_tree(&mut self, process: ProcessId) {
        if let Some(group) = self.group_mut(process.slot) {
            let members: Vec<ProcessId> = group.children.drain().map(|(_, member)| member.process).collect();
            members.into_iter().for_each(|member| self.remove_tree(member));
        }
        self.remove(process);
    }

    fn answer_starters(&mut self, slot: u32, key: ChildKey, has_started: bool) {
        let Some(group) = self.group_mut(slot) else { return };
        let (now, later) = std::mem::take(&mut group.starters).into_iter().partition(|(of, _)| *of == key);
        group.starters = later;
        let Some(process) = group.children.get(&key).map(|member| member.process) else { return };
        let now: Vec<(ChildKey, Caller)> = now;
        let record = self.table.find(process);
        let incarnation = record.map_or(0, |record| record.incarnation);
        let error = record.and_then(|record| record.error.clone());
        for (_, caller) in now {
            let answer = if has_started {
                Answer::Spawned { process, incarnation, connected: false }
            } else {
                Answer::NotSpawned(error.clone().unwrap_or(SpawnError::Runtime(RuntimeError::NotRunning)))
            };
            self.answer(caller, answer);
        }
    }

    fn answer_terminators(&mut self, slot: u32, key: ChildKey) {
        let Some(group) = self.group_mut(slot) else { return };
        let (now, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut group.terminators).into_iter().partition(|(of, _)| *of == key);
        group.terminators = later;
        for (_, caller) in now {
            self.answer(caller, Answer::Done);
        }
    }

    /// Answers or does what somebody wants of a supervisor.
    pub(crate) fn operate(
        &mut self,
        caller: Caller,
        group: ProcessId,
        operation: GroupOperation,
        descriptors: Descriptors,
    ) {
        let is_group = self.table.find(group).is_some_and(|record| matches!(record.kind, Kind::Group(_)));
        let outcome = match operation {
            _ if !is_group => Err(RuntimeError::NoActor),
            GroupOperation::Children => Ok(Some(Answer::Children(self.children_of(group.slot)))),
            GroupOperation::Counts => Ok(Some(Answer::Counts(self.count(group.slot)))),
            GroupOperation::StartChild(spec) => self.start_child(caller, group.slot, *spec, descriptors),
            GroupOperation::TerminateChild(name) => self.terminate_child(caller, group.slot, &name),
            GroupOperation::RestartChild(name) => self.restart_child(caller, group.slot, &name),
            GroupOperation::DeleteChild(name) => self.delete_child(group.slot, &name),
        };
        match outcome {
            Ok(Some(answer)) => self.answer(caller, answer),
            // Answered when it is done.
            Ok(None) => {}
            Err(error) => self.answer(caller, Answer::Refused(error)),
        }
    }

    fn start_child(
        &mut self,
        caller: Caller,
        slot: u32,
        spec: ChildSpec,
        descriptors: Descriptors,
    ) -> Result<Option<Answer>, RuntimeError> {
        if self.phase != Phase::Running {
            return Err(RuntimeError::NotRunning);
        }
        if self.group_mut(slot).is_none_or(|group| group.find(&spec.key).is_some()) {
            return Err(RuntimeError::NameTaken);
        }
        if let ChildKind::Group(group) = &spec.what {
            self.check_group(group)?;
        }
        let mut supply = descriptors.arrived().map_err(|_| RuntimeError::NoDescriptors)?.into_iter();
        let member = self.build_member(spec, slot, &mut supply);
        let (process, restart) = (member.process, member.restart);
        let added = self.apply(slot, |rules, actions, _| rules.start_child(restart, actions));
        let key = match added {
            Some(Ok(key)) => key,
            Some(Err(error)) => {
                self.remove_tree(process);
                return Err(RuntimeError::System(error.to_string()));
            }
            None => return Err(RuntimeError::NoActor),
        };
        if let Some(record) = self.table.find_mut(process) {
            record.group = Some((slot, key));
        }
        if let Some(group) = self.group_mut(slot) {
            group.children.insert(key, member);
            group.starters.push((key, caller));
        }
        Ok(None)
    }

    fn terminate_child(&mut self, caller: Caller, slot: u32, name: &str) -> Result<Option<Answer>, RuntimeError> {
        let key = self.key_of(slot, name)?;
        if let Some(group) = self.group_mut(slot) {
            group.terminators.push((key, caller));
        }
        self.apply(slot, |rules, actions, _| rules.terminate_child(key, actions))
            .map_or(Ok(None), |outcome| outcome.map(|()| None).map_err(|error| RuntimeError::System(error.to_string())))
    }

    fn restart_child(&mut self, caller: Caller, slot: u32, name: &str) -> Result<Option<Answer>, RuntimeError> {
        let key = self.key_of(slot, name)?;
        let outcome = self.apply(slot, |rules, actions, _| rules.restart_child(key, actions));
        if let Some(Err(error)) = outcome {
            return Err(RuntimeError::System(error.to_string()));
        }
        if let Some(group) = self.group_mut(slot) {
            group.starters.push((key, caller));
        }
        Ok(None)
    }

    fn delete_child(&mut self, slot: u32, name: &str) -> Result<Option<Answer>, RuntimeError> {
        let key = self.key_of(slot, name)?;
        match self.apply(slot, |rules, actions, _| rules.delete_child(key, actions)) {
            Some(Err(error)) => Err(RuntimeError::System(error.to_string())),
            _ => Ok(Some(Answer::Done)),
        }
    }

    fn key_of(&mut self, slot: u32, name: &str) -> Result<ChildKey, RuntimeError> {
        self.group_mut(slot).and_then(|group| group.find(name)).ok_or(RuntimeError::NoActor)
    }

    fn children_of(&self, slot: u32) -> Vec<ChildStatus> {
        let Some(Kind::Group(group)) = self.table.get(slot).map(|record| &record.kind) else { return Vec::new() };
        let children = group.rules.children().filter_map(|child| {
            let member = group.children.get(&child.key)?;
            Some(ChildStatus {
                name: member.name.clone(),
                process: Some(member.process),
                state: child.state,
                restart: child.restart,
                supervisor: member.is_group,
            })
        });
        children.collect()
    }

    fn count(&self, slot: u32) -> Counts {
        let Some(Kind::Group(group)) = self.table.get(slot).map(|record| &record.kind) else {
            return Counts::default();
        };
        let counts = group.rules.counts();
        let supervisors = group.children.values().filter(|member| member.is_group).count();
        Counts { specs: counts.specs, active: counts.active, supervisors, workers: group.children.len() - supervisors }
    }

    /// What a supervisor's child is doing.
    pub(crate) fn child_state(&self, slot: u32, key: ChildKey) -> Option<ChildState> {
        match &self.table.get(slot)?.kind {
            Kind::Group(group) => group.rules.state(key),
            _ => None,
        }
    }

    fn group_mut(&mut self, slot: u32) -> Option<&mut Group> {
        match &mut self.table.get_mut(slot)?.kind {
            Kind::Group(group) => Some(group),
            _ => None,
        }
    }
}
