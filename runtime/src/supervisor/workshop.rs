//! Where clones come from: the zygote, what it has been asked for, and the clone that is kept for the next process.

use std::collections::VecDeque;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use nix::sys::wait::{Id, WaitPidFlag, WaitStatus, waitid};
use nix::unistd::Pid;
use procession_transport::{Received, Watch, socket_pair};
use rustc_hash::FxHashMap;

use super::office::{Due, Office, Phase, Subject};
use super::record::{Life, Record};
use crate::error::{RuntimeError, SpawnError};
use crate::id::{Incarnation, ProcessId};
use crate::sys::Death;
use crate::zygote::{self, CloneAnswer, UNANSWERED_LIMIT, Zygote};

/// How long the supervisor waits before it tries to make another zygote.
const ZYGOTE_PAUSE: Duration = Duration::from_millis(10);

/// After this many zygotes that have made nothing, processes are made by starting the image.
const BARREN_ZYGOTES: u32 = 5;

/// Where processes are made.
#[derive(Debug, Default)]
pub(crate) struct Workshop {
    pub(super) zygote: Option<(Zygote, Watch)>,
    /// Processes that wait to be made.
    pub(super) orders: VecDeque<ProcessId>,
    /// What the zygote has been asked for and has not answered.
    pub(super) tickets: FxHashMap<u64, Asked>,
    /// A clone that waits to be told what to be.
    spare: Option<Spare>,
    /// Socket pairs for what is made next, so that nobody waits for them.
    pairs: Vec<(OwnedFd, OwnedFd)>,
    /// Whether there may be fewer of them than there should be, and nobody waits for the supervisor now.
    wants_pairs: bool,
    /// Whether processes are being started: then one more is likely to be.
    pub(super) wants_spare: bool,
    /// Whether the number of a clone that waits is not to be known here.
    cannot_spare: bool,
    next_ticket: u64,
    /// Children that ended before it was known which process they were.
    unclaimed: FxHashMap<i32, Death>,
    /// Whether this system makes processes by starting the image again.
    pub(super) is_imaging: bool,
    /// How many zygotes in a row have ended without having made anything.
    barren_zygotes: u32,
}

/// What a clone is for.
#[derive(Debug)]
pub(super) enum Asked {
    /// This life of this process.
    Process(ProcessId, Incarnation),
    /// The next process. Its control socket is held meanwhile.
    Spare(OwnedFd),
}

/// A clone that is made before it is wanted: to start a process it need only be told what to be. The clone is not on the
/// way to the first answer then, nor is most of what a copy of a process finds missing in its memory.
#[derive(Debug)]
pub(super) struct Spare {
    pub(super) pid: Pid,
    pub(super) control: OwnedFd,
}

/// How many socket pairs are kept ready: for the control socket of the next clone, and for the connection of the next process
/// with its spawner.
const PAIRS_READY: usize = 2;

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

    /// Takes the spare, unless it has ended.
    pub(super) fn take_spare(&mut self) -> Option<Spare> {
        self.workshop.spare.take().filter(|spare| is_running(spare.pid))
    }

    /// Takes the spare that is on its way, if one is: it finds in its socket what it is to be.
    pub(super) fn take_coming_spare(&mut self) -> Option<(u64, OwnedFd)> {
        let tickets = &mut self.workshop.tickets;
        let ticket = *tickets.iter().find(|(_, asked)| matches!(asked, Asked::Spare(_)))?.0;
        match tickets.remove(&ticket)? {
            Asked::Spare(control) => Some((ticket, control)),
            Asked::Process(..) => None,
        }
    }

    /// What a clone for a process in its present life is for.
    pub(super) fn asked_for(&self, process: ProcessId) -> Asked {
        Asked::Process(process, self.table.find(process).map_or(0, |record| record.incarnation))
    }

    /// Sees to it that there is a spare while processes are being started and nobody waits for a clone. To be called at the
    /// end of a turn, when everybody has been answered.
    pub(crate) fn keep_spare(&mut self) {
        if self.phase != Phase::Running {
            self.workshop.spare = None;
            self.workshop.pairs.clear();
            return;
        }
        if std::mem::take(&mut self.workshop.wants_pairs) {
            self.lay_pairs_ready();
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
        let asked = self
            .take_pair()
            .map_err(RuntimeError::from)
            .and_then(|(ours, theirs)| self.ask_for_clone(theirs, Asked::Spare(ours)));
        if let Err(error) = asked {
            tracing::debug!(%error, "no spare could be made");
        }
        self.flush_zygote();
    }

    fn lay_pairs_ready(&mut self) {
        let pairs = &mut self.workshop.pairs;
        let missing = PAIRS_READY.saturating_sub(pairs.len());
        pairs.extend((0..missing).map_while(|_| socket_pair().ok()));
    }

    /// Gives a fresh socket pair.
    pub(super) fn take_pair(&mut self) -> io::Result<(OwnedFd, OwnedFd)> {
        self.workshop.pairs.pop().map_or_else(socket_pair, Ok)
    }

    pub(super) fn ask_zygote(&mut self, process: ProcessId, control: OwnedFd) -> Result<(), SpawnError> {
        Ok(self.ask_for_clone(control, self.asked_for(process))?)
    }

    fn ask_for_clone(&mut self, control: OwnedFd, asked: Asked) -> Result<(), RuntimeError> {
        self.workshop.next_ticket += 1;
        let ticket = self.workshop.next_ticket;
        let is_spare = matches!(asked, Asked::Spare(_));
        let Some((zygote, _)) = &mut self.workshop.zygote else {
            return Err(RuntimeError::System("there is no zygote".into()));
        };
        zygote.ask(ticket, is_spare, control)?;
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
        while let Ok(Some(answer)) = zygote.next_answer() {
            answers.push(answer);
        }
        answers.into_iter().for_each(|answer| self.take_clone(&answer));
        self.workshop.wants_pairs = true;
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

    pub(super) fn replace_zygote(&mut self) {
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
}

/// Whether a child has not ended.
fn is_running(pid: Pid) -> bool {
    let flags = WaitPidFlag::WEXITED | WaitPidFlag::WNOHANG | WaitPidFlag::WNOWAIT;
    matches!(waitid(Id::Pid(pid), flags), Ok(WaitStatus::StillAlive))
}
