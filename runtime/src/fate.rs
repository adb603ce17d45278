//! Whether a process has ended: a monitor that is looked at, instead of one that tells.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::control::Request;
use crate::id::{Incarnation, MonitorId, ProcessId};
use crate::membership::{Control, Membership};

/// Monitors with this bit are fates; their ends are never told to anybody.
const FATE_BIT: u32 = 1 << 31;

/// One life of a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub(crate) struct Life {
    pub(crate) process: ProcessId,
    /// Which one; none for whichever it is in when it is asked for.
    pub(crate) incarnation: Option<Incarnation>,
}

/// Whether a process has ended, as far as one endpoint has heard. Dropped, it is of no interest any more.
#[derive(Debug)]
pub(crate) struct Fate {
    member: Arc<Membership>,
    control: Arc<Control>,
    monitor: MonitorId,
    has_ended: AtomicBool,
}

impl Fate {
    pub(crate) fn has_ended(&self) -> bool {
        self.has_ended.load(Ordering::Relaxed)
    }
}

impl Drop for Fate {
    fn drop(&mut self) {
        if !self.has_ended() && self.member.check().is_ok() {
            let _ = self.control.send(0, &Request::Demonitor(self.monitor), Vec::new());
        }
    }
}

/// The fates that an endpoint follows.
#[derive(Debug, Default)]
pub(crate) struct Fates {
    followed: FxHashMap<Life, Weak<Fate>>,
    last: u32,
}

impl Fates {
    /// Finds one that is followed already.
    pub(crate) fn find(&self, life: Life) -> Option<Arc<Fate>> {
        self.followed.get(&life)?.upgrade()
    }

    /// Adds one. The supervisor is to be asked for it.
    pub(crate) fn add(&mut self, life: Life, member: &Arc<Membership>, control: &Arc<Control>) -> Arc<Fate> {
        self.followed.retain(|_, fate| fate.strong_count() > 0);
        self.last = self.last.wrapping_add(1);
        let fate = Arc::new(Fate {
            member: member.clone(),
            control: control.clone(),
            monitor: MonitorId(self.last | FATE_BIT),
            has_ended: AtomicBool::new(false),
        });
        self.followed.insert(life, Arc::downgrade(&fate));
        fate
    }

    /// Notes that a monitored process has ended. Gives whether the monitor is a fate.
    pub(crate) fn settle(&self, monitor: MonitorId) -> bool {
        let mut followed = self.followed.values().filter_map(Weak::upgrade);
        if let Some(fate) = followed.find(|fate| fate.monitor == monitor) {
            fate.has_ended.store(true, Ordering::Relaxed);
        }
        monitor.0 & FATE_BIT != 0
    }
}

impl Fate {
    pub(crate) fn monitor(&self) -> MonitorId {
        self.monitor
    }
}
