//! Several values in a row, as bytes: the arguments or the results of one batch.
//!
//! Each value is an archive of its own, so that it can be written, kept and read alone. Behind them stands one word for each
//! (its length and its flags), and how many there are. Whoever passes a sequence on need not look into it.

use bytes::Bytes;
use procession_runtime::{Arrived, Body};
use rkyv::util::AlignedVec;

use super::messages::Failed;
use crate::primitives::blob::Blob;
use crate::{DEFAULT_MESSAGE_LIMIT_BYTES, Data, PayloadError, payload};

/// Where a value starts that is more than its root, and that of a failure: the most that any archive needs.
const WIDE_ALIGNMENT: usize = 16;

/// In a value's word: it starts at a multiple of [`WIDE_ALIGNMENT`], otherwise of what its root needs.
const WIDE: u32 = 1 << 30;

/// In a value's word: it is a [`Failed`].
const FAILED: u32 = 1 << 31;

const LENGTH_MASK: u32 = WIDE - 1;

/// Largest value: what a word can say, and less than a message may be at most.
const LIMIT_BYTES: usize =
    if DEFAULT_MESSAGE_LIMIT_BYTES < LENGTH_MASK as usize { DEFAULT_MESSAGE_LIMIT_BYTES } else { LENGTH_MASK as usize };

/// How many values are made at once.
const BLOCK: usize = 64;

/// Larger ones are made one by one, in bytes.
const BLOCK_VALUE_BYTES: usize = 64;

const WORD_BYTES: usize = size_of::<u32>();

/// A sequence that is being written.
#[derive(Debug, Default)]
pub(super) struct Sequence {
    bytes: Vec<u8>,
    words: Vec<u32>,
    /// Where the last value starts.
    last: usize,
}

impl Sequence {
    /// Number of values.
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }

    /// What it takes when it is finished, in bytes, or a little less.
    pub(super) fn len_bytes(&self) -> usize {
        self.bytes.len() + (self.words.len() + 1) * WORD_BYTES
    }

    /// Adds a value.
    ///
    /// # Errors
    /// [`PayloadError`] if it cannot be sent; nothing is added then.
    #[inline]
    pub(super) fn push<T: Data>(&mut self, value: &T) -> Result<(), PayloadError> {
        const { assert!(align_of::<T::Archived>() <= WIDE_ALIGNMENT, "the archive needs more than 16 byte alignment") };
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

    /// What a value takes that [needs no look](payload::is_plain) to know it; `None` for other types.
    pub(super) const fn plain_bytes<T: Data>() -> Option<usize> {
        if payload::is_plain::<T>() { Some(size_of::<T::Archived>() + WORD_BYTES) } else { None }
    }

    /// Adds values, all at once if they are plain.
    ///
    /// # Errors
    /// [`PayloadError`] if one cannot be sent; those before it are added.
    pub(super) fn push_all<T: Data>(&mut self, values: &[T]) -> Result<(), PayloadError> {
        if !payload::is_plain::<T>() || values.is_empty() {
            return values.iter().try_for_each(|value| self.push(value));
        }
        self.pad(align_of::<T::Archived>());
        let mut descriptors = Vec::new();
        payload::encode_plain(values, &mut Body::detached(&mut self.bytes, &mut descriptors, LIMIT_BYTES))?;
        let length = size_of::<T::Archived>();
        self.last = self.bytes.len() - length;
        self.words.extend(std::iter::repeat_n(length as u32, values.len()));
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
        Some((self.words.last()? & !LENGTH_MASK, &self.bytes[self.last..]))
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
        let (mut bytes, words) = (std::mem::take(&mut self.bytes), &mut self.words);
        bytes.resize(bytes.len().next_multiple_of(WORD_BYTES), 0);
        bytes.reserve_exact((words.len() + 1) * WORD_BYTES);
        words.iter().for_each(|word| bytes.extend_from_slice(&word.to_le_bytes()));
        bytes.extend_from_slice(&u32::try_from(words.len()).unwrap_or(0).to_le_bytes());
        words.clear();
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

/// A sequence that is being read, from its start.
#[derive(Debug)]
struct Reader {
    bytes: Bytes,
    /// Where the words start.
    words: usize,
    count: usize,
    next: usize,
    position: usize,
}

impl Reader {
    /// Reads a sequence.
    ///
    /// # Errors
    /// [`PayloadError::Invalid`] if it is none.
    fn new(bytes: Bytes) -> Result<Reader, PayloadError> {
        let count = bytes.last_chunk().map(|count| u32::from_le_bytes(*count) as usize);
        let words = count.and_then(|count| bytes.len().checked_sub((count + 1) * WORD_BYTES));
        match (count, words) {
            (Some(count), Some(words)) => Ok(Reader { bytes, words, count, next: 0, position: 0 }),
            _ => Err(PayloadError::Invalid("no sequence of values".into())),
        }
    }

    /// Reads the next value; `None` after the last.
    #[inline]
    fn next<T: Data>(&mut self) -> Option<Result<T, Failed>> {
        let place = self.pass::<T>()?;
        let (flags, value) = match place {
            Ok(place) => place,
            Err(failed) => return Some(Err(failed)),
        };
        if flags & FAILED != 0 {
            let failed = open::<Failed>(value, WIDE_ALIGNMENT);
            return Some(Err(failed.unwrap_or_else(|error| Failed::Unreadable(error.to_string()))));
        }
        let alignment = if flags & WIDE == 0 { align_of::<T::Archived>() } else { WIDE_ALIGNMENT };
        Some(open::<T>(value, alignment).map_err(|error| Failed::Unreadable(error.to_string())))
    }

    /// Reads the next values if they are nothing but their roots: those stand in a row, as in an array.
    fn next_block<T: Data>(&mut self) -> Option<[T; BLOCK]> {
        let length = size_of::<T::Archived>();
        if self.count - self.next < BLOCK || length > BLOCK_VALUE_BYTES {
            return None;
        }
        let at = self.words + self.next * WORD_BYTES;
        let words = self.bytes.get(at..at + BLOCK * WORD_BYTES)?;
        let start = self.position.next_multiple_of(align_of::<T::Archived>());
        let end = start + BLOCK * length;
        if words.chunks_exact(WORD_BYTES).any(|word| word != (length as u32).to_le_bytes()) || end > self.words {
            return None;
        }
        let values = open::<[T; BLOCK]>(self.bytes.get(start..end)?, align_of::<T::Archived>()).ok()?;
        (self.next, self.position) = (self.next + BLOCK, end);
        Some(values)
    }

    /// Passes over the next value and gives its flags and bytes.
    #[inline]
    fn pass<T: Data>(&mut self) -> Option<Result<(u32, &[u8]), Failed>> {
        if self.next >= self.count {
            return None;
        }
        let at = self.words + self.next * WORD_BYTES;
        let word = self.bytes[at..].first_chunk().map_or(0, |word| u32::from_le_bytes(*word));
        self.next += 1;
        let alignment = if word & WIDE == 0 { align_of::<T::Archived>() } else { WIDE_ALIGNMENT };
        let start = self.position.next_multiple_of(alignment);
        self.position = start + (word & LENGTH_MASK) as usize;
        let value = if self.position <= self.words { self.bytes.get(start..self.position) } else { None };
        Some(value.map(|value| (word & !LENGTH_MASK, value)).ok_or_else(|| Failed::Unreadable("cut short".into())))
    }
}

/// The values of a sequence, made many at a time where they are nothing but their roots.
#[derive(Debug)]
pub(super) struct Values<T> {
    reader: Reader,
    made: Option<std::array::IntoIter<T, BLOCK>>,
}

impl<T: Data> Values<T> {
    /// Reads a sequence.
    ///
    /// # Errors
    /// [`PayloadError::Invalid`] if it is none.
    pub(super) fn new(bytes: Bytes) -> Result<Values<T>, PayloadError> {
        Ok(Values { reader: Reader::new(bytes)?, made: None })
    }

    /// Passes over values. To be called before the first is taken.
    pub(super) fn pass_over(&mut self, count: usize) {
        (0..count).for_each(|_| drop(self.reader.pass::<T>()));
    }
}

impl<T: Data> Iterator for Values<T> {
    type Item = Result<T, Failed>;

    #[inline]
    fn next(&mut self) -> Option<Result<T, Failed>> {
        if let Some(value) = self.made.as_mut().and_then(Iterator::next) {
            return Some(Ok(value));
        }
        self.made = self.reader.next_block::<T>().map(IntoIterator::into_iter);
        match &mut self.made {
            Some(block) => block.next().map(Ok),
            None => self.reader.next::<T>(),
        }
    }
}

/// Makes the value of an archive that should be aligned already.
#[inline]
fn open<T: Data>(value: &[u8], alignment: usize) -> Result<T, PayloadError> {
    if value.as_ptr().align_offset(alignment) == 0 {
        return payload::open::<T>(payload::access::<T>(value)?, &Arrived::default());
    }
    let mut aligned = AlignedVec::<WIDE_ALIGNMENT>::with_capacity(value.len());
    aligned.extend_from_slice(value);
    payload::open::<T>(payload::access::<T>(&aligned)?, &Arrived::default())
}

#[cfg(test)]
mod tests {
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
        let mut reader = Reader::new(Bytes::from_static(&[255, 255, 0, 0, 1, 0, 0, 0])).expect("it has a count");
        assert!(matches!(reader.next::<u64>(), Some(Err(Failed::Unreadable(_)))));
        assert!(reader.next::<u64>().is_none());
    }
}
