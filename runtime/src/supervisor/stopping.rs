//! Stopping processes, with deadlines, and the system's end.

use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use super::office::{Due, Office, Phase};
use super::record::{Kind, Life, Record};
use crate::control::{Answer, Notice, StopReason};
use crate::exit::Exit;
use crate::id::ProcessId;
use crate::sys;

/// How long processes may take to stop politely when root is gone.
const ORPHANED_DEADLINE: Duration = Duration::from_secs(1);

/// How long the supervisor goes on reaping what it has killed at the very end.
const REAPING_LIMIT: Duration = Duration::from_millis(500);

impl Office {
    /// Stops whatever an address stands for: politely, then, after its deadline, with SIGKILL.
    pub(crate) fn ask_to_stop(&mut self, process: ProcessId, reason: StopReason) {
        let Some(record) = self.table.find_mut(process) else { return };
        if record.is_stopping {
            return;
        }
        match &record.kind {
            Kind::Root => {}
            Kind::Mailbox if record.is_served => {
                let main = record.main_station();
                record.is_stopping = true;
                self.ask_politely(false, None, main, reason);
            }
            Kind::Mailbox => self.note_end(process, Exit::Normal.into(), true),
            Kind::Group(_) => self.stop_group(process),
            Kind::Process(blueprint) => {
                let (is_straight, deadline) = (blueprint.spec.straight, blueprint.spec.options.stop_deadline);
                let (life, pid, main, incarnation) =
                    (record.life, record.pid, record.main_station(), record.incarnation);
                record.is_stopping = true;
                match life {
                    Life::Down | Life::Ending => {}
                    Life::Queued => self.note_end(process, Exit::Stopped.into(), false),
                    Life::Starting | Life::Running => {
                        self.ask_politely(is_straight, pid, main, reason);
                        self.remind(deadline, Due::Kill(process, incarnation));
                    }
                }
            }
        }
    }

    fn ask_politely(&mut self, is_straight: bool, pid: Option<Pid>, main: Option<usize>, reason: StopReason) {
        if is_straight {
            let _ = pid.map(|pid| kill(pid, Signal::SIGTERM));
        } else if let Some(main) = main {
            self.say(main, 0, &Notice::Stop(reason), Vec::new());
        }
    }

    /// A process that was asked to stop before its number was known is told now.
    pub(crate) fn catch_up_with_stop(&mut self, process: ProcessId, pid: Pid) {
        let Some(record) = self.table.find(process) else { return };
        let signal = match record {
            record if record.is_killed => Signal::SIGKILL,
            record if record.is_stopping && record.is_straight() => Signal::SIGTERM,
            _ => return,
        };
        let _ = kill(pid, signal);
    }

    /// A process has had its time.
    pub(crate) fn kill_at_deadline(&mut self, process: ProcessId, incarnation: u32) {
        let Some(record) = self.table.find_mut(process).filter(|record| record.incarnation == incarnation) else {
            return;
        };
        if matches!(record.life, Life::Starting | Life::Running) && !record.is_dead {
            record.is_killed = true;
            let _ = record.pid.map(|pid| kill(pid, Signal::SIGKILL));
        }
    }

    /// A process has ended: stops what it had started, the last first, one after the other.
    pub(crate) fn stop_next_child(&mut self, owner: u32) {
        let Some(record) = self.table.get(owner) else { return };
        let (process, last) = (record.id, record.children.last().copied());
        match last.and_then(|child| self.table.get(child)).map(|child| child.id) {
            Some(child) => self.ask_to_stop(child, StopReason::Asked),
            None if record.life == Life::Ending => self.finish(process),
            None => {}
        }
    }

    /// Something that this process had started is gone.
    pub(crate) fn child_is_gone(&mut self, owner: u32, child: u32) {
        let Some(record) = self.table.get_mut(owner) else { return };
        let Some(place) = record.children.iter().position(|other| *other == child) else {
            // A mailbox is nobody's to stop.
            return;
        };
        record.children.remove(place);
        let is_ending = record.life == Life::Ending;
        if is_ending || owner == 0 && matches!(self.phase, Phase::Stopping(_)) {
            self.stop_next_child(owner);
        }
    }

    /// Root is gone: all are stopped at once, and what is left after a second is killed.
    pub(crate) fn lose_root(&mut self) {
        if matches!(self.phase, Phase::Orphaned | Phase::Over) {
            return;
        }
        self.phase = Phase::Orphaned;
        self.remind(ORPHANED_DEADLINE, Due::Abandon);
        let all: Vec<ProcessId> =
            self.table.iter().filter(|record| record.blueprint().is_some()).map(|record| record.id).collect();
        self.drop_groups();
        for process in all {
            self.ask_to_stop(process, StopReason::Asked);
        }
    }

    /// Goes on with the system's end.
    pub(crate) fn look_whether_over(&mut self) {
        if let Phase::Joining(caller) = self.phase
            && !self.table.iter().any(Record::keeps_system_up)
        {
            self.phase = Phase::Stopping(caller);
            self.stop_next_child(0);
            // The last started may be a supervisor; nothing else may happen that would have its decisions looked at.
            self.carry_out();
        }
        let is_empty = !self.table.iter().any(|record| matches!(record.kind, Kind::Process(_) | Kind::Group(_)));
        match self.phase {
            Phase::Stopping(caller) if is_empty => {
                self.answer(caller, Answer::Done);
                self.phase = Phase::Over;
            }
            Phase::Orphaned if !self.table.iter().any(|record| record.pid.is_some() && record.id.slot != 0) => {
                self.phase = Phase::Over;
            }
            _ => {}
        }
    }
}

/// The supervisor's last act: leaves its process group, kills what is left of it, also what actors have started
/// themselves, and reaps it. If it cannot leave, it goes down with the others.
pub(crate) fn clear_the_house() {
    let group = nix::unistd::getpgrp();
    let is_out = nix::unistd::getppid() != Pid::from_raw(1) && leave_group();
    if !is_out && group != nix::unistd::getpid() {
        return;
    }
    let _ = nix::sys::signal::killpg(group, Signal::SIGKILL);
    let deadline = Instant::now() + REAPING_LIMIT;
    while has_children() && Instant::now() < deadline {
        if sys::reap_any().is_none() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

/// Moves to the parent's process group, which is in the same session.
fn leave_group() -> bool {
    let parent = nix::unistd::getpgid(Some(nix::unistd::getppid()));
    parent.is_ok_and(|parent| nix::unistd::setpgid(Pid::from_raw(0), parent).is_ok())
}

fn has_children() -> bool {
    use nix::sys::wait::{Id, WaitPidFlag, waitid};
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    !matches!(waitid(Id::All, flags), Err(nix::Error::ECHILD))
}
