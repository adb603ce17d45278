//! A value at its host: bytes, or a word that others change in place.

use std::os::fd::OwnedFd;

use procession_runtime::WordOwner;

use super::edit::Edit;
use super::fault::Fault;
use super::host::Object;
use crate::data;
use crate::primitives::blob::Blob;

/// How often an update is tried, each time because somebody has changed the word since. The word is shut to others meanwhile,
/// so that each of their threads changes it once at most.
const ATTEMPTS: u32 = 1 << 16;

/// What a value is in the beginning.
#[data]
#[derive(Debug, Clone)]
pub(crate) struct HeldInitial {
    pub(super) value: Blob,
    /// It is an integer that fits in a word.
    pub(super) is_integer: bool,
}

/// What can be done with a value.
#[data]
#[derive(Debug, Clone)]
pub(crate) enum HeldOperation {
    Get,
    Set(Blob),
    Replace(Blob),
    Edit(Edit),
}

/// A value at its host.
pub(crate) struct Held {
    state: State,
    is_integer: bool,
}

enum State {
    Bytes(Blob),
    /// Since somebody wanted to share it.
    Word(Word),
}

impl Object for Held {
    type Initial = HeldInitial;
    type Operation = HeldOperation;
    type Answer = Option<Blob>;

    fn new(initial: HeldInitial) -> Held {
        Held { state: State::Bytes(initial.value), is_integer: initial.is_integer }
    }

    fn act(&mut self, operation: HeldOperation) -> Result<Option<Blob>, Fault> {
        let value = match &mut self.state {
            State::Bytes(value) => value,
            State::Word(word) => return word.act(operation),
        };
        match operation {
            HeldOperation::Get => Ok(Some(value.clone())),
            HeldOperation::Set(new) => {
                *value = new;
                Ok(None)
            }
            HeldOperation::Replace(new) => Ok(Some(std::mem::replace(value, new))),
            HeldOperation::Edit(edit) => edit.apply(value).map(Some),
        }
    }

    fn share(&mut self) -> Option<OwnedFd> {
        if let State::Bytes(value) = &self.state
            && self.is_integer
        {
            match Word::new(value) {
                Ok(word) => self.state = State::Word(word),
                Err(error) => tracing::debug!(%error, "a value is not shared in memory; it is used by messages alone"),
            }
        }
        let State::Word(word) = &self.state else { return None };
        word.owner.descriptor().ok()
    }
}

/// An integer in a page that others have mapped, too.
struct Word {
    owner: WordOwner,
    /// How many bytes the integer has.
    width: usize,
}

impl Word {
    fn new(value: &Blob) -> std::io::Result<Word> {
        let word = to_word(value, value.len()).map_err(|_| std::io::ErrorKind::InvalidData)?;
        Ok(Word { owner: WordOwner::new(word)?, width: value.len() })
    }

    fn act(&mut self, operation: HeldOperation) -> Result<Option<Blob>, Fault> {
        match operation {
            HeldOperation::Get => to_blob(self.owner.load(), self.width).map(Some),
            HeldOperation::Set(value) => {
                self.owner.store(to_word(&value, self.width)?);
                Ok(None)
            }
            HeldOperation::Replace(value) => {
                to_blob(self.owner.swap(to_word(&value, self.width)?), self.width).map(Some)
            }
            HeldOperation::Edit(edit) => self.edit(&edit).map(Some),
        }
    }

    /// Calls a function with the value, again if somebody else has changed that meanwhile.
    fn edit(&mut self, edit: &Edit) -> Result<Blob, Fault> {
        let _shut = self.owner.shut();
        for _ in 0..ATTEMPTS {
            let before = self.owner.load();
            let mut value = to_blob(before, self.width)?;
            let result = edit.clone().apply(&mut value)?;
            if self.owner.exchange(before, to_word(&value, self.width)?) {
                return Ok(result);
            }
        }
        Err(Fault::Unreadable("somebody changes it all the time, although it is shut".to_owned()))
    }
}

/// Gives the word that holds the bytes of an integer, with zeros above.
fn to_word(value: &Blob, width: usize) -> Result<u64, Fault> {
    let mut bytes = [0; size_of::<u64>()];
    let place = bytes.get_mut(..width).filter(|place| place.len() == value.len());
    place.ok_or_else(|| Fault::Unreadable("it is of another type".to_owned()))?.copy_from_slice(value.bytes());
    Ok(u64::from_le_bytes(bytes))
}

/// Gives the bytes of the integer that a word holds.
fn to_blob(word: u64, width: usize) -> Result<Blob, Fault> {
    let bytes = word.to_le_bytes();
    let (value, above) = bytes.split_at(width.min(bytes.len()));
    if above.iter().any(|byte| *byte != 0) {
        return Err(Fault::Unreadable("the shared word is none of its type".to_owned()));
    }
    Ok(Blob::of_bytes(bytes::Bytes::copy_from_slice(value)))
}

#[cfg(test)]
mod tests {
    use procession_runtime::WordShare;

    use super::super::integer;
    use super::*;
    use crate::Data;

    fn held<T: Data>(value: T) -> Held {
        let is_integer = integer::is_integer::<T>();
        Held::new(HeldInitial { value: Blob::pack(&value).expect("it is small"), is_integer })
    }

    fn get<T: Data>(held: &mut Held) -> T {
        let blob = held.act(HeldOperation::Get).expect("it is there").expect("a value");
        blob.open().expect("it is of this type")
    }

    #[test]
    fn a_shared_value_is_the_one_from_before() {
        let mut held = held(-5_i16);
        let share = WordShare::open(held.share().expect("it can be shared")).expect("it is such a page");
        assert_eq!((share.load().map(integer::of_word), get(&mut held)), (Ok(Some(-5_i16)), -5_i16));
        let value = |number: i16| Blob::pack(&number).expect("it is small");
        held.act(HeldOperation::Set(value(7))).expect("it can be set");
        assert_eq!(share.load(), Ok(7));
        share.store(8).expect("it is open");
        let before = held.act(HeldOperation::Replace(value(9))).expect("it can be set").expect("a value");
        assert_eq!((before.open::<i16>().expect("a number"), share.load()), (8, Ok(9)));
        held.act(HeldOperation::Edit(Edit::add(1_i16).expect("it is small"))).expect("there is room");
        assert_eq!(share.load(), Ok(10));
        assert!(matches!(held.act(HeldOperation::Set(Blob::pack(&1_u64).expect("small"))), Err(Fault::Unreadable(_))));
        // What others write is not believed.
        share.store(1 << 16).expect("it is open");
        assert!(matches!(held.act(HeldOperation::Get), Err(Fault::Unreadable(_))));
        let edit = HeldOperation::Edit(Edit::add(1_i16).expect("it is small"));
        assert!(matches!(held.act(edit), Err(Fault::Unreadable(_))));
        assert_eq!(share.check(), Ok(()), "it is open again");
        held.act(HeldOperation::Set(value(3))).expect("it can be set");
        assert_eq!(get::<i16>(&mut held), 3);
    }

    #[test]
    fn what_is_no_integer_is_not_shared() {
        assert!(held(1.5_f64).share().is_none() && held([1_u8; 8]).share().is_none() && held(1_u128).share().is_none());
    }
}
