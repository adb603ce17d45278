//! The handle on a shared dictionary.

use std::fmt;
use std::hash::Hash;
use std::marker::PhantomData;

use rkyv::{Archive, Deserialize, Serialize};

use super::edit::Edit;
use super::remote::Remote;
use super::table::{Table, TableAnswer, TableOperation};
use super::{Number, SharedError, open};
use crate::function::refuse_captures;
use crate::primitives::blob::Blob;
use crate::{Data, Home, ProcessId};

/// A dictionary that processes share: values by key, in the order in which the keys came.
///
/// The handle is plain data: clone it, use it from any thread, send it in messages and arguments. The entries are in a process
/// of their own, or in that of a [`Manager`](crate::Manager); see [`primitives::shared`](crate::primitives::shared) for the
/// protocol, and for what happens when somebody dies. The host compares keys by their own `Eq` and `Hash`.
///
/// Each method is one question to the host, and is done whole or not at all; between two of them others may have come. A
/// value may be a handle on something that is hosted on its own, such as a [`List`](crate::List).
///
/// # Example
/// ```no_run
/// use procession::Dict;
/// use procession::prelude::*;
///
/// #[procession::main]
/// fn main() -> procession::Result<()> {
///     let system = System::start()?;
///     let counts = Dict::new(&system)?;
///     let count = |counts: Dict<String, u64>, text: String| {
///         text.split(' ').all(|word| counts.update_or(word.to_owned(), 0, |count, ()| *count += 1, ()).is_ok())
///     };
///     for text in ["to be or", "not to be"] {
///         system.process(count, (counts.clone(), text.to_owned())).start()?.join()?;
///     }
///     assert_eq!(counts.keys()?, ["to", "be", "or", "not"]);
///     assert_eq!(counts.get(&"be".to_owned())?, Some(2));
///     system.shutdown()
/// }
/// ```
#[derive(Archive, Serialize, Deserialize)]
pub struct Dict<K: Data + Eq + Hash, V> {
    remote: Remote<Table<K>>,
    kind: PhantomData<fn() -> V>,
}

impl<K: Data + Eq + Hash + Clone, V: Data> Dict<K, V> {
    /// Shares a dictionary without entries.
    ///
    /// # Errors
    /// [`SharedError::Spawn`]; nothing is left of it then.
    pub fn new(home: &impl Home) -> Result<Dict<K, V>, SharedError> {
        Dict::with_entries(home, [])
    }

    /// Shares a dictionary of these entries.
    ///
    /// # Errors
    /// As [`new`](Dict::new).
    pub fn with_entries(
        home: &impl Home,
        entries: impl IntoIterator<Item = (K, V)>,
    ) -> Result<Dict<K, V>, SharedError> {
        Ok(Dict::over(Remote::start(home, pack_entries(entries)?, "dict")?))
    }

    fn over(remote: Remote<Table<K>>) -> Dict<K, V> {
        Dict { remote, kind: PhantomData }
    }

    /// Number of entries.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn len(&self) -> Result<usize, SharedError> {
        match self.remote.act(TableOperation::Length)? {
            TableAnswer::Length(length) => Ok(usize::try_from(length).unwrap_or(usize::MAX)),
            other => Err(SharedError::senseless(&other)),
        }
    }

    /// Whether there are no entries.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn is_empty(&self) -> Result<bool, SharedError> {
        Ok(self.len()? == 0)
    }

    /// Gives the value of a key; `None` if there is none.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn get(&self, key: &K) -> Result<Option<V>, SharedError> {
        self.maybe(TableOperation::Get(key.clone()))
    }

    /// Whether there is a value of a key.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn contains(&self, key: &K) -> Result<bool, SharedError> {
        match self.remote.act(TableOperation::Contains(key.clone()))? {
            TableAnswer::Flag(flag) => Ok(flag),
            other => Err(SharedError::senseless(&other)),
        }
    }

    /// Sets the value of a key; gives the one before, if there was one. The key keeps its place then.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn insert(&self, key: K, value: V) -> Result<Option<V>, SharedError> {
        self.maybe(TableOperation::Insert(key, Blob::pack(&value)?))
    }

    /// Sets the values of many keys, all of them or none.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn extend(&self, entries: impl IntoIterator<Item = (K, V)>) -> Result<(), SharedError> {
        self.done(TableOperation::Extend(pack_entries(entries)?))
    }

    /// Gives the value of a key; if there is none, it is this one from now on.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn get_or_insert(&self, key: K, value: V) -> Result<V, SharedError> {
        read(self.remote.act(TableOperation::GetOrInsert(key, Blob::pack(&value)?))?)
    }

    /// Removes a key; gives its value, if there was one.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn remove(&self, key: &K) -> Result<Option<V>, SharedError> {
        self.maybe(TableOperation::Remove(key.clone()))
    }

    /// Removes the key that came last; gives it and its value, if there was one.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn pop(&self) -> Result<Option<(K, V)>, SharedError> {
        match self.remote.act(TableOperation::Pop)? {
            TableAnswer::Nothing => Ok(None),
            answer => Ok(pairs(answer)?.pop()),
        }
    }

    /// Removes all entries.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn clear(&self) -> Result<(), SharedError> {
        self.done(TableOperation::Clear)
    }

    /// Gives all keys as they are now.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn keys(&self) -> Result<Vec<K>, SharedError> {
        blobs(self.remote.act(TableOperation::Keys)?)
    }

    /// Gives all values as they are now, in the order of their keys.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn values(&self) -> Result<Vec<V>, SharedError> {
        blobs(self.remote.act(TableOperation::Values)?)
    }

    /// Gives all keys with their values as they are now.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn items(&self) -> Result<Vec<(K, V)>, SharedError> {
        pairs(self.remote.act(TableOperation::Items)?)
    }

    /// Has the host call a function with the value of a key and an argument; see [`Value::update`](crate::Value::update).
    ///
    /// # Errors
    /// [`SharedError::NotFound`], [`SharedError::Panicked`] and others; the value is as before.
    pub fn update<F, A, R>(&self, key: &K, function: F, argument: A) -> Result<R, SharedError>
    where
        F: Fn(&mut V, A) -> R + Copy + 'static,
        A: Data,
        R: Data,
    {
        const { refuse_captures::<F>() };
        self.edit(key.clone(), None, Edit::of_value(function, &argument)?)
    }

    /// Does as [`update`](Dict::update); if there is no value, to this one.
    ///
    /// # Errors
    /// [`SharedError::Panicked`] and others; the dictionary is as before.
    pub fn update_or<F, A, R>(&self, key: K, default: V, function: F, argument: A) -> Result<R, SharedError>
    where
        F: Fn(&mut V, A) -> R + Copy + 'static,
        A: Data,
        R: Data,
    {
        const { refuse_captures::<F>() };
        self.edit(key, Some(Blob::pack(&default)?), Edit::of_value(function, &argument)?)
    }

    /// Gives a handle on the dictionary that a restarted host holds, which is the initial one again.
    ///
    /// # Errors
    /// [`SharedError`].
    pub fn renew(&self) -> Result<Dict<K, V>, SharedError> {
        self.remote.renew().map(Dict::over)
    }

    fn edit<R: Data>(&self, key: K, default: Option<Blob>, edit: Edit) -> Result<R, SharedError> {
        read(self.remote.act(TableOperation::Edit(key, default, edit))?)
    }

    fn maybe(&self, operation: TableOperation<K>) -> Result<Option<V>, SharedError> {
        match self.remote.act(operation)? {
            TableAnswer::Nothing => Ok(None),
            answer => read(answer).map(Some),
        }
    }

    fn done(&self, operation: TableOperation<K>) -> Result<(), SharedError> {
        match self.remote.act(operation)? {
            TableAnswer::Done => Ok(()),
            other => Err(SharedError::senseless(&other)),
        }
    }
}

impl<K: Data + Eq + Hash + Clone, V: Number> Dict<K, V> {
    /// Adds to the value of a key; gives what it was before. If there is none, it is taken for this one.
    ///
    /// # Errors
    /// [`SharedError::Overflow`] and others; the dictionary is as before.
    pub fn fetch_add_or(&self, key: K, default: V, number: V) -> Result<V, SharedError> {
        self.edit(key, Some(Blob::pack(&default)?), Edit::add(number)?)
    }
}

super::handle_traits!(Dict<K: Data + Eq + Hash, V>, ArchivedDict);

fn pack_entries<K, V: Data>(entries: impl IntoIterator<Item = (K, V)>) -> Result<Vec<(K, Blob)>, SharedError> {
    entries.into_iter().map(|(key, value)| Ok((key, Blob::pack(&value)?))).collect()
}

fn read<R: Data>(answer: TableAnswer) -> Result<R, SharedError> {
    match answer {
        TableAnswer::Item(item) => open(&item),
        other => Err(SharedError::senseless(&other)),
    }
}

fn blobs<T: Data>(answer: TableAnswer) -> Result<Vec<T>, SharedError> {
    match answer {
        TableAnswer::Blobs(blobs) => blobs.iter().map(open).collect(),
        other => Err(SharedError::senseless(&other)),
    }
}

fn pairs<K: Data, V: Data>(answer: TableAnswer) -> Result<Vec<(K, V)>, SharedError> {
    match answer {
        TableAnswer::Pairs(pairs) => pairs.iter().map(|(key, value)| Ok((open(key)?, open(value)?))).collect(),
        other => Err(SharedError::senseless(&other)),
    }
}
