//! Addresses of supervisors.

use std::fmt;

use procession_runtime::{ChildStatus, Counts, Endpoint, ProcessId, Restart};
use rkyv::{Archive, Deserialize, Serialize};

use crate::address::Address;
use crate::{ActorRef, Monitor, RuntimeError, SpawnError, Supervised};

/// The address of a running [`Supervisor`](crate::Supervisor).
///
/// It is plain data, as an [`ActorRef`] is: it can be cloned, used from any thread, and sent in messages and arguments.
/// Questions are answered at once, also while children are being restarted.
#[derive(Clone, PartialEq, Eq, Hash, Archive, Serialize, Deserialize)]
pub struct SupervisorRef {
    #[rkyv(with = Address)]
    id: ProcessId,
}

impl SupervisorRef {
    pub(crate) fn new(id: ProcessId) -> SupervisorRef {
        SupervisorRef { id }
    }

    /// Gives its children, left to right.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] if it has ended.
    pub fn children(&self) -> Result<Vec<ChildStatus>, RuntimeError> {
        self.endpoint()?.children(self.id)
    }

    /// Counts its children.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] if it has ended.
    pub fn counts(&self) -> Result<Counts, RuntimeError> {
        self.endpoint()?.counts(self.id)
    }

    /// Gives the child of this name, an actor. Its type is the caller's word.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] if there is no such child.
    pub fn child<A>(&self, name: &str) -> Result<ActorRef<A>, RuntimeError> {
        self.address(name).map(ActorRef::new)
    }

    /// Gives the child of this name, a supervisor.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] if there is no such child, [`RuntimeError::WrongKind`] if it is no supervisor.
    pub fn supervisor(&self, name: &str) -> Result<SupervisorRef, RuntimeError> {
        let child = self.status(name)?;
        if !child.supervisor {
            return Err(RuntimeError::WrongKind(format!("child `{name}` is no supervisor")));
        }
        child.process.map(SupervisorRef::new).ok_or(RuntimeError::NoActor)
    }

    /// Gives the address of the child of this name, whatever it is.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] if there is no such child.
    pub fn address(&self, name: &str) -> Result<ProcessId, RuntimeError> {
        self.status(name)?.process.ok_or(RuntimeError::NoActor)
    }

    /// Adds a child at the right, and waits until it has started.
    ///
    /// # Errors
    /// [`SpawnError`]; the child is not there then. [`RuntimeError::NameTaken`] if there is one of this name.
    pub fn start_child<S: Supervised>(&self, name: &str, restart: Restart, child: S) -> Result<S::Handle, SpawnError> {
        let child = child.unstarted(name.to_owned(), restart).into_runtime()?;
        Ok(S::handle(self.endpoint()?.start_child(self.id, child)?))
    }

    /// Stops a child and waits until it is gone. It keeps its place, down, unless it is temporary.
    ///
    /// # Errors
    /// [`RuntimeError::NoActor`] if there is no such child.
    pub fn terminate_child(&self, name: &str) -> Result<(), RuntimeError> {
        self.endpoint()?.terminate_child(self.id, name)
    }

    /// Starts a child again that is down, and waits until it has started.
    ///
    /// # Errors
    /// [`SpawnError`]; the child stays down then.
    pub fn restart_child(&self, name: &str) -> Result<(), SpawnError> {
        self.endpoint()?.restart_child(self.id, name)?;
        Ok(())
    }

    /// Removes a child that is down.
    ///
    /// # Errors
    /// [`RuntimeError`]: there is no such child, or it is not down.
    pub fn delete_child(&self, name: &str) -> Result<(), RuntimeError> {
        self.endpoint()?.delete_child(self.id, name)
    }

    /// Stops it: its children right to left, each with its stop deadline. This returns at once.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn stop(&self) -> Result<(), RuntimeError> {
        self.endpoint()?.stop(self.id)
    }

    /// Watches it. Its end comes after those of its children; [`Exit::Failed`](crate::Exit::Failed) if it has given up.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn monitor(&self) -> Result<Monitor, RuntimeError> {
        Monitor::new(self.id)
    }

    /// Whether it and all the children it was made with have started, and it has not ended.
    ///
    /// # Errors
    /// [`RuntimeError`].
    pub fn is_alive(&self) -> Result<bool, RuntimeError> {
        Ok(self.endpoint()?.status(self.id)?.is_some_and(|status| status.alive))
    }

    /// Gives the address without the type.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    fn status(&self, name: &str) -> Result<ChildStatus, RuntimeError> {
        self.children()?.into_iter().find(|child| child.name == name).ok_or(RuntimeError::NoActor)
    }

    fn endpoint(&self) -> Result<Endpoint, RuntimeError> {
        Endpoint::of(self.id.system)
    }
}

impl ArchivedSupervisorRef {
    /// Gives the address.
    pub fn to_native(&self) -> SupervisorRef {
        SupervisorRef::new(self.id.to_native())
    }
}

impl fmt::Debug for SupervisorRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "SupervisorRef({})", self.id)
    }
}

impl fmt::Debug for ArchivedSupervisorRef {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_native().fmt(formatter)
    }
}

impl From<&SupervisorRef> for ProcessId {
    fn from(supervisor: &SupervisorRef) -> ProcessId {
        supervisor.id
    }
}

impl From<SupervisorRef> for ProcessId {
    fn from(supervisor: SupervisorRef) -> ProcessId {
        supervisor.id
    }
}
