//! Entries by key, at their host. Pure.

use std::collections::HashMap;
use std::hash::Hash;

use super::edit::Edit;
use super::fault::Fault;
use super::host::Object;
use crate::primitives::blob::Blob;
use crate::{Data, data};

/// Entries by key, in the order in which the keys came.
///
/// Keys are compared and hashed as what they are, by their own `Eq` and `Hash`: two archives of equal keys need not be the same
/// bytes (a map in a key has any order, and `Eq` may be wider than equality of fields).
#[derive(Debug)]
pub(crate) struct Table<K> {
    entries: HashMap<K, Entry>,
    /// When the last key came.
    last: u64,
}

#[derive(Debug)]
struct Entry {
    /// When its key came.
    came: u64,
    /// The key as it is given out.
    key: Blob,
    value: Blob,
}

/// What can be done with entries.
#[data]
#[derive(Debug, Clone)]
pub(crate) enum TableOperation<K> {
    Length,
    Contains(K),
    Get(K),
    /// Gives the value before, if there was one.
    Insert(K, Blob),
    Extend(Vec<(K, Blob)>),
    /// Gives the value that is there, or puts this there.
    GetOrInsert(K, Blob),
    Remove(K),
    /// Takes the entry whose key came last.
    Pop,
    Clear,
    Keys,
    Values,
    Items,
    /// Changes one value; if there is none, this one.
    Edit(K, Option<Blob>, Edit),
}

/// What comes of it.
#[data]
#[derive(Debug, Clone)]
pub(crate) enum TableAnswer {
    Done,
    Nothing,
    Flag(bool),
    Length(u64),
    Item(Blob),
    Blobs(Vec<Blob>),
    Pairs(Vec<(Blob, Blob)>),
}

/// What a key can be.
pub(crate) trait Key: Data + Eq + Hash {}

impl<K: Data + Eq + Hash> Key for K {}

impl<K: Key> Object for Table<K> {
    type Initial = Vec<(K, Blob)>;
    type Operation = TableOperation<K>;
    type Answer = TableAnswer;

    fn new(entries: Vec<(K, Blob)>) -> Table<K> {
        let mut table = Table { entries: HashMap::new(), last: 0 };
        for (key, value) in entries {
            if let Err(fault) = table.insert(key, value) {
                tracing::error!(?fault, "an initial entry is left out");
            }
        }
        table
    }

    fn act(&mut self, operation: TableOperation<K>) -> Result<TableAnswer, Fault> {
        use TableAnswer as Answer;
        use TableOperation as Operation;
        let answer = match operation {
            Operation::Length => Answer::Length(self.entries.len() as u64),
            Operation::Contains(key) => Answer::Flag(self.entries.contains_key(&key)),
            Operation::Get(key) => item(self.entries.get(&key).map(|entry| entry.value.clone())),
            Operation::Insert(key, value) => item(self.insert(key, value)?),
            Operation::Extend(entries) => self.extend(entries)?,
            Operation::GetOrInsert(key, value) => match self.entries.get(&key) {
                Some(entry) => Answer::Item(entry.value.clone()),
                None => {
                    self.insert(key, value.clone())?;
                    Answer::Item(value)
                }
            },
            Operation::Remove(key) => item(self.entries.remove(&key).map(|entry| entry.value)),
            Operation::Pop => self.pop(),
            Operation::Clear => {
                self.entries.clear();
                Answer::Done
            }
            Operation::Keys => Answer::Blobs(self.in_order().map(|entry| entry.key.clone()).collect()),
            Operation::Values => Answer::Blobs(self.in_order().map(|entry| entry.value.clone()).collect()),
            Operation::Items => {
                Answer::Pairs(self.in_order().map(|entry| (entry.key.clone(), entry.value.clone())).collect())
            }
            Operation::Edit(key, default, edit) => self.edit(key, default, edit)?,
        };
        Ok(answer)
    }
}

impl<K: Key> Table<K> {
    /// Puts a value under a key, which keeps its place if it is there; gives the value before.
    fn insert(&mut self, key: K, value: Blob) -> Result<Option<Blob>, Fault> {
        if let Some(entry) = self.entries.get_mut(&key) {
            return Ok(Some(std::mem::replace(&mut entry.value, value)));
        }
        let packed = Blob::pack(&key)?;
        self.last += 1;
        self.entries.insert(key, Entry { came: self.last, key: packed, value });
        Ok(None)
    }

    /// Puts all or none there.
    fn extend(&mut self, entries: Vec<(K, Blob)>) -> Result<TableAnswer, Fault> {
        entries.iter().try_for_each(|(key, _)| Blob::pack(key).map(drop))?;
        for (key, value) in entries {
            self.insert(key, value)?;
        }
        Ok(TableAnswer::Done)
    }

    fn pop(&mut self) -> TableAnswer {
        let newest = self.entries.values().map(|entry| entry.came).max();
        let found = newest.and_then(|newest| self.entries.extract_if(|_, entry| entry.came == newest).next());
        found.map_or(TableAnswer::Nothing, |(_, entry)| TableAnswer::Pairs(vec![(entry.key, entry.value)]))
    }

    fn edit(&mut self, key: K, default: Option<Blob>, edit: Edit) -> Result<TableAnswer, Fault> {
        if let Some(entry) = self.entries.get_mut(&key) {
            return edit.apply(&mut entry.value).map(TableAnswer::Item);
        }
        let mut value = default.ok_or(Fault::NotFound)?;
        let result = edit.apply(&mut value)?;
        self.insert(key, value)?;
        Ok(TableAnswer::Item(result))
    }

    fn in_order(&self) -> impl Iterator<Item = &Entry> {
        let mut entries: Vec<&Entry> = self.entries.values().collect();
        entries.sort_unstable_by_key(|entry| entry.came);
        entries.into_iter()
    }
}

fn item(value: Option<Blob>) -> TableAnswer {
    value.map_or(TableAnswer::Nothing, TableAnswer::Item)
}

#[cfg(test)]
mod tests;
