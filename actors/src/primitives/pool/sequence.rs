//! Several values in a row, as bytes: the arguments or the results of one batch.
//!
//! Each value is an archive of its own, so that it can be written, kept and read alone. Behind them stands one word for each
//! (its length and its flags), or, if those are all the same, that word once; and how many there are. Whoever passes a sequence
//! on need not look into it; `values.rs` reads it.

use std::slice;

use procession_runtime::Body;

use super::messages::Failed;
use crate::primitives::blob::Blob;
use crate::sys::{is_plain, plain_bytes};
use crate::{DEFAULT_MESSAGE_LIMIT_BYTES, Data, PayloadError, payload};

/// Where a value starts that is more than its root, and that of a failure: the most that any archive needs.
pub(super) const WIDE_ALIGNMENT: usize = 16;

/// In a value's word: it starts at a multiple of [`WIDE_ALIGNMENT`], otherwise of what its root needs.
pub(super) const WIDE: u32 = 1 << 30;

/// In a value's word: it is a [`Failed`].
pub(super) const FAILED: u32 = 1 << 31;

pub(super) const LENGTH_MASK: u32 = WIDE - 1;

/// In the count: the values' words are all the same, and there is one. None of the values has no bytes.
pub(super) const UNIFORM: u32 = 1 << 31;

/// Largest value: what a word can say, and less than a message may be at most.
const LIMIT_BYTES: usize =
    if DEFAULT_MESSAGE_LIMIT_BYTES < LENGTH_MASK as usize { DEFAULT_MESSAGE_LIMIT_BYTES } else { LENGTH_MASK as usize };

pub(super) const WORD_BYTES: usize = size_of::<u32>();

/// What stands behind the values.
#[derive(Debug, Default)]
struct Words {
    count: usize,
    /// The last one. As long as there are no others, it stands for all of them.
    last: u32,
    each: Vec<u32>,
}

impl Words {
    #[inline]
    fn push(&mut self, word: u32) {
        self.push_many(word, 1);
    }

    /// Adds a word several times.
    #[inline]
    fn push_many(&mut self, word: u32, times: usize) {
        if self.count > 0 && word != self.last && self.each.is_empty() {
            self.each.extend(std::iter::repeat_n(self.last, self.count));
        }
        if !self.each.is_empty() {
            self.each.extend(std::iter::repeat_n(word, times));
        }
        self.last = word;
        self.count += times;
    }

    fn pop(&mut self) {
        self.count = self.count.saturating_sub(1);
        self.each.pop();
        self.last = self.each.last().copied().unwrap_or(self.last);
    }

    /// Writes them, with their number, and forgets them.
    fn finish(&mut self, bytes: &mut Vec<u8>) {
        let count = u32::try_from(self.count).unwrap_or(0);
        let is_uniform = self.each.is_empty() && self.last & LENGTH_MASK > 0 && count > 1;
        if self.each.is_empty() {
            self.each.extend(std::iter::repeat_n(self.last, if is_uniform { 1 } else { self.count }));
        }
        bytes.reserve_exact((self.each.len() + 1) * WORD_BYTES);
        self.each.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes.extend_from_slice(&(count | if is_uniform { UNIFORM } else { 0 }).to_le_bytes());
        self.each.clear();
        self.count = 0;
    }
}

/// A sequence that is being written.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    bytes: Vec<u8>,
    words: Words,
    /// Where the last value starts.
    last: usize,
}

impl Sequence {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.words.count
    }

    /// What it takes when it is finished, in bytes, or a little less; or less, if its words are all the same.
    pub(super) fn len_bytes(&self) -> usize {
        self.bytes.len() + (self.words.count + 1) * WORD_BYTES
    }

    /// Adds a value.
    ///
    /// # Errors
    /// [`PayloadError`] if it cannot be sent; nothing is added then.
    #[inline]
    pub(super) fn push<T: Data>(&mut self, value: &T) -> Result<(), PayloadError> {
        const { assert!(align_of::<T::Archived>() <= WIDE_ALIGNMENT, "the archive needs more than 16 byte alignment") };
        if let Some(bytes) = plain_bytes(slice::from_ref(value)).filter(|bytes| bytes.len() <= LIMIT_BYTES) {
            self.pad(align_of::<T::Archived>());
            self.bytes.extend_from_slice(bytes);
            self.note(bytes.len() as u32, 0);
            return Ok(());
        }
        let before = self.bytes.len();
        self.pad(align_of::<T::Archived>());
        let start = self.bytes.len();
        let length = self.encode(value).inspect_err(|_| self.bytes.truncate(before))?;
        // A value that is more than its root may hold anything inside, so it needs a start that suits everything.
        let is_wide = length as usize != size_of::<T::Archived>();
        if is_wide && !start.is_multiple_of(WIDE_ALIGNMENT) {
            let moved = start.next_multiple_of(WIDE_ALIGNMENT);
            self.bytes.resize(moved + length as usize, 0);
            self.bytes.copy_within(start..start + length as usize, moved);
        }
        self.note(length, if is_wide { WIDE } else { 0 });
        Ok(())
    }

    /// What a value takes that [needs no look](is_plain) to know it; `None` for other types.
    pub(super) const fn plain_bytes<T: Data>() -> Option<usize> {
        if is_plain::<T>() { Some(size_of::<T::Archived>() + WORD_BYTES) } else { None }
    }

    /// Adds values, all at once if they are plain.
    ///
    /// # Errors
    /// [`PayloadError`] if one cannot be sent; those before it are added.
    pub(super) fn push_all<T: Data>(&mut self, values: &[T]) -> Result<(), PayloadError> {
        let Some(bytes) = plain_bytes(values).filter(|bytes| !bytes.is_empty()) else {
            return values.iter().try_for_each(|value| self.push(value));
        };
        self.pad(align_of::<T::Archived>());
        self.bytes.extend_from_slice(bytes);
        self.last = self.bytes.len() - size_of::<T>();
        self.words.push_many(size_of::<T>() as u32, values.len());
        Ok(())
    }

    /// Adds that there is no value, and why.
    pub(super) fn push_failure(&mut self, failure: &Failed) {
        self.pad(WIDE_ALIGNMENT);
        let start = self.bytes.len();
        match self.encode(failure) {
            Ok(length) => self.note(length, WIDE | FAILED),
            Err(error) => {
                tracing::error!(%error, "why a task has failed cannot be told");
                self.bytes.truncate(start);
                self.note(0, WIDE | FAILED);
            }
        }
    }

    /// Adds a value as [`Sequence::last`] gave it.
    pub(super) fn push_raw(&mut self, flags: u32, value: &[u8]) {
        self.pad(WIDE_ALIGNMENT);
        self.bytes.extend_from_slice(value);
        let length = u32::try_from(value.len()).unwrap_or(LENGTH_MASK) & LENGTH_MASK;
        self.note(length, flags & FAILED | WIDE);
    }

    /// The last value's flags and bytes.
    #[inline]
    pub(super) fn last(&self) -> Option<(u32, &[u8])> {
        (self.words.count > 0).then(|| (self.words.last & !LENGTH_MASK, &self.bytes[self.last..]))
    }

    /// Takes the last value out, into a sequence of its own.
    pub(super) fn split_last(&mut self) -> Sequence {
        let mut split = Sequence::default();
        if let Some((flags, value)) = self.last() {
            split.push_raw(flags, value);
            self.words.pop();
            self.bytes.truncate(self.last);
        }
        split
    }

    /// Gives the sequence as bytes, and begins another.
    pub(super) fn finish(&mut self) -> Blob {
        let mut bytes = std::mem::take(&mut self.bytes);
        bytes.resize(bytes.len().next_multiple_of(WORD_BYTES), 0);
        self.words.finish(&mut bytes);
        Blob::of_bytes(bytes)
    }

    #[inline]
    fn encode<T: Data>(&mut self, value: &T) -> Result<u32, PayloadError> {
        let (start, mut descriptors) = (self.bytes.len(), Vec::new());
        payload::encode(value, &mut Body::detached(&mut self.bytes, &mut descriptors, LIMIT_BYTES))?;
        if descriptors.is_empty() {
            return Ok((self.bytes.len() - start) as u32);
        }
        Err(PayloadError::Invalid("what goes through a pool cannot hold descriptors; send them in a message".into()))
    }

    #[inline]
    fn note(&mut self, length: u32, flags: u32) {
        self.last = self.bytes.len() - length as usize;
        self.words.push(length | flags);
    }

    #[inline]
    fn pad(&mut self, alignment: usize) {
        let padded = self.bytes.len().next_multiple_of(alignment);
        if padded != self.bytes.len() {
            self.bytes.resize(padded, 0);
        }
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::super::values::{Reader, Values};
    use super::*;

    fn read<T: Data>(sequence: &mut Sequence) -> Vec<Result<T, Failed>> {
        Values::new(sequence.finish().bytes().clone()).expect("it is a sequence").collect()
    }

    #[test]
    fn values_come_back_as_they_were() {
        let mut sequence = Sequence::default();
        let texts = ["", "short", "a text that is kept out of line", "x", "another text that is out of line"];
        texts.iter().for_each(|text| sequence.push(&text.to_string()).expect("it can be sent"));
        let found: Vec<String> = read(&mut sequence).into_iter().map(|text| text.expect("it is there")).collect();
        assert_eq!(found, texts);
        (0..1000u64).for_each(|number| sequence.push(&number).expect("it can be sent"));
        assert_eq!(sequence.len_bytes(), 8000 + 1001 * WORD_BYTES);
        assert!(read::<u64>(&mut sequence).into_iter().eq((0..1000).map(Ok)));
        (0..5).for_each(|_| sequence.push(&()).expect("it can be sent"));
        assert_eq!(read::<()>(&mut sequence), vec![Ok(()); 5]);
        assert!(read::<u8>(&mut sequence).is_empty());
    }

    #[test]
    fn values_that_are_added_at_once_are_as_those_added_one_by_one() {
        fn check<T: Data + Clone + PartialEq + std::fmt::Debug>(values: &[T]) {
            let (mut one, mut all) = (Sequence::default(), Sequence::default());
            for sequence in [&mut one, &mut all] {
                sequence.push(&"odd".to_owned()).expect("it can be sent");
            }
            values.iter().for_each(|value| one.push(value).expect("it can be sent"));
            all.push_all(values).expect("they can be sent");
            assert_eq!((one.last(), one.len()), (all.last(), all.len()));
            assert_eq!(one.finish().bytes(), all.finish().bytes());
            all.push_all(values).expect("they can be sent");
            assert!(read::<T>(&mut all).into_iter().eq(values.iter().cloned().map(Ok)));
        }
        check(&(0..100u64).collect::<Vec<_>>());
        check(&[1.5f32, -0.0]);
        check(&[[1u8, 2, 3], [4, 5, 6]]);
        check::<i16>(&[]);
        check(&[(); 3]);
        check(&[(1u8, 2u64), (3, 4)]);
        check(&["a".to_owned(), "a text that is kept out of line".to_owned()]);
        assert!(Sequence::plain_bytes::<u64>() == Some(12) && Sequence::plain_bytes::<String>().is_none());
    }

    #[test]
    fn a_word_that_all_values_share_stands_there_once() {
        let mut sequence = Sequence::default();
        let numbers = |count: u32| (0..count).map(Ok::<u32, Failed>);
        numbers(100).flatten().for_each(|number| sequence.push(&number).expect("it can be sent"));
        let bytes = sequence.finish().bytes().clone();
        assert_eq!(bytes.len(), 102 * WORD_BYTES);
        assert!(Values::<u32>::new(bytes.clone()).expect("it is a sequence").eq(numbers(100)));
        let mut given = Vec::new();
        let wants = |limit| move |given: &mut Vec<_>, value| (given.push(value), given.len() < limit).1;
        for limit in [1, 64, 80, 101] {
            given.clear();
            let want = wants(limit);
            let values = Values::<u32>::new(bytes.clone()).expect("it is a sequence");
            assert_eq!(values.give(|value| want(&mut given, value)), limit > 100);
            assert!(given.drain(..).eq(numbers(limit.min(100) as u32)));
        }
        sequence.push_all(&[0u32, 1, 2]).expect("they can be sent");
        sequence.push_failure(&Failed::Unsendable("why".into()));
        sequence.push_all(&[3u32, 4]).expect("they can be sent");
        assert_eq!(read::<u32>(&mut sequence.split_last()), [Ok(4)]);
        let values = read::<u32>(&mut sequence);
        assert_eq!(values, [Ok(0), Ok(1), Ok(2), Err(Failed::Unsendable("why".into())), Ok(3)]);
        (0..3).for_each(|_| sequence.push(&7u64).expect("it can be sent"));
        assert_eq!(read::<u64>(&mut sequence.split_last()), [Ok(7)]);
        assert_eq!(read::<u64>(&mut sequence), [Ok(7), Ok(7)]);
    }

    #[test]
    fn failures_stand_among_values() {
        let mut sequence = Sequence::default();
        sequence.push(&1u8).expect("it can be sent");
        sequence.push_failure(&Failed::Unsendable("why".into()));
        sequence.push(&3u8).expect("it can be sent");
        assert_eq!(read::<u8>(&mut sequence), [Ok(1), Err(Failed::Unsendable("why".into())), Ok(3)]);
    }

    #[test]
    fn what_is_taken_out_can_be_put_into_another() {
        let mut sequence = Sequence::default();
        sequence.push(&"one".to_owned()).expect("it can be sent");
        sequence.push(&"two, which is a longer text".to_owned()).expect("it can be sent");
        let mut last = sequence.split_last();
        assert_eq!(read::<String>(&mut sequence), [Ok("one".to_owned())]);
        assert_eq!(read::<String>(&mut last), [Ok("two, which is a longer text".to_owned())]);
    }

    #[test]
    fn blocks_hold_what_is_valid() {
        let mut sequence = Sequence::default();
        (0..200u8).for_each(|number| sequence.push(&(number % 3)).expect("it can be sent"));
        let mut flags = Values::<bool>::new(sequence.finish().bytes().clone()).expect("it is a sequence");
        flags.pass_over(1);
        for (index, flag) in (1..200).zip(flags) {
            assert_eq!(flag.ok(), [Some(false), Some(true), None][index % 3], "value {index}");
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(Reader::new(Bytes::new()).is_err());
        assert!(Reader::new(Bytes::from_static(&[255; 8])).is_err());
        let uniform =
            |length: u32, count: u32| [[0; 8], (u64::from(count | UNIFORM) << 32 | u64::from(length)).to_le_bytes()];
        let read = |length, count| Reader::new(Bytes::from(uniform(length, count).concat()));
        assert!(read(4, 2).is_ok() && read(4, 3).is_err());
        assert!(read(0, 3).is_err() && read(LENGTH_MASK, LENGTH_MASK).is_err());
        assert!(Reader::new(Bytes::from(UNIFORM.to_le_bytes().to_vec())).is_err());
        let mut reader = Reader::new(Bytes::from_static(&[255, 255, 0, 0, 1, 0, 0, 0])).expect("it has a count");
        assert!(matches!(reader.next::<u64>(), Some(Err(Failed::Unreadable(_)))));
        assert!(reader.next::<u64>().is_none());
    }
}
