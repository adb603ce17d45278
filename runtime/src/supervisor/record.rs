//! What the supervisor knows of one address.

use std::collections::VecDeque;
use std::os::fd::OwnedFd;
use std::rc::Rc;

use nix::unistd::Pid;
use rustc_hash::FxHashSet;

use super::group::Group;
use super::tail::Tail;
use crate::control::{Call, ProcessSpec, Report};
use crate::error::SpawnError;
use crate::exit::{Ended, Exit};
use crate::id::{Incarnation, MonitorId, ProcessId};
use crate::supervision::ChildKey;

/// Who asked, and how to answer: the key of a station, and the number of its question.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Caller {
    pub(crate) station: usize,
    pub(crate) call: Call,
}

/// What an address stands for.
#[derive(Debug)]
pub(crate) enum Kind {
    /// Root: not ours to start or to reap.
    Root,
    /// A process of ours.
    Process(Rc<Blueprint>),
    /// A thread's mailbox; its station.
    Mailbox,
    /// A supervisor.
    Group(Box<Group>),
}

/// How a process is made, the first time and again.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) name: String,
    pub(crate) spec: ProcessSpec,
    /// Its output files, its sealed arguments, and what those hold.
    pub(crate) descriptors: Vec<OwnedFd>,
}

/// Where a process is in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Life {
    /// There is no process, and none is being made.
    Down,
    /// It waits to be made.
    Queued,
    /// It is being made, or has not said that it has started.
    Starting,
    /// It has started.
    Running,
    /// The process is gone; what it had started is being stopped.
    Ending,
}

/// What the supervisor knows of one address.
#[derive(Debug)]
pub(crate) struct Record {
    pub(crate) id: ProcessId,
    pub(crate) incarnation: Incarnation,
    pub(crate) kind: Kind,
    pub(crate) life: Life,
    pub(crate) pid: Option<Pid>,
    /// The stations of its threads; the main one first.
    pub(crate) stations: Vec<usize>,
    /// Whoever started it; it ends with that.
    pub(crate) owner: Option<u32>,
    /// What it has started, in that order.
    pub(crate) children: Vec<u32>,
    /// The supervisor whose child it is, and under which key.
    pub(crate) group: Option<(u32, ChildKey)>,
    /// Who waits for its start.
    pub(crate) spawner: Option<Caller>,
    /// Who is told of its end.
    pub(crate) monitors: Vec<(usize, MonitorId)>,
    /// Processes that fail with it, and it with them.
    pub(crate) links: Vec<ProcessId>,
    /// Who waits for its end.
    pub(crate) joiners: Vec<Caller>,
    pub(crate) names: Vec<String>,
    /// Introductions that the process has not acknowledged.
    pub(crate) unacknowledged: usize,
    /// Who waits to be introduced.
    pub(crate) lobby: VecDeque<Caller>,
    /// The stations that this record may mention.
    pub(crate) mentions: FxHashSet<usize>,
    /// It has been asked to stop.
    pub(crate) is_stopping: bool,
    /// Its time was up and it was killed.
    pub(crate) is_killed: bool,
    /// It has been reaped; what it asked is of no interest any more.
    pub(crate) is_dead: bool,
    /// Nobody holds a handle on it.
    pub(crate) is_forgotten: bool,
    /// It is a mailbox whose thread serves an actor, which can be asked to stop.
    pub(crate) is_served: bool,
    /// Its last words.
    pub(crate) report: Option<Report>,
    /// The value that came with them.
    pub(crate) value_file: Option<OwnedFd>,
    /// The spawner's end of its connection, until it has started.
    pub(crate) connection: Option<OwnedFd>,
    pub(crate) tail: Option<Tail>,
    /// How it ended last.
    pub(crate) ended: Option<Ended>,
    /// Why it did not start.
    pub(crate) error: Option<SpawnError>,
}

impl Record {
    pub(crate) fn new(id: ProcessId, kind: Kind, owner: Option<u32>) -> Record {
        Record {
            id,
            incarnation: 0,
            kind,
            life: Life::Down,
            pid: None,
            stations: Vec::new(),
            owner,
            children: Vec::new(),
            group: None,
            spawner: None,
            monitors: Vec::new(),
            links: Vec::new(),
            joiners: Vec::new(),
            names: Vec::new(),
            unacknowledged: 0,
            lobby: VecDeque::new(),
            mentions: FxHashSet::default(),
            is_stopping: false,
            is_killed: false,
            is_dead: false,
            is_forgotten: false,
            is_served: false,
            report: None,
            value_file: None,
            connection: None,
            tail: None,
            ended: None,
            error: None,
        }
    }

    /// The station of its main thread.
    pub(crate) fn main_station(&self) -> Option<usize> {
        self.stations.first().copied()
    }

    pub(crate) fn blueprint(&self) -> Option<&Rc<Blueprint>> {
        if let Kind::Process(blueprint) = &self.kind { Some(blueprint) } else { None }
    }

    /// Whether it runs a function instead of serving a mailbox.
    pub(crate) fn is_straight(&self) -> bool {
        self.blueprint().is_some_and(|blueprint| blueprint.spec.straight)
    }

    /// Whether the system's end waits for it.
    pub(crate) fn keeps_system_up(&self) -> bool {
        self.life != Life::Down
            && self.blueprint().is_some_and(|blueprint| blueprint.spec.straight && !blueprint.spec.options.daemon)
    }

    pub(crate) fn name(&self) -> String {
        match &self.kind {
            Kind::Root => "root".into(),
            Kind::Process(blueprint) => blueprint.name.clone(),
            Kind::Mailbox => "mailbox".into(),
            Kind::Group(group) => group.name.clone(),
        }
    }

    pub(crate) fn exit(&self) -> Option<Exit> {
        self.ended.as_ref().map(|ended| ended.exit.clone())
    }

    /// Forgets a station that has closed.
    pub(crate) fn forget_station(&mut self, key: usize) {
        self.stations.retain(|station| *station != key);
        self.mentions.remove(&key);
        self.monitors.retain(|(station, _)| *station != key);
        self.joiners.retain(|caller| caller.station != key);
        self.lobby.retain(|caller| caller.station != key);
        self.spawner = self.spawner.filter(|caller| caller.station != key);
        if let Kind::Group(group) = &mut self.kind {
            group.forget_station(key);
        }
    }
}
