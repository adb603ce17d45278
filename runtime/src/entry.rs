//! Code that another process is to run, named by where it is in the image.

use std::any::TypeId;
use std::hash::{DefaultHasher, Hash, Hasher};

use rustc_hash::FxHasher;
use serde::{Deserialize, Serialize};

use crate::child::Process;
use crate::exit::Exit;
use crate::sys;

/// Marks a real [`Entry`]: "processn".
const MAGIC: u64 = 0x7072_6f63_6573_736e;

/// Version of the protocol between the processes of a system.
const FORMAT: u64 = 1;

/// Code that a process can be asked to run, as a static (or promoted constant) of the image: the main part of a
/// process, or a routine that it calls in between.
///
/// Supervisor and actors run the same image as root, though at another address. So an entry travels as its distance
/// from an anchor, and is compared as data (inside the image, aligned, magic, types) before it is called. The address
/// only locates it; what it is, the hash of its type says, and how it is called, the type of its code.
#[derive(Debug)]
#[repr(C, align(16))]
pub struct Entry<C: 'static = fn(&Process) -> Ending> {
    magic: u64,
    /// The type of `code`.
    code_type: TypeId,
    type_id: TypeId,
    code: C,
}

/// How a function is run in a process that was made for it.
pub trait Run<F>: Sized + 'static {
    /// Runs it and says how it ended.
    fn run(function: F, process: &Process) -> Ending;
}

/// How a function is called in the middle of a process's life.
pub trait Call<F>: Sized + 'static {
    /// What it is called with.
    type Input: 'static;
    /// What it gives.
    type Output: 'static;

    /// Calls it.
    fn call(function: F, input: Self::Input) -> Self::Output;
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

/// Where an entry is, and what it must be: the name under which another process of the system finds it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct EntryRef {
    /// Distance from the anchor, in bytes.
    pub offset: i64,
    /// Hash of the entry's type.
    pub type_hash: u64,
}

static ANCHOR: Entry = Entry::new::<Entry>(|_| Ending::Normal);

impl Entry {
    /// Makes the entry of `T`: `run` is called in the new process.
    pub const fn new<T: 'static>(run: fn(&Process) -> Ending) -> Entry {
        Entry::of_code::<T>(run)
    }

    /// Gives the entry of a function that captures nothing: in the new process, `R` runs it. A function that captures
    /// does not build.
    pub fn of_function<F: Copy + 'static, R: Run<F>>(_function: F) -> &'static Entry {
        sys::FunctionEntry::<F, R>::MAIN
    }

    /// Calls what the entry is for.
    pub(crate) fn run(&self, process: &Process) -> Ending {
        (self.code)(process)
    }
}

impl<I: 'static, O: 'static> Entry<fn(I) -> O> {
    /// Gives the entry of a function that captures nothing: whatever process finds it, `R` calls it there. A function that
    /// captures does not build.
    pub fn of_routine<F: Copy + 'static, R: Call<F, Input = I, Output = O>>(
        _function: F,
    ) -> &'static Entry<fn(I) -> O> {
        sys::FunctionEntry::<F, R>::ROUTINE
    }
}

impl<C: Copy + 'static> Entry<C> {
    pub(crate) const fn of_code<T: 'static>(code: C) -> Entry<C> {
        Entry { magic: MAGIC, code_type: TypeId::of::<C>(), type_id: TypeId::of::<T>(), code }
    }

    /// Finds how to name this entry to another process; `None` if it is not in the program's own image.
    pub fn locate(&'static self) -> Option<EntryRef> {
        let address = std::ptr::from_ref(self).addr();
        if !sys::image_contains(address, size_of::<Entry<C>>()) {
            return None;
        }
        let offset = address.wrapping_sub(anchor()) as i64;
        Some(EntryRef { offset, type_hash: hash(&self.type_id) })
    }

    /// Gives the code, to be called.
    pub fn code(&self) -> C {
        self.code
    }
}

impl EntryRef {
    /// Names an entry that does nothing.
    pub(crate) fn of_nothing() -> EntryRef {
        EntryRef { offset: 0, type_hash: hash(&ANCHOR.type_id) }
    }

    /// Finds the entry in this process's image; `None` if there is no such entry of such code.
    pub fn find<C: Copy + 'static>(self) -> Option<&'static Entry<C>> {
        let address = anchor().wrapping_add(self.offset as usize);
        if !sys::image_contains(address, size_of::<Entry<C>>()) || !address.is_multiple_of(align_of::<Entry<C>>()) {
            return None;
        }
        let entry = sys::entry_at::<C>(address, MAGIC)?;
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

/// Gives a number of 64 bits for a type. Its id is a good hash itself: nothing is to be added.
#[inline]
fn hash(type_id: &TypeId) -> u64 {
    let mut hasher = FxHasher::default();
    type_id.hash(&mut hasher);
    hasher.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    type Main = fn(&Process) -> Ending;

    static OTHER: Entry = Entry::new::<u8>(|_| Ending::Stopped);

    #[test]
    fn an_entry_is_found_again() {
        let found = OTHER.locate().expect("it is in the image").find::<Main>().expect("it is found");
        assert!(std::ptr::eq(found, &OTHER));
    }

    #[test]
    fn anything_else_is_refused() {
        let right = OTHER.locate().expect("it is in the image");
        let found = |name: EntryRef| name.find::<Main>().is_some();
        assert!(!found(EntryRef { type_hash: right.type_hash ^ 1, ..right }));
        assert!(!found(EntryRef { offset: right.offset + 16, ..right }));
        assert!(!found(EntryRef { offset: right.offset + 1, ..right }));
        assert!(!found(EntryRef { offset: i64::MAX, ..right }));
        assert!(!found(EntryRef { offset: i64::MIN, ..right }));
    }

    /// Doubles by any function that does.
    struct Doubling;

    impl<F: Fn(u64) -> u64 + 'static> Call<F> for Doubling {
        type Input = u64;
        type Output = u64;

        fn call(function: F, input: u64) -> u64 {
            function(input)
        }
    }

    #[test]
    fn a_routine_is_found_and_called_but_only_as_what_it_is() {
        let name = Entry::of_routine::<_, Doubling>(|number| 2 * number).locate().expect("it is in the image");
        let found = name.find::<fn(u64) -> u64>().expect("it is found");
        assert_eq!((found.code())(21), 42);
        assert!(name.find::<fn(u32) -> u64>().is_none());
        assert!(name.find::<Main>().is_none());
        let main = OTHER.locate().expect("it is in the image");
        assert!(main.find::<fn(u64) -> u64>().is_none());
    }

    #[test]
    fn an_entry_on_the_heap_has_no_name() {
        let leaked: &'static Entry = Box::leak(Box::new(Entry::new::<u8>(|_| Ending::Normal)));
        assert!(leaked.locate().is_none());
    }
}
