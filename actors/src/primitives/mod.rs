//! The primitives: what processes share, each an actor with a mailbox protocol that nobody's death can hang.
//!
//! | file | noun |
//! |---|---|
//! | `home.rs` | [`Home`]: where the host of a primitive is started |
//! | `exit_data.rs` | exits as they travel |
//! | `locks/` | [`Lock`], [`RLock`], [`Semaphore`], [`BoundedSemaphore`], [`Condition`], [`Event`], [`Barrier`] |
//! | `queue/` | [`Queue`], [`JoinableQueue`] |

mod exit_data;
mod home;
mod locks;
mod queue;

pub use home::Home;
pub use locks::{
    ArchivedBarrier, ArchivedBoundedSemaphore, ArchivedCondition, ArchivedEvent, ArchivedLock, ArchivedRLock,
    ArchivedSemaphore, Barrier, BoundedSemaphore, Condition, Event, Lock, LockError, LockGuard, RLock, RLockGuard,
    Semaphore, SemaphoreGuard,
};
pub use queue::{
    ArchivedJoinableQueue, ArchivedQueue, DEFAULT_QUEUE_LIMIT_BYTES, DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES, Iter,
    JoinableQueue, Producer, PutError, Queue, QueueError,
};

/// The main thread of an actor or process starts.
pub(crate) fn begin_process() {
    queue::note_main();
}

/// The process of an actor or function ends in order.
pub(crate) fn end_process() {
    queue::end_process();
}
