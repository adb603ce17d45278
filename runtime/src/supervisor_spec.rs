//! What a supervisor is to be, and how it is asked about its children.

use std::os::fd::OwnedFd;

use crate::control::{Answer, ChildKind, ChildSpec, GroupOperation, GroupSpec};
use crate::endpoint::Endpoint;
use crate::error::{RuntimeError, SpawnError};
use crate::id::ProcessId;
use crate::spawn::Spawn;
use crate::supervision::{Intensity, Restart, Strategy};

/// A supervisor to be: it starts its children left to right, and restarts them by its rules.
#[derive(Debug)]
pub struct Supervisor {
    /// What it is called in logs.
    pub name: Option<String>,
    /// Whom a failure takes along.
    pub strategy: Strategy,
    /// How many restarts within how long are still in order.
    pub intensity: Intensity,
    /// In start order.
    pub children: Vec<Child>,
}

/// A child to be.
#[derive(Debug)]
pub struct Child {
    /// Its name among its siblings.
    pub name: String,
    /// When it is started again.
    pub restart: Restart,
    /// What it is.
    pub kind: Kind,
}

/// What a child is.
#[derive(Debug)]
pub enum Kind {
    /// A process.
    Process(Box<Spawn>),
    /// A supervisor with children of its own.
    Supervisor(Box<Supervisor>),
}

impl Child {
    /// A process as a child. The restart rule in its own options is not regarded.
    pub fn process(name: &str, restart: Restart, spawn: Spawn) -> Child {
        Child { name: name.to_owned(), restart, kind: Kind::Process(Box::new(spawn)) }
    }

    /// A supervisor as a child.
    pub fn supervisor(name: &str, restart: Restart, supervisor: Supervisor) -> Child {
        Child { name: name.to_owned(), restart, kind: Kind::Supervisor(Box::new(supervisor)) }
    }
}

impl Endpoint {
    /// Starts a supervisor and waits until all its children have started.
    ///
    /// # Errors
    /// [`SpawnError`] of the first child that did not start; nothing is left then.
    pub fn supervise(&self, supervisor: Supervisor) -> Result<ProcessId, SpawnError> {
        let mut descriptors = Vec::new();
        let spec = self.group_spec(supervisor, &mut descriptors)?;
        self.supervise_spec(Box::new(spec), descriptors)
    }

    /// Adds a child to a supervisor, at the right, and waits until it has started.
    ///
    /// # Errors
    /// [`SpawnError`]; the child is not there then.
    pub fn start_child(&self, group: ProcessId, child: Child) -> Result<ProcessId, SpawnError> {
        let mut descriptors = Vec::new();
        let spec = self.child_spec(child, &mut descriptors)?;
        spawned(self.operate(group, GroupOperation::StartChild(Box::new(spec)), descriptors)?)
    }

    /// Stops a child and waits until it is gone. Its place is kept unless it is temporary.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] if there is no such supervisor or child.
    pub fn terminate_child(&self, group: ProcessId, name: &str) -> Result<(), RuntimeError> {
        self.operated(group, GroupOperation::TerminateChild(name.to_owned()))
    }

    /// Starts a child again that is down.
    ///
    /// # Errors
    /// [`SpawnError`].
    pub fn restart_child(&self, group: ProcessId, name: &str) -> Result<ProcessId, SpawnError> {
        spawned(self.operate(group, GroupOperation::RestartChild(name.to_owned()), Vec::new())?)
    }

    /// Removes a child that is down.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn delete_child(&self, group: ProcessId, name: &str) -> Result<(), RuntimeError> {
        self.operated(group, GroupOperation::DeleteChild(name.to_owned()))
    }

    fn operated(&self, group: ProcessId, operation: GroupOperation) -> Result<(), RuntimeError> {
        match self.operate(group, operation, Vec::new()) {
            Ok(_) => Ok(()),
            Err(SpawnError::Runtime(error)) => Err(error),
            Err(error) => Err(RuntimeError::System(error.to_string())),
        }
    }

    fn group_spec(&self, supervisor: Supervisor, descriptors: &mut Vec<OwnedFd>) -> Result<GroupSpec, SpawnError> {
        let mut children = Vec::with_capacity(supervisor.children.len());
        for child in supervisor.children {
            children.push(self.child_spec(child, descriptors)?);
        }
        Ok(GroupSpec {
            name: supervisor.name,
            strategy: supervisor.strategy,
            intensity: supervisor.intensity,
            children,
        })
    }

    fn child_spec(&self, child: Child, descriptors: &mut Vec<OwnedFd>) -> Result<ChildSpec, SpawnError> {
        let what = match child.kind {
            Kind::Process(spawn) => {
                let (spec, own) = self.prepare(*spawn)?;
                descriptors.extend(own);
                ChildKind::Process(Box::new(spec))
            }
            Kind::Supervisor(supervisor) => ChildKind::Group(Box::new(self.group_spec(*supervisor, descriptors)?)),
        };
        Ok(ChildSpec { key: child.name, restart: child.restart, what })
    }
}

fn spawned(answer: Answer) -> Result<ProcessId, SpawnError> {
    match answer {
        Answer::Spawned { process, .. } => Ok(process),
        other => Err(RuntimeError::System(format!("an answer to another question: {other:?}")).into()),
    }
}
