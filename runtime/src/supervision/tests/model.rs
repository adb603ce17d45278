//! A model of a group that keeps sets of children instead of states of children.

use std::{collections::BTreeSet, mem, time::Duration};

use super::super::{Action, ChildKey, ChildState, Intensity, Reason, Restart, Strategy};

/// The model. Whatever it is told, `said` holds the actions that are due, in no particular order within an event.
pub(super) struct Model {
    strategy: Strategy,
    intensity: Intensity,
    members: Vec<(ChildKey, Restart)>,
    /// The number of keys given out.
    pub(super) keys: u64,
    /// When restarts took place: all of them.
    restarts: Vec<Duration>,
    /// The child whose start is under way and wanted.
    pub(super) starting: Option<ChildKey>,
    /// The child that was told to stop and is not gone yet.
    pub(super) stopping: Option<ChildKey>,
    up: BTreeSet<ChildKey>,
    /// Children with a process that has to go but was not told yet.
    doomed: BTreeSet<ChildKey>,
    /// Children to be started, including the one that is starting and those that are to be stopped before.
    waiting: BTreeSet<ChildKey>,
    /// Of `waiting`, by what the start is for; the others are restarts.
    initial: BTreeSet<ChildKey>,
    added: BTreeSet<ChildKey>,
    asked: BTreeSet<ChildKey>,
    /// Children that leave once they have no process, though not temporary.
    leaving: BTreeSet<ChildKey>,
    /// Children whose end somebody waits for.
    terminating: BTreeSet<ChildKey>,
    begun: bool,
    pub(super) complete: bool,
    reason: Option<Reason>,
    pub(super) over: bool,
    said: Vec<Action>,
}

impl Model {
    pub(super) fn new(strategy: Strategy, intensity: Intensity, restarts: &[Restart]) -> Self {
        let members: Vec<_> = (0..).map(ChildKey).zip(restarts.iter().copied()).collect();
        let initial: BTreeSet<_> = members.iter().map(|&(key, _)| key).collect();
        Model {
            strategy,
            intensity,
            keys: members.len() as u64,
            members,
            restarts: Vec::new(),
            starting: None,
            stopping: None,
            up: BTreeSet::new(),
            doomed: BTreeSet::new(),
            waiting: initial.clone(),
            initial,
            added: BTreeSet::new(),
            asked: BTreeSet::new(),
            leaving: BTreeSet::new(),
            terminating: BTreeSet::new(),
            begun: false,
            complete: false,
            reason: None,
            over: false,
            said: Vec::new(),
        }
    }

    /// Takes the next step and gives all that was said since the last one.
    pub(super) fn proceed(&mut self) -> Vec<Action> {
        if self.stopping.is_none() {
            self.stopping = self.doomed.pop_last();
            self.said.extend(self.stopping.map(Action::Stop));
        }
        match self.reason {
            _ if self.stopping.is_some() || !self.begun && self.reason.is_none() => {}
            Some(reason) if !mem::replace(&mut self.over, true) => self.said.push(Action::Ended(reason)),
            None if self.starting.is_none() => self.start_next(),
            _ => {}
        }
        mem::take(&mut self.said)
    }

    fn start_next(&mut self) {
        self.starting = self.waiting.first().copied();
        self.said.extend(self.starting.map(Action::Start));
        if self.starting.is_none() && !mem::replace(&mut self.complete, true) {
            self.said.push(Action::Up);
        }
    }

    pub(super) fn start(&mut self) {
        self.begun = true;
    }

    pub(super) fn stop(&mut self) {
        self.end(Reason::Stopped);
    }

    pub(super) fn started(&mut self, key: ChildKey) {
        if self.starting == Some(key) {
            self.starting = None;
            self.up.insert(key);
            self.waiting.remove(&key);
            self.initial.remove(&key);
            if self.added.remove(&key) | self.asked.remove(&key) {
                self.said.push(Action::Started(key));
            }
        }
    }

    pub(super) fn gone(&mut self, key: ChildKey, normal: bool, now: Duration) {
        if self.terminating.remove(&key) {
            self.said.push(Action::Terminated(key));
        }
        if self.stopping == Some(key) || self.doomed.remove(&key) {
            self.stopping = self.stopping.filter(|&stopping| stopping != key);
            if self.is_temporary(key) {
                self.give_up(key);
            }
        } else if self.starting == Some(key) {
            self.starting = None;
            match key {
                _ if self.initial.contains(&key) => self.end(Reason::StartFailed(key)),
                _ if self.added.contains(&key) || self.asked.contains(&key) => self.give_up(key),
                _ => self.fail(key, now),
            }
        } else if self.up.remove(&key) {
            let transient = self.members.contains(&(key, Restart::Transient));
            if !(self.is_temporary(key) || transient && normal) {
                self.fail(key, now);
            }
        } else {
            return; // there was no process
        }
        self.leave_if_done(key);
    }

    pub(super) fn start_child(&mut self, restart: Restart) -> Option<ChildKey> {
        let key = ChildKey(self.keys);
        let accepted = self.reason.is_none();
        if accepted {
            self.keys += 1;
            self.members.push((key, restart));
            self.added.insert(key);
            self.waiting.insert(key);
        }
        accepted.then_some(key)
    }

    pub(super) fn terminate_child(&mut self, key: ChildKey) -> bool {
        let known = self.state(key).is_some();
        if known {
            self.give_up(key);
            self.condemn(key);
            if self.has_process(key) {
                self.terminating.insert(key);
            } else {
                self.said.push(Action::Terminated(key));
                self.leave_if_done(key);
            }
        }
        known
    }

    pub(super) fn restart_child(&mut self, key: ChildKey) -> bool {
        let accepted = self.reason.is_none() && self.state(key) == Some(ChildState::Down);
        if accepted {
            self.asked.insert(key);
            self.waiting.insert(key);
        }
        accepted
    }

    pub(super) fn delete_child(&mut self, key: ChildKey) -> bool {
        let accepted = self.state(key) == Some(ChildState::Down);
        if accepted {
            self.leaving.insert(key);
            self.leave_if_done(key);
        }
        accepted
    }

    /// Gives the states of all children, left to right.
    pub(super) fn states(&self) -> Vec<(ChildKey, Restart, ChildState)> {
        self.members.iter().filter_map(|&(key, restart)| Some((key, restart, self.state(key)?))).collect()
    }

    fn state(&self, key: ChildKey) -> Option<ChildState> {
        self.members.iter().any(|&(member, _)| member == key).then_some(match key {
            _ if self.stopping == Some(key) || self.doomed.contains(&key) => ChildState::Stopping,
            _ if self.starting == Some(key) => ChildState::Starting,
            _ if self.up.contains(&key) => ChildState::Running,
            _ if self.waiting.contains(&key) => ChildState::Waiting,
            _ => ChildState::Down,
        })
    }

    fn fail(&mut self, failed: ChildKey, now: Duration) {
        let counted = self.restarts.iter().filter(|&&then| now - then <= self.intensity.period).count();
        if counted >= self.intensity.restarts as usize {
            return self.end(Reason::IntensityExceeded(failed));
        }
        self.restarts.push(now);
        for (key, restart) in self.members.clone() {
            let affected = match self.strategy {
                Strategy::OneForOne => key == failed,
                Strategy::OneForAll => true,
                Strategy::RestForOne => key >= failed,
            };
            if affected {
                self.condemn(key);
            }
            if affected && restart != Restart::Temporary && !self.leaving.contains(&key) {
                self.waiting.insert(key);
            }
        }
    }

    fn end(&mut self, reason: Reason) {
        if self.reason.is_none() {
            self.reason = Some(reason);
            for (key, _) in self.members.clone() {
                self.give_up(key);
                self.condemn(key);
                self.leave_if_done(key);
            }
        }
    }

    /// A process, if there is one, has to go.
    fn condemn(&mut self, key: ChildKey) {
        if self.starting == Some(key) || self.up.remove(&key) {
            self.starting = self.starting.filter(|&starting| starting != key);
            self.doomed.insert(key);
        }
    }

    /// A start, if one was wanted, is not wanted any more.
    fn give_up(&mut self, key: ChildKey) {
        let (added, asked) = (self.added.remove(&key), self.asked.remove(&key));
        self.waiting.remove(&key);
        self.initial.remove(&key);
        if added {
            self.leaving.insert(key);
        }
        if added || asked {
            self.said.push(Action::NotStarted(key));
        }
    }

    fn leave_if_done(&mut self, key: ChildKey) {
        let wanted = self.has_process(key) || self.waiting.contains(&key);
        let leaves = self.is_temporary(key) || self.leaving.contains(&key);
        if leaves && !wanted {
            self.members.retain(|&(member, _)| member != key);
            self.said.push(Action::Removed(key));
        }
    }

    fn is_temporary(&self, key: ChildKey) -> bool {
        self.members.contains(&(key, Restart::Temporary))
    }

    fn has_process(&self, key: ChildKey) -> bool {
        self.starting == Some(key) || self.stopping == Some(key) || self.doomed.contains(&key) || self.up.contains(&key)
    }
}
