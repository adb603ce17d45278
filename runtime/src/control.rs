//! What processes and their supervisor say to each other.
//!
//! Every endpoint (a thread that talks) has a control socket of its own to the supervisor. [`Request`]s go up,
//! [`Notice`]s come down; both are frames whose payload is the `postcard` encoding of the enum. The descriptors that
//! belong to them are named in each variant's text.

use std::os::fd::OwnedFd;
use std::path::PathBuf;
use std::time::Duration;

use bytes::Bytes;
use procession_transport::{Body, DEFAULT_MESSAGE_LIMIT_BYTES, Descriptors, Frame, Header, Outlet, Refusal};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::entry::EntryRef;
use crate::error::{RuntimeError, SpawnError};
use crate::exit::{Ended, Exit, Panic};
use crate::id::{EndpointId, Incarnation, MonitorId, ProcessId};
use crate::links::Links;
use crate::supervision::{ChildState, Intensity, Restart, Strategy};

/// Largest control message, in bytes. Larger values travel in a sealed memory file.
pub(crate) const CONTROL_LIMIT_BYTES: usize = 1 << 20;

/// Largest notice, in bytes: what fits in a request still fits in what the supervisor makes of it.
pub(crate) const NOTICE_LIMIT_BYTES: usize = 2 * CONTROL_LIMIT_BYTES;

/// Largest argument or returned value that travels inside a control message, in bytes.
pub(crate) const INLINE_LIMIT_BYTES: usize = 4 << 10;

/// Time to stop politely, unless an option says otherwise.
pub const DEFAULT_STOP_DEADLINE: Duration = Duration::from_secs(5);

/// Default limit for the requests that an endpoint keeps in its own memory: 128 MiB.
pub const DEFAULT_MAILBOX_LIMIT_BYTES: usize = 128 << 20;

/// Pairs the supervisor's answer with the question.
pub(crate) type Call = u32;

/// From a process to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Request {
    /// The first word of root.
    Begin(SystemOptions),
    /// A thread has made itself an endpoint. Descriptor: the supervisor's end of its control socket.
    Attach { number: u32 },
    /// The process is there; said only where the zygote cannot say so.
    Alive { process: i32 },
    /// The process is what it should be and has started.
    Started { process: i32 },
    /// Last words before the process ends. Descriptor: the value, if `value` says so.
    Ending(Report),
    /// A question with an answer.
    Ask { call: Call, question: Question },
    /// The [`Notice::Visitor`] has arrived; or it was lost for want of descriptors, and the visitor is to be told.
    VisitorTaken { refused: Option<EndpointId> },
    /// The endpoint's mailbox is closed: what it is said to have ended with.
    CloseMailbox(Exit),
    /// A monitor is of no interest any more.
    Demonitor(MonitorId),
    /// What was retained of an ended process is of no interest any more.
    Forget(ProcessId),
}

/// Last words of a process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Report {
    pub(crate) exit: Exit,
    /// Returned to whoever joins.
    pub(crate) value: Option<Value>,
    pub(crate) tag_in_hand: Option<u32>,
}

/// Bytes that are in the message itself, or in a memory file that is its next descriptor.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Value {
    Inline(Vec<u8>),
    Sealed,
}

/// A question to the supervisor.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Question {
    /// Connects this endpoint with a process. Answer: [`Answer::Connection`].
    Introduce(ProcessId),
    /// Starts a process. Descriptors: the two files of its output where asked for, its sealed arguments, then those
    /// that its arguments hold. Answer: [`Answer::Spawned`], once it has started.
    Spawn(Box<ProcessSpec>),
    /// Tells this endpoint once when the process ends; if an incarnation is given, at once unless the process is in that
    /// life.
    Monitor {
        monitor: MonitorId,
        target: ProcessId,
        incarnation: Option<Incarnation>,
    },
    /// Ties or unties this process and another.
    Link(ProcessId),
    Unlink(ProcessId),
    /// Stops a process: politely, then, after its deadline, with SIGKILL.
    Stop(ProcessId),
    Signal {
        target: ProcessId,
        signal: i32,
    },
    /// Answer: [`Answer::Ended`], once the process has ended and its children are gone.
    Join(ProcessId),
    Status(ProcessId),
    Register {
        name: String,
        target: ProcessId,
    },
    Unregister(String),
    /// Finds a process by name; if an entry is given, only one that runs it.
    WhereIs {
        name: String,
        entry: Option<EntryRef>,
    },
    /// Makes this endpoint addressable; `serves`: it serves an actor, which can be asked to stop.
    OpenMailbox {
        serves: bool,
    },
    /// Starts a supervisor with its children.
    Supervise(Box<GroupSpec>),
    /// Asks or tells a supervisor something.
    Group {
        group: ProcessId,
        operation: GroupOperation,
    },
    /// Ends the system.
    Shutdown,
}

/// Something about a supervisor's children.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum GroupOperation {
    Children,
    Counts,
    StartChild(Box<ChildSpec>),
    TerminateChild(String),
    RestartChild(String),
    DeleteChild(String),
}

/// The supervisor's answer to a [`Question`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Answer {
    Done,
    /// Descriptor: one end of a socket pair whose other end the process has.
    Connection {
        process: ProcessId,
        incarnation: Incarnation,
    },
    /// The process has ended before; its exit, if it is still known.
    Gone(Option<Exit>),
    /// Descriptor: a connection to it, where the spawner asked for one.
    Spawned {
        process: ProcessId,
        incarnation: Incarnation,
        connected: bool,
    },
    NotSpawned(SpawnError),
    /// Descriptor: the value, if it says so.
    Ended {
        ended: Ended,
        value: Option<Value>,
    },
    Status(Option<Status>),
    Found(Option<ProcessId>),
    Children(Vec<ChildStatus>),
    Counts(Counts),
    Refused(RuntimeError),
}

/// From the supervisor to a process.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Notice {
    /// The first word to a new process. Descriptors: a connection from its spawner if there is a visitor, its two
    /// output files where redirected, its sealed arguments, then those that its arguments hold.
    Launch(Box<Launch>),
    /// The answer to [`Request::Begin`].
    Ready,
    Answer(Answer),
    /// Somebody has been connected to this endpoint. Descriptor: the connection.
    Visitor(EndpointId),
    /// A process that this endpoint was introduced to, or monitors, has ended.
    Gone {
        process: ProcessId,
        incarnation: Incarnation,
        exit: Exit,
        monitors: Vec<MonitorId>,
    },
    /// A process that this endpoint was introduced to had no descriptor left for the connection.
    TurnedAway(ProcessId),
    /// An endpoint that was introduced to this one has closed; its process lives on.
    Closed(EndpointId),
    /// A monitored address has no process.
    NobodyThere {
        monitor: MonitorId,
        process: ProcessId,
    },
    /// Stop politely.
    Stop(StopReason),
}

/// Why a process is asked to stop.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum StopReason {
    Asked,
    /// A linked process has ended.
    Linked {
        process: ProcessId,
        exit: Exit,
    },
}

/// Where a process's output goes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Stdio {
    /// Where root's goes.
    #[default]
    Inherit,
    /// Nowhere.
    Null,
    /// To this file, made if need be and appended to.
    File(PathBuf),
    /// The last lines are kept and told with the exit.
    Tail,
}

/// A process to be.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProcessSpec {
    pub(crate) name: Option<String>,
    pub(crate) entry: EntryRef,
    pub(crate) arguments: Value,
    /// It has no mailbox: it runs a function and ends.
    pub(crate) straight: bool,
    /// Connect it with its spawner at once.
    pub(crate) connect: bool,
    pub(crate) options: ProcessOptions,
    pub(crate) stdout: Output,
    pub(crate) stderr: Output,
    /// How many of the request's descriptors are this process's.
    pub(crate) descriptors: usize,
}

/// What an actor's process is told of its own options.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct ProcessOptions {
    pub(crate) daemon: bool,
    pub(crate) stop_deadline: Duration,
    pub(crate) mailbox_limit_bytes: u64,
    pub(crate) message_limit_bytes: u64,
    pub(crate) links: Links,
    /// Whether who waits looks for a while before it sleeps.
    pub(crate) spins: bool,
    pub(crate) environment: Vec<(String, String)>,
}

impl Default for ProcessOptions {
    fn default() -> ProcessOptions {
        ProcessOptions {
            daemon: false,
            stop_deadline: DEFAULT_STOP_DEADLINE,
            mailbox_limit_bytes: DEFAULT_MAILBOX_LIMIT_BYTES as u64,
            message_limit_bytes: DEFAULT_MESSAGE_LIMIT_BYTES as u64,
            links: Links::default(),
            spins: true,
            environment: Vec::new(),
        }
    }
}

/// What holds for a whole system.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct SystemOptions {
    /// Run in every process before its own code.
    pub(crate) setup: Vec<EntryRef>,
    pub(crate) launcher: Launcher,
}

/// How processes are made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Launcher {
    /// By cloning a small process that was forked before it had anything; by [`Launcher::Image`] where a library has
    /// started a thread before `main`.
    #[default]
    Clone,
    /// By starting the program's image again for each: slower, and without anything that the image's constructors made
    /// only once.
    Image,
}

/// Where output goes, as it travels: files are opened by the spawner.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Output {
    Inherit,
    Descriptor,
    Tail,
}

/// What a new process is told.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Launch {
    pub(crate) process: ProcessId,
    pub(crate) incarnation: Incarnation,
    pub(crate) name: String,
    /// What `ps` shows. It is put together before, so that the code for that need not be mapped in every process.
    pub(crate) title: String,
    pub(crate) entry: EntryRef,
    pub(crate) arguments: Value,
    pub(crate) straight: bool,
    pub(crate) visitor: Option<EndpointId>,
    pub(crate) stdout: bool,
    pub(crate) stderr: bool,
    pub(crate) options: ProcessOptions,
    pub(crate) setup: Vec<EntryRef>,
}

/// A supervisor to be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct GroupSpec {
    pub(crate) name: Option<String>,
    pub(crate) strategy: Strategy,
    pub(crate) intensity: Intensity,
    pub(crate) children: Vec<ChildSpec>,
}

/// A child of a supervisor to be.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct ChildSpec {
    /// Its name among its siblings.
    pub(crate) key: String,
    pub(crate) restart: Restart,
    pub(crate) what: ChildKind,
}

/// What a supervisor's child is.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ChildKind {
    Process(Box<ProcessSpec>),
    Group(Box<GroupSpec>),
}

/// What is known of a process that is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Its process id; none while it is being (re)started, and for mailboxes and supervisors.
    pub pid: Option<i32>,
    /// Whether it runs.
    pub alive: bool,
    /// Its name.
    pub name: String,
    /// How often it has been restarted.
    pub incarnation: Incarnation,
}

/// One child of a supervisor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChildStatus {
    /// Its name among its siblings.
    pub name: String,
    /// Its address; it keeps it over restarts.
    pub process: Option<ProcessId>,
    /// What it is doing.
    pub state: ChildState,
    /// Its restart rule.
    pub restart: Restart,
    /// Whether it is a supervisor itself.
    pub supervisor: bool,
}

/// How many children a supervisor has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Counts {
    /// All, running or not.
    pub specs: usize,
    /// Those that are up.
    pub active: usize,
    /// Those that are supervisors.
    pub supervisors: usize,
    /// Those that are processes.
    pub workers: usize,
}

/// The payload limit and frame kind of control messages are the same in both directions.
const KIND: u8 = 1;

/// Appends a control message to a send buffer. The descriptors go with it.
pub(crate) fn push<T: Serialize>(
    outlet: &mut Outlet,
    correlation: u64,
    message: &T,
    descriptors: Vec<OwnedFd>,
) -> Result<(), Refusal> {
    let header = Header { kind: KIND, correlation, ..Header::default() };
    outlet.push(header, |body| write(body, message, descriptors)).map(drop)
}

fn write<T: Serialize>(body: &mut Body<'_>, message: &T, descriptors: Vec<OwnedFd>) -> Result<(), Refusal> {
    for descriptor in descriptors {
        body.attach(descriptor)?;
    }
    let bytes = postcard::to_stdvec(message).map_err(|_| Refusal::NoMemory)?;
    body.write(&bytes)
}

/// Reads a control message. A frame that is none is an error: the peer is not what it should be.
pub(crate) fn read<T: DeserializeOwned>(frame: Frame) -> Result<(u64, T, Descriptors), RuntimeError> {
    let message = postcard::from_bytes(&frame.payload)
        .map_err(|error| RuntimeError::System(format!("control message cannot be read: {error}")))?;
    Ok((frame.header.correlation, message, frame.descriptors))
}

impl Panic {
    /// An empty report, for a panic of which nothing is known.
    pub(crate) fn unknown() -> Panic {
        Panic { message: "unknown".into(), location: String::new(), backtrace: String::new() }
    }
}

/// Where bytes lie if there are none: aligned as all are, and without memory of their own.
static NO_BYTES: NoBytes = NoBytes([]);

#[repr(align(16))]
struct NoBytes([u8; 0]);

/// Arguments or a returned value, wherever they are.
#[derive(Debug)]
pub(crate) enum Parcel {
    Inline(Vec<u8>),
    Sealed(OwnedFd),
}

impl Parcel {
    /// Packs bytes: small ones as they are, others in a sealed memory file.
    pub(crate) fn pack(bytes: Vec<u8>) -> Result<Parcel, RuntimeError> {
        if bytes.len() <= INLINE_LIMIT_BYTES {
            return Ok(Parcel::Inline(bytes));
        }
        Ok(Parcel::Sealed(crate::sys::sealed_file(&bytes)?))
    }

    /// Names the parcel in a message, and gives the descriptor to send along.
    pub(crate) fn into_value(self) -> (Value, Option<OwnedFd>) {
        match self {
            Parcel::Inline(bytes) => (Value::Inline(bytes), None),
            Parcel::Sealed(file) => (Value::Sealed, Some(file)),
        }
    }

    /// Finds the parcel that a message names among its descriptors.
    pub(crate) fn from_value(
        value: Value,
        descriptors: &mut impl Iterator<Item = OwnedFd>,
    ) -> Result<Parcel, RuntimeError> {
        match value {
            Value::Inline(bytes) => Ok(Parcel::Inline(bytes)),
            Value::Sealed => descriptors.next().map(Parcel::Sealed).ok_or(RuntimeError::NoDescriptors),
        }
    }

    /// Gives a second handle on the same bytes.
    pub(crate) fn try_clone(&self) -> Result<Parcel, RuntimeError> {
        match self {
            Parcel::Inline(bytes) => Ok(Parcel::Inline(bytes.clone())),
            Parcel::Sealed(file) => Ok(Parcel::Sealed(file.try_clone()?)),
        }
    }

    /// Reads the bytes into aligned memory.
    pub(crate) fn open(self) -> Result<Bytes, RuntimeError> {
        match self {
            Parcel::Inline(bytes) if bytes.is_empty() => Ok(Bytes::from_static(&NO_BYTES.0)),
            Parcel::Inline(bytes) => {
                let mut buffer = procession_transport::aligned_buffer(bytes.len());
                buffer.extend_from_slice(&bytes);
                Ok(buffer.freeze())
            }
            Parcel::Sealed(file) => crate::sys::read_sealed(file),
        }
    }
}
