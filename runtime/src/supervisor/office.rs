//! The supervisor's state, its loop, and what it says to whom.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use nix::sys::signalfd::SignalFd;
use nix::unistd::Pid;
use procession_transport::{Flushed, Hub, Inlet, Link, Outlet, Received, Socket, Watch};
use rustc_hash::FxHashMap;
use slab::Slab;

use super::record::{Caller, Kind, Life};
use super::station::Station;
use super::table::Table;
use super::workshop::Workshop;
use crate::control::{self, Answer, CONTROL_LIMIT_BYTES, NOTICE_LIMIT_BYTES, Notice, Parcel, SystemOptions};
use crate::error::RuntimeError;
use crate::exit::Ended;
use crate::id::{EndpointId, ProcessId};
use crate::supervision::Action;
use crate::sys::{self, Allowance};
use crate::voice;
use crate::zygote::Zygote;

/// Try again this soon where the system cannot say when.
const BUSY_PAUSE: Duration = Duration::from_millis(1);

/// How many ends of processes that nobody asked about are remembered.
const REMEMBERED_ENDS: usize = 1024;

/// What a watched descriptor is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Subject {
    Station(usize),
    Zygote,
    Children,
    Root,
    Tail(ProcessId),
}

/// What is due at some time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Due {
    /// A process has had its time to stop; of that life.
    Kill(ProcessId, u32),
    /// A thread's socket has come to its end, of that life of its process and number, and nobody has said why.
    Close(ProcessId, u32, u32),
    /// The system has had its time to end.
    Abandon,
    /// Look again at what had to wait.
    Retry,
}

/// Where a system is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Phase {
    Running,
    /// Root wants to end; processes that are not daemons are joined first.
    Joining(Caller),
    /// All are being stopped.
    Stopping(Caller),
    /// Root is gone.
    Orphaned,
    Over,
}

/// What is retained of a process that has ended.
#[derive(Debug)]
pub(crate) struct Retained {
    pub(crate) ended: Ended,
    pub(crate) value: Option<Parcel>,
    /// Whose interest it is in; `None`: nobody in particular's.
    pub(crate) owner: Option<u32>,
}

/// The supervisor's state.
#[derive(Debug)]
pub(crate) struct Office {
    pub(crate) hub: Hub<Subject>,
    pub(crate) table: Table,
    pub(crate) stations: Slab<Station>,
    pub(crate) names: FxHashMap<String, ProcessId>,
    pub(crate) workshop: Workshop,
    pub(crate) phase: Phase,
    pub(crate) options: SystemOptions,
    /// What groups have decided and nobody has done yet.
    pub(crate) actions: VecDeque<(u32, Action)>,
    pub(crate) retained: FxHashMap<ProcessId, Retained>,
    /// Those among them that make room for later ones.
    pub(crate) remembered: VecDeque<ProcessId>,
    pub(crate) allowance: Allowance,
    children: SignalFd,
    children_watch: Watch,
    /// Readable when root has ended; kept open while it is watched.
    _root: OwnedFd,
    due: BinaryHeap<Reverse<(Instant, Due)>>,
    dirty: Vec<usize>,
    /// When the supervisor started.
    pub(crate) started: Instant,
}

impl Office {
    pub(crate) fn new(
        system: u64,
        socket: OwnedFd,
        root: Pid,
        allowance: Allowance,
        zygote: Option<Zygote>,
    ) -> Result<Office, RuntimeError> {
        let children = sys::child_signals()?;
        let mut hub = Hub::new()?;
        let children_watch = hub.watch(children.as_fd(), Subject::Children)?;
        let root_descriptor = sys::process_descriptor(root)?;
        hub.watch(root_descriptor.as_fd(), Subject::Root)?;
        let mut office = Office {
            hub,
            table: Table::new(system),
            stations: Slab::new(),
            names: FxHashMap::default(),
            workshop: Workshop::default(),
            phase: Phase::Running,
            options: SystemOptions { setup: Vec::new(), launcher: control::Launcher::Clone },
            actions: VecDeque::new(),
            retained: FxHashMap::default(),
            remembered: VecDeque::new(),
            allowance,
            children,
            children_watch,
            _root: root_descriptor,
            due: BinaryHeap::new(),
            dirty: Vec::new(),
            started: Instant::now(),
        };
        office.employ(zygote)?;
        if let Some(record) = office.table.get_mut(0) {
            (record.life, record.pid) = (Life::Running, Some(root));
        }
        let endpoint = EndpointId { process: ProcessId::root(system), incarnation: 0, number: 0 };
        office.add_station(endpoint, socket)?;
        Ok(office)
    }

    /// Runs until the system is over.
    pub(crate) fn run(mut self) -> Result<(), RuntimeError> {
        while self.phase != Phase::Over {
            let timeout = self.timeout();
            self.hub.wait(timeout)?;
            self.take_in();
            self.see_to_what_is_due();
            self.carry_out();
            self.fill_orders();
            self.carry_out();
            self.look_whether_over();
            // What a process is to be is in its socket before it is asked for.
            self.flush();
            self.flush_zygote();
            self.keep_spare();
        }
        Ok(())
    }

    fn timeout(&self) -> Option<Duration> {
        let is_busy = (0..self.hub.ready_count()).any(|index| match self.hub.ready_at(index) {
            Some((_, ready)) => match ready.subject {
                Subject::Station(key) => {
                    ready.writable || self.stations.get(key).is_some_and(|station| station.is_heard())
                }
                _ => true,
            },
            None => false,
        });
        if is_busy {
            return Some(Duration::ZERO);
        }
        self.due.peek().map(|Reverse((at, _))| at.saturating_duration_since(Instant::now()))
    }

    /// Takes in what is ready, a bounded amount of each.
    fn take_in(&mut self) {
        let ready: Vec<_> = (0..self.hub.ready_count()).filter_map(|index| self.hub.ready_at(index)).collect();
        for (watch, readiness) in ready {
            match readiness.subject {
                Subject::Station(key) => {
                    if readiness.writable {
                        self.hub.written(watch);
                        self.mark_dirty(key);
                    }
                    if readiness.readable && self.stations.get(key).is_some_and(Station::is_heard) {
                        self.hear(key);
                    }
                }
                Subject::Zygote => self.hear_zygote(),
                Subject::Children => {
                    while let Ok(Some(_)) = self.children.read_signal() {}
                    self.hub.drained(self.children_watch);
                    self.reap();
                }
                Subject::Root => {
                    self.hub.drained(watch);
                    self.lose_root();
                }
                Subject::Tail(process) => self.read_tail(process, watch),
            }
        }
    }

    /// Reads a station once and acts on what has become whole.
    pub(crate) fn hear(&mut self, key: usize) -> bool {
        let Some(station) = self.stations.get_mut(key) else { return false };
        let received = station.inlet.receive();
        let watch = station.watch;
        loop {
            let Some(station) = self.stations.get_mut(key) else { return false };
            match station.inlet.next_frame() {
                Ok(Some(frame)) => self.take_request(key, frame),
                Ok(None) => break,
                Err(error) => {
                    tracing::error!(%error, "a process does not speak the system's language");
                    self.end_station(key);
                    return false;
                }
            }
        }
        match received {
            Ok(Received::More) => true,
            Ok(Received::Drained | Received::Nothing) => {
                self.hub.drained(watch);
                self.hub.readiness(watch).is_some_and(|readiness| readiness.readable)
            }
            Ok(Received::End) | Err(_) => {
                self.hub.ended(watch);
                self.end_station(key);
                false
            }
        }
    }

    fn see_to_what_is_due(&mut self) {
        let now = Instant::now();
        while let Some(Reverse((at, due))) = self.due.peek().copied() {
            if at > now {
                return;
            }
            self.due.pop();
            match due {
                Due::Kill(process, incarnation) => self.kill_at_deadline(process, incarnation),
                Due::Close(process, incarnation, number) => {
                    self.close_endpoint(EndpointId { process, incarnation, number });
                }
                Due::Abandon => self.phase = Phase::Over,
                Due::Retry => self.dirty_all_blocked(),
            }
        }
    }

    /// Sees to something after a while. One that no clock reaches never comes.
    pub(crate) fn remind(&mut self, after: Duration, due: Due) {
        self.due.extend(Instant::now().checked_add(after).map(|at| Reverse((at, due))));
    }

    /// Takes on an endpoint.
    pub(crate) fn add_station(&mut self, endpoint: EndpointId, socket: OwnedFd) -> Result<usize, RuntimeError> {
        let link: Arc<dyn Link> = Arc::new(Socket::from_nonblocking(socket));
        let inlet = Inlet::new(link.clone(), CONTROL_LIMIT_BYTES);
        let outlet = Outlet::new(link.clone(), NOTICE_LIMIT_BYTES);
        let entry = self.stations.vacant_entry();
        let key = entry.key();
        let watch = self.hub.watch(link.descriptor(), Subject::Station(key))?;
        entry.insert(Station::new(endpoint, inlet, outlet, watch));
        if let Some(record) = self.table.find_mut(endpoint.process) {
            record.stations.push(key);
        }
        Ok(key)
    }

    /// Says something to an endpoint at the end of the turn.
    pub(crate) fn say(&mut self, key: usize, correlation: u64, notice: &Notice, descriptors: Vec<OwnedFd>) {
        let Some(station) = self.stations.get_mut(key) else { return };
        if let Err(error) = control::push(&mut station.outlet, correlation, notice, descriptors) {
            tracing::error!(%error, "a notice does not fit");
        }
        self.mark_dirty(key);
    }

    pub(crate) fn answer(&mut self, caller: Caller, answer: Answer) {
        self.answer_with(caller, answer, Vec::new());
    }

    pub(crate) fn answer_with(&mut self, caller: Caller, answer: Answer, descriptors: Vec<OwnedFd>) {
        self.say(caller.station, u64::from(caller.call), &Notice::Answer(answer), descriptors);
    }

    fn mark_dirty(&mut self, key: usize) {
        if let Some(station) = self.stations.get_mut(key)
            && !station.is_dirty
        {
            station.is_dirty = true;
            self.dirty.push(key);
        }
    }

    fn dirty_all_blocked(&mut self) {
        let keys: Vec<usize> = self
            .stations
            .iter()
            .filter(|(_, station)| station.outlet.buffered_bytes() > 0)
            .map(|(key, _)| key)
            .collect();
        keys.into_iter().for_each(|key| self.mark_dirty(key));
        self.flush_zygote();
    }

    fn flush(&mut self) {
        for key in std::mem::take(&mut self.dirty) {
            let Some(station) = self.stations.get_mut(key) else { continue };
            station.is_dirty = false;
            let flushed = station.outlet.flush();
            voice::raise();
            let wants = matches!(flushed, Ok(Flushed::Blocked));
            if let Err(error) = self.hub.want_writable(station.watch, &**station.outlet.link(), wants) {
                tracing::error!(%error, "an endpoint cannot be watched");
            }
            if matches!(flushed, Ok(Flushed::Busy)) {
                self.remind(BUSY_PAUSE, Due::Retry);
            }
            // A closed end: its own end of file, or its process's death, will be heard.
        }
    }

    /// Removes an endpoint from everywhere.
    pub(crate) fn remove_station(&mut self, key: usize) -> Option<Station> {
        let station = self.stations.try_remove(key)?;
        self.hub.forget(station.watch, station.inlet.as_fd());
        for process in station.mentions.iter().chain([&station.endpoint.process]) {
            if let Some(record) = self.table.find_mut(*process) {
                record.forget_station(key);
            }
        }
        for visitor in &station.visitors {
            if let Some(other) = self.stations.get_mut(*visitor) {
                other.visits.remove(&station.endpoint.process);
            }
        }
        for target in station.visits.keys() {
            let main = self.table.find(*target).and_then(|record| record.main_station());
            if let Some(other) = main.and_then(|main| self.stations.get_mut(main)) {
                other.visitors.remove(&key);
            }
        }
        Some(station)
    }

    /// Notes that a record mentions a station, so that the one is purged of the other.
    pub(crate) fn mention(&mut self, key: usize, process: ProcessId) {
        if let (Some(station), Some(record)) = (self.stations.get_mut(key), self.table.find_mut(process)) {
            station.mentions.insert(process);
            record.mentions.insert(key);
        }
    }

    /// Remembers how a process ended: for its owner, or, if that is nobody in particular, for a while.
    pub(crate) fn retain(&mut self, process: ProcessId, retained: Retained) {
        if retained.owner.is_none() {
            self.remembered.push_back(process);
            if self.remembered.len() > REMEMBERED_ENDS
                && let Some(oldest) = self.remembered.pop_front()
            {
                self.retained.remove(&oldest);
            }
        }
        self.retained.insert(process, retained);
    }

    /// Time since the supervisor started, for the rules.
    pub(crate) fn now(&self) -> Duration {
        self.started.elapsed()
    }

    /// Root's process id, for signals to processes: the kinds that are not processes have none.
    pub(crate) fn is_mailbox(&self, slot: u32) -> bool {
        self.table.get(slot).is_some_and(|record| matches!(record.kind, Kind::Mailbox))
    }
}
