//! What a process is to be.

use std::collections::VecDeque;
use std::fs::OpenOptions;
use std::os::fd::OwnedFd;
use std::time::Duration;

use crate::control::{Call, Output, Parcel, ProcessOptions, ProcessSpec, Stdio};
use crate::endpoint::Endpoint;
use crate::entry::Entry;
use crate::error::{RuntimeError, SpawnError};
use crate::id::ProcessId;
use crate::supervision::{Intensity, Restart, Strategy};
use crate::supervisor_spec::{Child, Supervisor};

/// Most processes that [`Endpoint::spawn_all`] has started and not yet waited for.
const SPAWNS_AT_A_TIME: usize = 32;

/// One of several spawns.
enum Begun<E> {
    UnderWay(Call),
    Over(Result<ProcessId, E>),
}

/// A process to be.
#[derive(Debug)]
pub struct Spawn {
    /// What it runs.
    pub entry: &'static Entry,
    /// Handed to it as they are.
    pub arguments: Vec<u8>,
    /// The descriptors that the arguments hold.
    pub descriptors: Vec<OwnedFd>,
    /// It runs a function and ends, instead of serving a mailbox. A polite stop is SIGTERM for it.
    pub straight: bool,
    /// How it is to be run.
    pub options: SpawnOptions,
}

/// How a process is to be run.
#[derive(Debug, Clone)]
pub struct SpawnOptions {
    /// What it is called, as `ps` shows it and logs name it. Several may be called the same; to be found by name, it is
    /// registered ([`Endpoint::register`]).
    pub name: Option<String>,
    /// It does not keep the system alive: at the system's end it is stopped, not joined.
    pub daemon: bool,
    /// Where its standard output goes.
    pub stdout: Stdio,
    /// Where its standard error goes.
    pub stderr: Stdio,
    /// How long it may take to stop politely.
    pub stop_deadline: Duration,
    /// Whether it is started again when it ends, at most once in five seconds. `None`: it is not.
    pub restart: Option<Restart>,
    /// How much it may hold of requests that it has not seen to, in bytes.
    pub mailbox_limit_bytes: usize,
    /// Variables set in its environment.
    pub environment: Vec<(String, String)>,
}

impl Default for SpawnOptions {
    fn default() -> SpawnOptions {
        let options = ProcessOptions::default();
        SpawnOptions {
            name: None,
            daemon: options.daemon,
            stdout: Stdio::Inherit,
            stderr: Stdio::Inherit,
            stop_deadline: options.stop_deadline,
            restart: None,
            mailbox_limit_bytes: usize::try_from(options.mailbox_limit_bytes).unwrap_or(usize::MAX),
            environment: options.environment,
        }
    }
}

impl Endpoint {
    /// Starts a process and waits until it has started.
    ///
    /// # Errors
    /// [`SpawnError`]; nothing of the process is left then.
    pub fn spawn(&self, mut spawn: Spawn) -> Result<ProcessId, SpawnError> {
        let Some(restart) = spawn.options.restart.take() else {
            let (mut spec, descriptors) = self.prepare(spawn)?;
            spec.connect = !spec.straight;
            return self.spawn_spec(Box::new(spec), descriptors);
        };
        // A process with a restart rule of its own is the only child of a supervisor of its own.
        let key = spawn.options.name.clone().unwrap_or_else(|| "child".into());
        let supervisor = Supervisor {
            name: None,
            strategy: Strategy::OneForOne,
            intensity: Intensity::default(),
            children: vec![Child::process(&key, restart, spawn)],
        };
        let group = self.supervise(supervisor)?;
        let child = self.children(group)?.into_iter().next();
        child.and_then(|child| child.process).ok_or(SpawnError::Runtime(RuntimeError::NoActor))
    }

    /// Starts processes, many at a time, and waits until each has started or failed. Gives the outcomes in order; a spawn that
    /// is an error already is its own outcome.
    pub fn spawn_all<E: From<SpawnError>>(
        &self,
        spawns: impl IntoIterator<Item = Result<Spawn, E>>,
    ) -> Vec<Result<ProcessId, E>> {
        let (mut outcomes, mut under_way) = (Vec::new(), VecDeque::new());
        for spawn in spawns {
            if under_way.len() == SPAWNS_AT_A_TIME {
                outcomes.extend(under_way.pop_front().map(|begun| self.finish(begun)));
            }
            under_way.push_back(self.begin(spawn));
        }
        outcomes.extend(under_way.into_iter().map(|begun| self.finish(begun)));
        outcomes
    }

    fn begin<E: From<SpawnError>>(&self, spawn: Result<Spawn, E>) -> Begun<E> {
        let begun = spawn.and_then(|spawn| {
            if spawn.options.restart.is_some() {
                return self.spawn(spawn).map(|process| Begun::Over(Ok(process))).map_err(E::from);
            }
            let (mut spec, descriptors) = self.prepare(spawn)?;
            spec.connect = !spec.straight;
            Ok(Begun::UnderWay(self.begin_spawn(Box::new(spec), descriptors)?))
        });
        begun.unwrap_or_else(|error| Begun::Over(Err(error)))
    }

    fn finish<E: From<SpawnError>>(&self, begun: Begun<E>) -> Result<ProcessId, E> {
        match begun {
            Begun::UnderWay(call) => self.await_spawn(call).map_err(E::from),
            Begun::Over(outcome) => outcome,
        }
    }

    /// Opens its files, packs its arguments, finds its entry.
    pub(crate) fn prepare(&self, spawn: Spawn) -> Result<(ProcessSpec, Vec<OwnedFd>), SpawnError> {
        let entry = spawn.entry.locate().ok_or(SpawnError::ForeignImage)?;
        let mut descriptors = Vec::new();
        let stdout = output(&spawn.options.stdout, &mut descriptors)?;
        let stderr = output(&spawn.options.stderr, &mut descriptors)?;
        let (arguments, sealed) = Parcel::pack(spawn.arguments)?.into_value();
        descriptors.extend(sealed);
        descriptors.extend(spawn.descriptors);
        let options = ProcessOptions {
            daemon: spawn.options.daemon,
            stop_deadline: spawn.options.stop_deadline,
            mailbox_limit_bytes: spawn.options.mailbox_limit_bytes as u64,
            message_limit_bytes: self.message_limit_bytes() as u64,
            links: self.links(),
            spins: self.spins(),
            environment: spawn.options.environment,
        };
        let spec = ProcessSpec {
            name: spawn.options.name,
            entry,
            arguments,
            straight: spawn.straight,
            connect: false,
            options,
            stdout,
            stderr,
            descriptors: descriptors.len(),
        };
        Ok((spec, descriptors))
    }
}

fn output(stdio: &Stdio, descriptors: &mut Vec<OwnedFd>) -> Result<Output, RuntimeError> {
    let file = match stdio {
        Stdio::Inherit => return Ok(Output::Inherit),
        Stdio::Tail => return Ok(Output::Tail),
        Stdio::Null => OpenOptions::new().write(true).open("/dev/null")?,
        Stdio::File(path) => OpenOptions::new().append(true).create(true).open(path)?,
    };
    descriptors.push(file.into());
    Ok(Output::Descriptor)
}
