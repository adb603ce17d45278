//! An endpoint, as the supervisor sees it.

use procession_transport::{Inlet, Outlet, Watch};
use rustc_hash::{FxHashMap, FxHashSet};

use crate::id::{EndpointId, Incarnation, ProcessId};

/// The supervisor reads nothing from an endpoint that it owes this much, in bytes.
pub(crate) const OWED_LIMIT_BYTES: usize = 256 << 10;

/// The supervisor's end of one control socket.
#[derive(Debug)]
pub(crate) struct Station {
    pub(crate) endpoint: EndpointId,
    pub(crate) inlet: Inlet,
    pub(crate) outlet: Outlet,
    pub(crate) watch: Watch,
    /// Whom it has been introduced to, in which life.
    pub(crate) visits: FxHashMap<ProcessId, Incarnation>,
    /// The stations that have been introduced to it.
    pub(crate) visitors: FxHashSet<usize>,
    /// Addresses whose records may mention it.
    pub(crate) mentions: FxHashSet<ProcessId>,
    /// Whether it is to be flushed at the end of the turn.
    pub(crate) is_dirty: bool,
    /// Its socket has come to its end.
    pub(crate) is_ended: bool,
}

impl Station {
    pub(crate) fn new(endpoint: EndpointId, inlet: Inlet, outlet: Outlet, watch: Watch) -> Station {
        Station {
            endpoint,
            inlet,
            outlet,
            watch,
            visits: FxHashMap::default(),
            visitors: FxHashSet::default(),
            mentions: FxHashSet::default(),
            is_dirty: false,
            is_ended: false,
        }
    }

    /// Whether its requests are read now.
    pub(crate) fn is_heard(&self) -> bool {
        self.outlet.buffered_bytes() < OWED_LIMIT_BYTES
    }
}
