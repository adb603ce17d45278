//! The primitives: what processes share, each an actor with a mailbox protocol that nobody's death can hang.
//!
//! What is quick is done in shared memory, without a message, once a thread has used a primitive a few times: integers of values
//! and arrays, events, barriers, and locks and semaphores that nobody waits for; and the workers of pools are found there. With
//! the environment variable `PROCESSION_WORDS` set to `off`, a process does all by messages. Nothing but the time that it takes
//! tells the difference.
//!
//! | file | noun |
//! |---|---|
//! | `home.rs` | [`Home`]: where the host of a primitive is started |
//! | `epoch.rs` | which life of a host it is |
//! | `exit_data.rs` | exits as they travel |
//! | `locks/` | [`Lock`], [`RLock`], [`Semaphore`], [`BoundedSemaphore`], [`Condition`], [`Event`], [`Barrier`] |
//! | `pipe/` | [`Pipe`], [`Connection`], [`Receiver`], [`Sender`], [`wait_any`]: see [`pipe`] |
//! | `pool/` | [`Pool`], [`Executor`]: see [`pool`] |
//! | `queue/` | [`Queue`], [`JoinableQueue`] |
//! | `shared/` | [`Value`], [`Array`], [`List`], [`Dict`], [`Namespace`]: see [`shared`] |
//! | `manager.rs` | [`Manager`]: a process that hosts many |
//! | `blob.rs` | values as hosts keep them |
//! | `near.rs` | words that hosts have lent to this process |

pub(crate) mod blob;
mod epoch;
mod exit_data;
mod home;
mod locks;
mod manager;
mod near;
pub mod pipe;
pub mod pool;
mod queue;
pub mod shared;

pub use home::Home;
pub use locks::{
    ArchivedBarrier, ArchivedBoundedSemaphore, ArchivedCondition, ArchivedEvent, ArchivedLock, ArchivedRLock,
    ArchivedSemaphore, Barrier, BoundedSemaphore, Condition, Event, Lock, LockError, LockGuard, RLock, RLockGuard,
    Semaphore, SemaphoreGuard,
};
pub use manager::{ArchivedManager, Manager};
pub use pipe::{ArchivedEnd, Connection, Pipe, PipeError, PipeIter, Receiver, Sender, Waitable, wait_any};
pub use pool::{
    ArchivedExecutor, ArchivedPool, AsCompleted, AsyncResult, Executor, Future, Imap, ImapUnordered, Pool, PoolBuilder,
    PoolError, PoolStatus, TaskError, Tasks, WaitFor, Waited, as_completed, wait,
};
pub use queue::{
    ArchivedJoinableQueue, ArchivedQueue, DEFAULT_QUEUE_LIMIT_BYTES, DEFAULT_UNBOUNDED_QUEUE_LIMIT_BYTES, Iter,
    JoinableQueue, Producer, PutAllError, PutError, Queue, QueueError,
};

pub use shared::{
    ArchivedArray, ArchivedDict, ArchivedList, ArchivedNamespace, ArchivedValue, Array, Dict, List, Namespace, Number,
    SharedError, Value,
};

/// The main thread of an actor or process starts.
pub(crate) fn begin_process() {
    queue::note_main();
}

/// The process of an actor or function ends in order.
pub(crate) fn end_process() {
    queue::end_process();
}
