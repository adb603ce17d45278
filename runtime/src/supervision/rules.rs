//! The state machine of one group, and the order in which everything happens.

use std::{mem, time::Duration};

use super::{
    Action, ChildKey, ChildState, DeleteChildError, Intensity, Reason, Restart, RestartChildError, StartChildError,
    Strategy, TerminateChildError,
    child::{Cause, Child, Next, Process},
    intensity::Window,
};

/// Decides for one group of children what is started and stopped, and when.
///
/// The owner says what has happened by calling a method, which appends to `actions` what is to be done; it carries that
/// out in order and later says what came of it. Every method may be called at any time, also before all earlier actions
/// are carried out.
///
/// # Events
///
/// Every [`Start`](Action::Start) is answered by [`started`](Self::started) and later by one [`ended`](Self::ended), or
/// by one [`start_failed`](Self::start_failed) or `ended` alone. The word that a process is gone comes when nothing is
/// left of the child's own subtree, whether or not it had been asked to stop. A word about an unknown key or out of
/// turn changes nothing.
///
/// # Order
///
/// An event only marks children: this process has to go, that child is to be started. What is marked is then worked off
/// one step at a time, by four rules which are all the order there is:
///
/// 1. At most one child is stopping. The next one told to stop is the rightmost whose process has to go.
/// 2. Nothing is started while a process is stopping or has to go.
/// 3. At most one child is starting. The next one started is the leftmost that waits.
/// 4. A process that is still starting can be told to stop, and does not keep others from being stopped.
///
/// So a group stops right to left and starts left to right, one by one, whatever comes in between: a further failure
/// only adds marks. As in OTP this holds across the whole group, also for [`Strategy::OneForOne`]. The end of a process
/// that had to go, told so or not yet, is no failure.
#[derive(Debug)]
pub struct Rules {
    strategy: Strategy,
    window: Window,
    phase: Phase,
    /// Left to right, which is also the order of the keys.
    pub(super) children: Vec<Child>,
    /// The number of keys given out.
    keys: u64,
}

/// How far a group is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Not told to start: children wait.
    New,
    /// Starting its children for the first time; `Up` is owed.
    Starting,
    /// `Up` was said.
    Up,
    /// Stopping all children for good; `Ended` is owed.
    Ending(Reason),
    /// `Ended` was said.
    Ended,
}

impl Rules {
    /// Creates the rules of a group with these children, left to right, none of them started.
    ///
    /// [`children`](Self::children) gives their keys, in the same order.
    pub fn new(strategy: Strategy, intensity: Intensity, children: impl IntoIterator<Item = Restart>) -> Self {
        let window = Window::new(intensity);
        let mut rules = Rules { strategy, window, phase: Phase::New, children: Vec::new(), keys: 0 };
        for restart in children {
            rules.push(restart, Cause::Group);
        }
        rules
    }

    /// Starts the group: its children left to right, each when the one before is up.
    ///
    /// Leads to [`Action::Up`]; or to [`Reason::StartFailed`], once those already started have been stopped.
    pub fn start(&mut self, actions: &mut Vec<Action>) {
        if self.phase == Phase::New {
            self.phase = Phase::Starting;
        }
        self.proceed(actions);
    }

    /// Stops the group: its children right to left, each when the one before is gone; then [`Action::Ended`].
    pub fn stop(&mut self, actions: &mut Vec<Action>) {
        self.end(Reason::Stopped, actions);
        self.proceed(actions);
    }

    /// Takes in that a child is up.
    pub fn started(&mut self, key: ChildKey, actions: &mut Vec<Action>) {
        if let Some(child) = self.child(key).filter(|child| child.process == Process::Starting) {
            child.started(actions);
        }
        self.proceed(actions);
    }

    /// Takes in that a child could not be started: it has no process.
    ///
    /// In the group's initial start this ends the group, and in a restart it is one more failure. A child from
    /// [`start_child`](Self::start_child) leaves the group, and one from [`restart_child`](Self::restart_child) stays
    /// down.
    pub fn start_failed(&mut self, key: ChildKey, now: Duration, actions: &mut Vec<Action>) {
        self.ended(key, false, now, actions);
    }

    /// Takes in that a child's process has ended and nothing is left of its subtree.
    ///
    /// `normal` decides for [`Restart::Transient`]; `now` counts from any origin, the same for all calls. An end before
    /// the child was up is a failed start, however normal.
    pub fn ended(&mut self, key: ChildKey, normal: bool, now: Duration, actions: &mut Vec<Action>) {
        let Some(index) = self.position(key) else { return };
        let child = &mut self.children[index];
        if mem::take(&mut child.terminating) {
            actions.push(Action::Terminated(key));
        }
        match mem::replace(&mut child.process, Process::None) {
            Process::Starting => self.not_started(index, now, actions),
            Process::Running if child.restart.is_failure(normal) => self.failed(index, now, actions),
            Process::Doomed | Process::Stopping if child.restart == Restart::Temporary => child.abandon(actions),
            _ => {}
        }
        self.proceed(actions);
    }

    /// Adds a child at the right and starts it when its turn comes.
    ///
    /// Leads to [`Action::Started`], or to [`Action::NotStarted`] and [`Action::Removed`].
    ///
    /// # Errors
    ///
    /// [`StartChildError::Ending`] once the group is stopping.
    pub fn start_child(&mut self, restart: Restart, actions: &mut Vec<Action>) -> Result<ChildKey, StartChildError> {
        if self.is_ending() {
            return Err(StartChildError::Ending);
        }
        let key = self.push(restart, Cause::Added);
        self.proceed(actions);
        Ok(key)
    }

    /// Stops a child when its turn comes, if it has a process, and restarts it no more; its end is no failure.
    ///
    /// Leads to [`Action::Terminated`], at once if it has no process. The child stays in the group, down, unless it is
    /// temporary or from a [`start_child`](Self::start_child) that is not done yet. A restart that takes it along later
    /// brings it up again.
    ///
    /// # Errors
    ///
    /// [`TerminateChildError::Unknown`] if the group has no such child.
    pub fn terminate_child(&mut self, key: ChildKey, actions: &mut Vec<Action>) -> Result<(), TerminateChildError> {
        let child = self.child(key).ok_or(TerminateChildError::Unknown(key))?;
        child.abandon(actions);
        child.doom();
        child.terminating = child.process != Process::None;
        if !child.terminating {
            actions.push(Action::Terminated(key));
        }
        self.proceed(actions);
        Ok(())
    }

    /// Starts a child that is down, when its turn comes.
    ///
    /// Leads to [`Action::Started`] or [`Action::NotStarted`]; it does not count as a restart.
    ///
    /// # Errors
    ///
    /// Says why if the child is not [`ChildState::Down`] or the group is stopping.
    pub fn restart_child(&mut self, key: ChildKey, actions: &mut Vec<Action>) -> Result<(), RestartChildError> {
        let ending = self.is_ending();
        let child = self.child(key).ok_or(RestartChildError::Unknown(key))?;
        match child.state() {
            _ if ending => return Err(RestartChildError::Ending),
            ChildState::Down => child.next = Next::Start(Cause::Asked),
            ChildState::Waiting => return Err(RestartChildError::Restarting(key)),
            _ => return Err(RestartChildError::Running(key)),
        }
        self.proceed(actions);
        Ok(())
    }

    /// Removes a child that is down; [`Action::Removed`] says so, as for every child that leaves the group.
    ///
    /// # Errors
    ///
    /// Says why if the child is not [`ChildState::Down`].
    pub fn delete_child(&mut self, key: ChildKey, actions: &mut Vec<Action>) -> Result<(), DeleteChildError> {
        let child = self.child(key).ok_or(DeleteChildError::Unknown(key))?;
        match child.state() {
            ChildState::Down => child.next = Next::Remove,
            ChildState::Waiting => return Err(DeleteChildError::Restarting(key)),
            _ => return Err(DeleteChildError::Running(key)),
        }
        self.proceed(actions);
        Ok(())
    }

    /// Answers a start that came to nothing, by what it was for.
    fn not_started(&mut self, index: usize, now: Duration, actions: &mut Vec<Action>) {
        let child = &mut self.children[index];
        match child.next {
            Next::Start(Cause::Group) => {
                let reason = Reason::StartFailed(child.key);
                self.end(reason, actions);
            }
            Next::Start(Cause::Failure) => self.failed(index, now, actions),
            _ => child.abandon(actions),
        }
    }

    /// Answers a failure: a restart of all whom it takes along, or the end of the group.
    fn failed(&mut self, index: usize, now: Duration, actions: &mut Vec<Action>) {
        if self.window.admit(now) {
            let restarted = self.strategy.restarted(index, self.children.len());
            self.children[restarted].iter_mut().for_each(Child::revive);
        } else {
            self.end(Reason::IntensityExceeded(self.children[index].key), actions);
        }
    }

    /// Decides that the group ends: nothing is started any more, and every process has to go. The first reason stands.
    fn end(&mut self, reason: Reason, actions: &mut Vec<Action>) {
        if self.is_ending() {
            return;
        }
        self.phase = Phase::Ending(reason);
        for child in &mut self.children {
            child.abandon(actions);
            child.doom();
        }
    }

    /// Takes the next step, by the rules of order in the type's documentation. Repeated without an event it does
    /// nothing.
    fn proceed(&mut self, actions: &mut Vec<Action>) {
        let removed = self.children.extract_if(.., |child| child.is_removable());
        actions.extend(removed.map(|child| Action::Removed(child.key)));
        if self.has(Process::Stopping) {
            return;
        }
        if let Some(child) = self.children.iter_mut().rfind(|child| child.process == Process::Doomed) {
            child.process = Process::Stopping;
            actions.push(Action::Stop(child.key));
            return;
        }
        match self.phase {
            Phase::New | Phase::Ended => {}
            Phase::Starting | Phase::Up => self.start_next(actions),
            Phase::Ending(reason) => {
                self.phase = Phase::Ended;
                actions.push(Action::Ended(reason));
            }
        }
    }

    /// Starts the next child that waits; with none left, the initial start is complete.
    fn start_next(&mut self, actions: &mut Vec<Action>) {
        if self.has(Process::Starting) {
            return;
        }
        if let Some(child) = self.children.iter_mut().find(|child| child.is_waiting()) {
            child.process = Process::Starting;
            actions.push(Action::Start(child.key));
        } else if mem::replace(&mut self.phase, Phase::Up) == Phase::Starting {
            actions.push(Action::Up);
        }
    }

    /// Appends a child at the right.
    fn push(&mut self, restart: Restart, cause: Cause) -> ChildKey {
        let key = ChildKey(self.keys);
        self.keys += 1;
        self.children.push(Child::new(key, restart, cause));
        key
    }

    /// Tells whether the group is over or about to be.
    fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending(_) | Phase::Ended)
    }

    /// Tells whether some child's process is in this state.
    fn has(&self, process: Process) -> bool {
        self.children.iter().any(|child| child.process == process)
    }

    /// Finds a child's place.
    pub(super) fn position(&self, key: ChildKey) -> Option<usize> {
        self.children.binary_search_by_key(&key, |child| child.key).ok()
    }

    /// Finds a child.
    fn child(&mut self, key: ChildKey) -> Option<&mut Child> {
        self.position(key).map(|index| &mut self.children[index])
    }
}
