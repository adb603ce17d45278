//! The values of a [sequence](super::sequence), as they are read.

use bytes::Bytes;
use procession_runtime::Arrived;
use rkyv::util::AlignedVec;

use super::messages::Failed;
use super::sequence::{FAILED, LENGTH_MASK, UNIFORM, WIDE, WIDE_ALIGNMENT, WORD_BYTES};
use crate::{Data, PayloadError, payload};

/// How many values are made at once.
const BLOCK: usize = 64;

/// Larger ones are made one by one, in bytes.
const BLOCK_VALUE_BYTES: usize = 64;

/// A sequence that is being read, from its start.
#[derive(Debug)]
pub(super) struct Reader {
    bytes: Bytes,
    /// Where the words start.
    words: usize,
    /// The word of all values, if it is the same.
    uniform: Option<u32>,
    count: usize,
    next: usize,
    position: usize,
}

impl Reader {
    /// Reads a sequence.
    ///
    /// # Errors
    /// [`PayloadError::Invalid`] if it is none.
    pub(super) fn new(bytes: Bytes) -> Result<Reader, PayloadError> {
        let nonsense = || PayloadError::Invalid("no sequence of values".into());
        let count = bytes.last_chunk().map(|count| u32::from_le_bytes(*count)).ok_or_else(nonsense)?;
        let (is_uniform, count) = (count & UNIFORM != 0, (count & !UNIFORM) as usize);
        let words =
            bytes.len().checked_sub((if is_uniform { 1 } else { count } + 1) * WORD_BYTES).ok_or_else(nonsense)?;
        let mut reader = Reader { bytes, words, uniform: None, count, next: 0, position: 0 };
        if is_uniform {
            let word = reader.word(0);
            // As many as there are bytes for: what has none has a word of its own.
            let length = (word & LENGTH_MASK) as usize;
            if length == 0 || length.checked_mul(count).is_none_or(|bytes| bytes > words) {
                return Err(nonsense());
            }
            reader.uniform = Some(word);
        }
        Ok(reader)
    }

    /// The word of a value.
    #[inline]
    fn word(&self, index: usize) -> u32 {
        let at = self.words + index * WORD_BYTES;
        let word = || self.bytes.get(at..)?.first_chunk().map(|word| u32::from_le_bytes(*word));
        self.uniform.or_else(word).unwrap_or(0)
    }

    /// Reads the next value; `None` after the last.
    #[inline]
    pub(super) fn next<T: Data>(&mut self) -> Option<Result<T, Failed>> {
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
        let start = self.position.next_multiple_of(align_of::<T::Archived>());
        let end = start + BLOCK * length;
        let mut words =
            (self.next..self.next + if self.uniform.is_some() { 1 } else { BLOCK }).map(|index| self.word(index));
        if words.any(|word| word != length as u32) || end > self.words {
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
        let word = self.word(self.next);
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

    /// Gives all values to `take`, one by one, until that wants no more. Gives whether it has taken all.
    pub(super) fn give(mut self, mut take: impl FnMut(Result<T, Failed>) -> bool) -> bool {
        loop {
            while let Some(block) = self.reader.next_block::<T>() {
                if !block.into_iter().all(|value| take(Ok(value))) {
                    return false;
                }
            }
            let Some(value) = self.reader.next::<T>() else { return true };
            if !take(value) {
                return false;
            }
        }
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
