//! What a new process runs.

use std::any::TypeId;
use std::hash::{DefaultHasher, Hash, Hasher};

use serde::{Deserialize, Serialize};

use crate::child::Process;
use crate::exit::Exit;
use crate::sys;

/// Marks a real [`Entry`]: "processn".
const MAGIC: u64 = 0x7072_6f63_6573_736e;

/// Version of the protocol between the processes of a system.
const FORMAT: u64 = 1;

/// What a process can run, as a static (or promoted constant) of the image.
///
/// Supervisor and actors run the same image as root, though at another address. So an entry travels as its distance
/// from an anchor, and is compared as data (inside the image, aligned, magic, type) before it is called. The address
/// only locates it; what it is, the hash of its type says.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Entry {
    magic: u64,
    type_id: TypeId,
    run: fn(&Process) -> Ending,
}

/// How a function is run in a process that was made for it.
pub trait Run<F>: Sized + 'static {
    /// Runs it and says how it ended.
    fn run(function: F, process: &Process) -> Ending;
}

/// How the code of a process came to its end.
#[derive(Debug)]
pub enum Ending {
    /// By itself.
    Normal,
    /// Because it was asked to.
    Stopped,
    /// With an error: its text and those of its sources, outermost first.
    Failed(Vec<String>),
    /// With a value for whoever joins it.
    Returned(Vec<u8>),
    /// With an error that is also a value for whoever joins it.
    Refused(Vec<String>, Vec<u8>),
}

impl Ending {
    /// What an observer is told, if nothing else ends the process first.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Ending::Normal | Ending::Returned(_) => Exit::Normal,
            Ending::Stopped => Exit::Stopped,
            Ending::Failed(chain) | Ending::Refused(chain, _) => Exit::Failed(chain.clone()),
        }
    }
}

/// Where an entry is, and what it must be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct EntryRef {
    offset: i64,
    type_hash: u64,
}

static ANCHOR: Entry = Entry::new::<Entry>(|_| Ending::Normal);

impl Entry {
    /// Makes the entry of `T`: `run` is called in the new process.
    pub const fn new<T: 'static>(run: fn(&Process) -> Ending) -> Entry {
        Entry { magic: MAGIC, type_id: TypeId::of::<T>(), run }
    }

    /// Gives the entry of a function that captures nothing: in the new process, `R` runs it. A function that captures
    /// does not build.
    pub fn of_function<F: Copy + 'static, R: Run<F>>(_function: F) -> &'static Entry {
        sys::FunctionEntry::<F, R>::ENTRY
    }

    /// Finds how to name this entry to another process; `None` if it is not in the program's own image.
    pub(crate) fn locate(&'static self) -> Option<EntryRef> {
        let address = std::ptr::from_ref(self).addr();
        if !sys::image_contains(address, size_of::<Entry>()) {
            return None;
        }
        let offset = address.wrapping_sub(anchor()) as i64;
        Some(EntryRef { offset, type_hash: hash(&self.type_id) })
    }

    /// Calls what the entry is for.
    pub(crate) fn run(&self, process: &Process) -> Ending {
        (self.run)(process)
    }
}

impl EntryRef {
    /// Names an entry that does nothing.
    pub(crate) fn of_nothing() -> EntryRef {
        EntryRef { offset: 0, type_hash: hash(&ANCHOR.type_id) }
    }

    /// What the entry is of.
    pub(crate) fn type_hash(self) -> u64 {
        self.type_hash
    }

    /// Finds the entry in this process's image; `None` if there is no such entry.
    pub(crate) fn find(self) -> Option<&'static Entry> {
        let address = anchor().wrapping_add(self.offset as usize);
        if !sys::image_contains(address, size_of::<Entry>()) || !address.is_multiple_of(align_of::<Entry>()) {
            return None;
        }
        let entry = sys::entry_at(address, MAGIC)?;
        (hash(&entry.type_id) == self.type_hash).then_some(entry)
    }
}

/// Tells builds apart: processes of one system must run the same image.
pub(crate) fn build_id() -> u64 {
    let mut hasher = DefaultHasher::new();
    (FORMAT, sys::image_bytes(), anchor() - sys::image_start(), env!("CARGO_PKG_VERSION")).hash(&mut hasher);
    hasher.finish()
}

fn anchor() -> usize {
    std::ptr::from_ref(&ANCHOR).addr()
}

fn hash(type_id: &TypeId) -> u64 {
    let mut hasher = DefaultHasher::new();
    type_id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    static OTHER: Entry = Entry::new::<u8>(|_| Ending::Stopped);

    #[test]
    fn an_entry_is_found_again() {
        let found = OTHER.locate().expect("it is in the image").find().expect("it is found");
        assert!(std::ptr::eq(found, &OTHER));
    }

    #[test]
    fn anything_else_is_refused() {
        let right = OTHER.locate().expect("it is in the image");
        assert!(EntryRef { type_hash: right.type_hash ^ 1, ..right }.find().is_none());
        assert!(EntryRef { offset: right.offset + 16, ..right }.find().is_none());
        assert!(EntryRef { offset: right.offset + 1, ..right }.find().is_none());
        assert!(EntryRef { offset: i64::MAX, ..right }.find().is_none());
        assert!(EntryRef { offset: i64::MIN, ..right }.find().is_none());
    }

    #[test]
    fn an_entry_on_the_heap_has_no_name() {
        let leaked: &'static Entry = Box::leak(Box::new(Entry::new::<u8>(|_| Ending::Normal)));
        assert!(leaked.locate().is_none());
    }
}
