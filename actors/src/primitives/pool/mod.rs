//! Pools: [`Pool`], and [`Executor`] with [`Future`]s on top of it.
//!
//! A pool is an actor, its *foreman*, and the *workers* that the foreman has started: actors in processes of their own, which
//! end when it ends. Who uses the pool packs items into *batches*; the foreman gives each batch to a worker that has nothing to
//! do, or to the one that has the least; the worker calls the function with one item after the other, and the results come back
//! in one message. The foreman never looks into arguments and results.
//!
//! A thread that has used [`apply`](Pool::apply) a few times does without the foreman: it takes its *turn* with a worker that has
//! nothing to do, in shared memory, and asks it. What has a time-out or wants progress goes by the foreman, and so does what
//! comes while nobody is free.
//!
//! # Protocol
//!
//! | message | from, to | answer |
//! |---|---|---|
//! | `Batch` | user, foreman | when a batch of the same lane is finished, not always this one: the results of each item, or why it has none |
//! | `Collect` | user, foreman | more of an answer that was too large for a message |
//! | `Cancel` | user, foreman | none; what is queued is dropped, and what is in hand, too, if asked for |
//! | `Enrol` | user, foreman | the number of this life of the foreman, which every request carries |
//! | `IsRunning`, `Inquire` | user, foreman | how things are |
//! | `Close`, `Join` | user, foreman | done; when no worker is left |
//! | `Share` | user, foreman | what it needs to have turns with the first 63 workers |
//! | `Task` | user, worker | the result of one item |
//! | `Return` | user, foreman | none; its turn with a worker that is not lent any more is over |
//! | `Prepare`, `Work`, `Retire` | foreman, worker | none |
//! | `Prepared`, `Unprepared`, `Results` | worker, foreman | none |
//!
//! A user keeps a bounded number of batches under way, a few for each worker, so that an endless [`imap`](Pool::imap) takes
//! bounded memory. A batch is *queued*, then *assigned*, then finished. A worker that is busy gets a few small ones ahead; when
//! another worker has nothing to do, half of them are taken back for it. Each worker has a *record* in shared memory that outlives it:
//! which item of which assignment it has begun, and the results that it has not sent. In it the foreman also asks a worker to
//! halt before its next item: so it is never in doubt what a worker had in hand that it has killed.
//!
//! A worker that has nothing to do is *lent*, once somebody has asked for turns; the foreman takes it back before it gives it
//! anything, and before it decides what depends on whose turn it is. A turn that is not over then is one that the foreman knows of: it ends
//! with word of its user, or with its user. What a turn may have begun is in the worker's record; so when the worker dies,
//! its user brings the task to the foreman, which does what it does for every item.
//!
//! # Who dies
//!
//! | who | what happens |
//! |---|---|
//! | a worker with an item in hand | that item is [`WorkerDied`](TaskError::WorkerDied), or begun again if that was allowed, at most twice; what it had finished counts, what it had not begun goes to others; it is replaced |
//! | a worker with nothing in hand | it is replaced |
//! | a worker in its initializer | it is replaced; after several in a row no more are started, and if none is left every call gets [`Broken`](PoolError::Broken) with the text of the failure |
//! | a worker with a task of a turn | the same; but what it had finished counts only if its answer has left |
//! | a user | what it had brought is dropped, also what is in hand, and its turns are over; others are served |
//! | the foreman | the workers end, and everybody who waits gets [`HostDied`](PoolError::HostDied) at once |
//! | the foreman, and a supervisor restarts it | so do they; every handle gets [`HostRestarted`](PoolError::HostRestarted) until it is [renewed](Pool::renew) |
//!
//! A panic in a task does not end its worker: the item is [`Panicked`](TaskError::Panicked) with message, place and backtrace.
//!
//! # Files
//!
//! | file | noun |
//! |---|---|
//! | `machine/` | the decisions of a pool; pure |
//! | `foreman.rs`, `crew.rs` | the actor around it, its workers' processes |
//! | `lent.rs`, `lender.rs`, `direct.rs` | the words in which workers are lent; the foreman as it lends them; a turn, as its user has it |
//! | `answers.rs`, `messages.rs` | what it owes to users; its messages |
//! | `worker.rs`, `errand.rs` | the actor that does the work, and how it does |
//! | `handle.rs`, `tasks.rs` | [`Pool`], [`PoolBuilder`], [`Tasks`] |
//! | `feeder.rs`, `pace.rs`, `sequence.rs`, `values.rs` | items on their way out; how many together; values in a row, as bytes, and as they are read |
//! | `stream.rs`, `imap.rs` | answers as they come to a thread: [`Imap`], [`ImapUnordered`] |
//! | `driver.rs`, `job.rs`, `async_result.rs` | answers that nobody's thread waits for: [`AsyncResult`] |
//! | `executor.rs`, `future.rs` | [`Executor`], [`Future`], [`wait()`], [`as_completed()`] |
//! | `error.rs` | [`PoolError`], [`TaskError`] |

mod answers;
mod async_result;
mod crew;
mod direct;
mod driver;
mod errand;
mod error;
mod executor;
mod feeder;
mod foreman;
mod future;
mod handle;
mod imap;
mod job;
mod lender;
mod lent;
mod machine;
mod messages;
mod pace;
mod sequence;
mod stream;
mod tasks;
mod values;
mod worker;

use std::time::Duration;

pub use async_result::AsyncResult;
pub use errand::Outcome as InitializerOutcome;
pub use error::{PoolError, TaskError};
pub use executor::{ArchivedExecutor, Executor};
pub use future::{AsCompleted, Future, WaitFor, Waited, as_completed, wait};
pub use handle::{ArchivedPool, Pool, PoolBuilder};
pub use imap::{Imap, ImapUnordered};
pub use messages::PoolStatus;
pub use tasks::Tasks;

/// Longer than anybody waits.
const FOREVER: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);
