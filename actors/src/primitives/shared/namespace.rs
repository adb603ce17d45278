//! Named values of any types.

use std::any::{TypeId, type_name};
use std::collections::BTreeMap;
use std::fmt;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::marker::PhantomData;

use rkyv::{Archive, Deserialize, Serialize};

use super::edit::Edit;
use super::fault::Fault;
use super::host::Object;
use super::remote::Remote;
use super::{SharedError, open};
use crate::function::refuse_captures;
use crate::primitives::blob::Blob;
use crate::{Data, Home, ProcessId, data};

/// Named values that processes share, each of its own type.
///
/// The handle is plain data: clone it, use it from any thread, send it in messages and arguments. The values are in a process
/// of their own, or in that of a [`Manager`](crate::Manager); see [`primitives::shared`](crate::primitives::shared) for the
/// protocol, and for what happens when somebody dies.
///
/// # Example
/// ```no_run
/// use procession::{Namespace, SharedError};
/// use procession::prelude::*;
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let namespace = Namespace::new(&system)?;
///     namespace.set("limit", 10_u32)?;
///     namespace.set("title", "a title".to_owned())?;
///     assert_eq!(namespace.get::<u32>("limit")?, 10);
///     assert!(matches!(namespace.get::<u32>("title"), Err(SharedError::WrongType { .. })));
///     system.shutdown()
/// }
/// ```
#[derive(Archive, Serialize, Deserialize)]
pub struct Namespace {
    remote: Remote<Names>,
    kind: PhantomData<fn()>,
}

impl Namespace {
    /// Shares a namespace without names.
    ///
    /// # Errors
    /// [`SharedError::Spawn`]; nothing is left of it then.
    pub fn new(home: &impl Home) -> Result<Namespace, SharedError> {
        Ok(Namespace::over(Remote::start(home, (), "namespace")?))
    }

    fn over(remote: Remote<Names>) -> Namespace {
        Namespace { remote, kind: PhantomData }
    }

    /// Has a name stand for a value, whatever it stood for before.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn set<T: Data>(&self, name: &str, value: T) -> Result<(), SharedError> {
        let named = Named { kind: Kind::of::<T>(), value: Blob::pack(&value)? };
        self.remote.act(NamesOperation::Set(name.to_owned(), named)).map(drop)
    }

    /// Gives the value that a name stands for.
    ///
    /// # Errors
    /// [`SharedError::NotFound`], [`SharedError::WrongType`] and others.
    pub fn get<T: Data>(&self, name: &str) -> Result<T, SharedError> {
        self.item(NamesOperation::Get(name.to_owned(), Kind::of::<T>()))
    }

    /// Has the host call a function with the value of a name and an argument; see [`Value::update`](crate::Value::update).
    ///
    /// # Errors
    /// As [`get`](Namespace::get), and [`SharedError::Panicked`]; the value is as before.
    pub fn update<F, T, A, R>(&self, name: &str, function: F, argument: A) -> Result<R, SharedError>
    where
        F: Fn(&mut T, A) -> R + Copy + 'static,
        T: Data,
        A: Data,
        R: Data,
    {
        const { refuse_captures::<F>() };
        let edit = Edit::of_value(function, &argument)?;
        self.item(NamesOperation::Edit(name.to_owned(), Kind::of::<T>(), edit))
    }

    /// Removes a name.
    ///
    /// # Errors
    /// [`SharedError::NotFound`] and others.
    pub fn remove(&self, name: &str) -> Result<(), SharedError> {
        self.remote.act(NamesOperation::Remove(name.to_owned())).map(drop)
    }

    /// Gives all names, in their order as texts.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn names(&self) -> Result<Vec<String>, SharedError> {
        match self.remote.act(NamesOperation::List)? {
            NamesAnswer::Names(names) => Ok(names),
            other => Err(SharedError::senseless(&other)),
        }
    }

    /// Gives a handle on the namespace of a restarted host, which has no names again.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn renew(&self) -> Result<Namespace, SharedError> {
        self.remote.renew().map(Namespace::over)
    }

    fn item<T: Data>(&self, operation: NamesOperation) -> Result<T, SharedError> {
        match self.remote.act(operation)? {
            NamesAnswer::Item(item) => open(&item),
            other => Err(SharedError::senseless(&other)),
        }
    }
}

super::handle_traits!(Namespace, ArchivedNamespace);

/// The type of a value: what tells it from others in this program, and its name for errors.
#[data]
#[derive(Debug, Clone)]
pub(crate) struct Kind {
    hash: u64,
    name: String,
}

impl Kind {
    fn of<T: 'static>() -> Kind {
        let mut hasher = DefaultHasher::new();
        TypeId::of::<T>().hash(&mut hasher);
        Kind { hash: hasher.finish(), name: type_name::<T>().to_owned() }
    }
}

/// A value and its type.
#[data]
#[derive(Debug, Clone)]
pub(crate) struct Named {
    kind: Kind,
    value: Blob,
}

/// Named values, at their host. Pure.
#[derive(Debug, Default)]
pub(crate) struct Names(BTreeMap<String, Named>);

/// What can be done with names.
#[data]
#[derive(Debug, Clone)]
pub(crate) enum NamesOperation {
    Set(String, Named),
    Get(String, Kind),
    Edit(String, Kind, Edit),
    Remove(String),
    List,
}

/// What comes of it.
#[data]
#[derive(Debug, Clone)]
pub(crate) enum NamesAnswer {
    Done,
    Item(Blob),
    Names(Vec<String>),
}

impl Object for Names {
    type Initial = ();
    type Operation = NamesOperation;
    type Answer = NamesAnswer;

    fn new((): ()) -> Names {
        Names::default()
    }

    fn act(&mut self, operation: NamesOperation) -> Result<NamesAnswer, Fault> {
        match operation {
            NamesOperation::Set(name, named) => {
                self.0.insert(name, named);
                Ok(NamesAnswer::Done)
            }
            NamesOperation::Get(name, kind) => Ok(NamesAnswer::Item(self.find(&name, kind)?.clone())),
            NamesOperation::Edit(name, kind, edit) => edit.apply(self.find(&name, kind)?).map(NamesAnswer::Item),
            NamesOperation::Remove(name) => self.0.remove(&name).map(|_| NamesAnswer::Done).ok_or(Fault::NotFound),
            NamesOperation::List => Ok(NamesAnswer::Names(self.0.keys().cloned().collect())),
        }
    }
}

impl Names {
    /// Finds the value of a name, if it is of this type.
    fn find(&mut self, name: &str, wanted: Kind) -> Result<&mut Blob, Fault> {
        let Named { kind, value } = self.0.get_mut(name).ok_or(Fault::NotFound)?;
        if kind.hash == wanted.hash {
            Ok(value)
        } else {
            Err(Fault::WrongType { wanted: wanted.name, held: kind.name.clone() })
        }
    }
}
