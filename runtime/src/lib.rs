//! OS processes, their supervisor, mailboxes and timers: the middle floor of `procession`.
//!
//! Messages are opaque bytes with a tag here; what they mean, the floor above knows. What carries them, the floor below.
//!
//! | file | noun |
//! |---|---|
//! | `system.rs` | [`System`]: what root holds |
//! | `hook.rs` | the fork in the road at the start of every process |
//! | `entry.rs` | [`Entry`]: what a process runs, found by its offset in the image |
//! | `child.rs` | [`Process`]: an actor's process from its first instruction to its last |
//! | `endpoint/` | [`Endpoint`]: a thread's door to the system |
//! | `tenant.rs` | [`Tenant`]: an actor on a thread of its own |
//! | `letter.rs`, `contents.rs` | [`Letter`], [`ReplyPath`]; [`Payload`], [`Arrived`] |
//! | `outbox/`, `flusher.rs` | the sending half of a connection, and the thread that sends what was left behind |
//! | `biased/` | the lock of that, which one thread takes nearly always |
//! | `channel/` | [`Channel`]: one end of a pipe between processes; `fate.rs`: whether a process has ended |
//! | `links.rs` | [`Links`]: what connections go by |
//! | `membership.rs` | a process's part in its systems |
//! | `control.rs` | what processes and their supervisor say to each other |
//! | `supervisor/` | the supervisor process |
//! | `supervision/` | the rules of supervision in OTP's words; pure |
//! | `zygote/`, `rehearsal.rs` | the process that clones actors, and what it does beforehand |
//! | `spawn.rs`, `supervisor_spec.rs` | what a process, or a supervisor, is to be |
//! | `record.rs` | [`RecordFile`], [`RecordWriter`]: what a process has done, for when it has died |
//! | `voice.rs` | whether the supervisor has said anything, to be seen without a call |
//! | `word/` | [`WordOwner`], [`WordShare`]: numbers that several processes change without a message |
//! | `exit.rs`, `panic.rs`, `error.rs`, `id.rs`, `timers.rs` | as they say |
//! | `sys.rs`, `word/sys.rs`, `zygote/sys.rs` | the system calls, and the only unsafe code |
//!
//! Deliberately absent: types of messages, and any thread that it starts itself but the flusher.

#![deny(unsafe_code)]

mod biased;
mod channel;
mod child;
mod contents;
mod control;
mod endpoint;
mod entry;
mod error;
mod exit;
mod fate;
mod flusher;
mod hook;
mod id;
mod letter;
mod links;
mod membership;
mod outbox;
mod panic;
mod record;
mod rehearsal;
mod spawn;
pub mod supervision;
mod supervisor;
mod supervisor_spec;
mod sys;
mod system;
mod tenant;
mod timers;
mod voice;
mod word;
mod zygote;

pub(crate) use procession_transport::memory;

pub use channel::{Channel, ChannelError, ChannelSendError, Delivered, Luggage, Source, Way, wait_any};
pub use child::Process;
pub use contents::{Absent, Arrived, Payload};
pub use control::{ChildStatus, Counts, DEFAULT_MAILBOX_LIMIT_BYTES, DEFAULT_STOP_DEADLINE, Launcher, Status, Stdio};
pub use endpoint::{Down, DownReason, Endpoint, Lookout, Outgoing, Patience, Reply, Service, Ticket};
pub use entry::{Call, Ending, Entry, EntryRef, Run};
pub use error::{RuntimeError, SendError, SpawnError, StartError, WaitError};
pub use exit::{Ended, Exit, Panic};
pub use hook::{before_copies, hook, test_hook};
pub use id::{EndpointId, Incarnation, MonitorId, ProcessId, THIS_HOST, TimerId};
pub use letter::{Letter, ReplyPath};
pub use links::{LINKS_VARIABLE, Links};
pub use panic::last_panic;
pub use procession_transport::{Body, DEFAULT_MESSAGE_LIMIT_BYTES, Descriptors, MAX_DESCRIPTORS, Refusal, WireError};
pub use record::{RECORD_UNIT_BYTES, RECORD_WORDS, RecordEntry, RecordFile, RecordWriter};
pub use spawn::{Spawn, SpawnOptions};
pub use supervision::{ChildState, Intensity, Restart, Strategy};
pub use supervisor_spec::{Child, Kind, Supervisor};
pub use system::{SPINNING_VARIABLE, System, SystemBuilder};
pub use tenant::Tenant;
pub use word::{CONTENT_BITS, WordClosed, WordOwner, WordShare};
