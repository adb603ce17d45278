//! Records: what a process has done, kept where it can be read when the process has died.
//!
//! A [`RecordFile`] is an anonymous file in memory that holds several records of one size. Its owner gives each to one
//! process, which maps it with a [`RecordWriter`]. A record has a few words that both sides read and write atomically, and
//! a list of entries. An entry counts only once its length is committed, after its bytes: so a writer that dies at any
//! instant leaves whole entries. The owner reads them when the writer is dead; what it reads is checked, not believed.
//!
//! Entries of one kind and length, with tags in a row, are a series: they share what stands before the first. How many they
//! are is noted there when the next series begins; until then, what is committed tells.
//!
//! The space is reserved and the file sealed against shrinking, so that no touch of it can fail.

use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::Ordering;

use crate::memory::{self, Mapping};

/// Words of a record that its user names, from 0.
pub const RECORD_WORDS: usize = 127;

/// A record's size is a multiple of it, in bytes.
pub const RECORD_UNIT_BYTES: usize = 64 << 10;

const WORD_BYTES: usize = size_of::<u64>();

/// Where the entries start: behind the word that says how many bytes of them are committed, and the user's words.
const HEAD_BYTES: usize = (1 + RECORD_WORDS) * WORD_BYTES;

/// What stands before the bytes of a series: the tag of its first entry, the kind and length of each, and their number, or 0
/// for as many as are committed.
const SERIES_HEAD_BYTES: usize = 3 * WORD_BYTES;

/// Where the number of entries stands in it.
const SERIES_COUNT: usize = 2 * WORD_BYTES;

/// One entry of a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RecordEntry {
    /// What it is about.
    pub tag: u64,
    /// What it is.
    pub kind: u32,
    /// What it says.
    pub bytes: Vec<u8>,
}

/// Several records, as their owner sees them.
#[derive(Debug)]
pub struct RecordFile {
    file: std::fs::File,
    map: Mapping,
    records: usize,
    record_bytes: usize,
}

impl RecordFile {
    /// Makes empty records. The size of each is rounded up to a multiple of [`RECORD_UNIT_BYTES`].
    ///
    /// # Errors
    /// The system's, if it has no memory or descriptors left.
    pub fn new(records: usize, record_bytes: usize) -> io::Result<RecordFile> {
        let record_bytes = record_bytes.max(1).next_multiple_of(RECORD_UNIT_BYTES);
        let length = record_bytes.checked_mul(records.max(1)).ok_or(io::ErrorKind::OutOfMemory)?;
        let file = memory::reserve("procession-records", length)?;
        let map = Mapping::new(&file, 0, length)?;
        Ok(RecordFile { file, map, records, record_bytes })
    }

    /// Gives a descriptor of the file, for [`RecordWriter::open`] in another process.
    ///
    /// # Errors
    /// The system's, if there are no descriptors left.
    pub fn descriptor(&self) -> io::Result<OwnedFd> {
        self.file.as_fd().try_clone_to_owned()
    }

    /// Size of each record, in bytes.
    pub fn record_bytes(&self) -> usize {
        self.record_bytes
    }

    /// Reads a word of a record; 0 if there is no such word.
    pub fn word(&self, record: usize, word: usize) -> u64 {
        self.place(record, word).map_or(0, |place| place.load(Ordering::SeqCst))
    }

    /// Writes a word of a record, in one order with all other such writes and reads on both sides.
    pub fn set_word(&self, record: usize, word: usize, value: u64) {
        if let Some(place) = self.place(record, word) {
            place.store(value, Ordering::SeqCst);
        }
    }

    /// Empties a record, for its next writer. The last one is dead.
    pub fn clear(&self, record: usize) {
        let first = record * self.record_bytes / WORD_BYTES;
        for place in (first..=first + RECORD_WORDS).filter_map(|index| self.map.word(index)) {
            place.store(0, Ordering::SeqCst);
        }
    }

    /// Reads the entries of a record, whose writer is dead. It stops at one that makes no sense.
    ///
    /// # Errors
    /// The system's.
    pub fn entries(&self, record: usize) -> io::Result<Vec<RecordEntry>> {
        let first = record * self.record_bytes;
        let room = if record < self.records { self.record_bytes - HEAD_BYTES } else { 0 };
        let committed = self.map.word(first / WORD_BYTES).map_or(0, |place| place.load(Ordering::SeqCst));
        let mut bytes = vec![0; usize::try_from(committed).unwrap_or(usize::MAX).min(room)];
        self.file.read_exact_at(&mut bytes, (first + HEAD_BYTES) as u64)?;
        let (mut entries, mut rest) = (Vec::new(), &bytes[..]);
        while let Some(next) = split_series(rest, &mut entries) {
            rest = next;
        }
        Ok(entries)
    }

    fn place(&self, record: usize, word: usize) -> Option<&std::sync::atomic::AtomicU64> {
        let is_there = record < self.records && word < RECORD_WORDS;
        is_there.then(|| self.map.word(record * self.record_bytes / WORD_BYTES + 1 + word)).flatten()
    }
}

/// Takes the entries out of the first series, and gives what stands behind it.
fn split_series<'a>(bytes: &'a [u8], entries: &mut Vec<RecordEntry>) -> Option<&'a [u8]> {
    let (head, rest) = bytes.split_at_checked(SERIES_HEAD_BYTES)?;
    let (tag, head) = head.split_first_chunk::<8>()?;
    let (kind, head) = head.split_first_chunk::<4>()?;
    let (length, count) = head.split_first_chunk::<4>()?;
    let (tag, kind) = (u64::from_le_bytes(*tag), u32::from_le_bytes(*kind));
    let length = u32::from_le_bytes(*length) as usize;
    let count = u64::from_le_bytes(*count.first_chunk()?);
    if length == 0 {
        entries.push(RecordEntry { tag, kind, bytes: Vec::new() });
        return Some(rest);
    }
    let places = rest.chunks(length.next_multiple_of(WORD_BYTES));
    let committed = places.map_while(|place| place.get(..length));
    let count = if count == 0 { usize::MAX } else { usize::try_from(count).unwrap_or(usize::MAX) };
    let tags = (0..).map(|index| tag.wrapping_add(index));
    entries.extend(tags.zip(committed.take(count)).map(|(tag, bytes)| RecordEntry {
        tag,
        kind,
        bytes: bytes.to_vec(),
    }));
    Some(rest.get(length.next_multiple_of(WORD_BYTES).saturating_mul(count)..).unwrap_or_default())
}

/// The series that is being written.
#[derive(Debug)]
struct Series {
    /// Where it starts, counted from where the entries start.
    start: usize,
    kind: u32,
    length: usize,
    count: u64,
    /// The tag of an entry that would belong to it.
    next_tag: u64,
}

/// One record, as the process sees it whose record it is.
#[derive(Debug)]
pub struct RecordWriter {
    map: Mapping,
    record_bytes: usize,
    used_bytes: usize,
    series: Option<Series>,
}

impl RecordWriter {
    /// Maps one record of a file; `record_bytes` is what [`RecordFile::record_bytes`] says.
    ///
    /// # Errors
    /// The system's, if it has no memory left, or the descriptor is not that of such a file.
    pub fn open(file: OwnedFd, record: usize, record_bytes: usize) -> io::Result<RecordWriter> {
        let offset = record.checked_mul(record_bytes).ok_or(io::ErrorKind::InvalidInput)?;
        if record_bytes <= HEAD_BYTES {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        let (file, _) = memory::check(file, offset.saturating_add(record_bytes))?;
        Ok(RecordWriter { map: Mapping::new(&file, offset, record_bytes)?, record_bytes, used_bytes: 0, series: None })
    }

    /// Reads a word; 0 if there is no such word.
    #[inline]
    pub fn word(&self, word: usize) -> u64 {
        self.place(word).map_or(0, |place| place.load(Ordering::SeqCst))
    }

    /// Writes a word, after everything that was written before.
    #[inline]
    pub fn set_word(&self, word: usize, value: u64) {
        if let Some(place) = self.place(word) {
            place.store(value, Ordering::Release);
        }
    }

    /// Writes a word, in one order with the reads and writes on the other side: what is read afterwards is no older.
    #[inline]
    pub fn set_word_in_order(&self, word: usize, value: u64) {
        if let Some(place) = self.place(word) {
            place.store(value, Ordering::SeqCst);
        }
    }

    /// Adds an entry. Gives whether there was room for it.
    #[inline]
    pub fn append(&mut self, tag: u64, kind: u32, bytes: &[u8]) -> bool {
        let length = bytes.len();
        match &mut self.series {
            Some(series) if (series.next_tag, series.kind, series.length) == (tag, kind, length) && length > 0 => {
                let end = self.used_bytes + length.next_multiple_of(WORD_BYTES);
                if end > self.record_bytes - HEAD_BYTES || !put(&mut self.map, self.used_bytes, bytes) {
                    return false;
                }
                series.next_tag = tag.wrapping_add(1);
                series.count += 1;
                self.used_bytes = end;
                self.commit();
                true
            }
            _ => self.append_first(tag, kind, bytes),
        }
    }

    /// Begins a series, with its first entry.
    fn append_first(&mut self, tag: u64, kind: u32, bytes: &[u8]) -> bool {
        let (start, length) = (self.used_bytes, bytes.len());
        let place = start + SERIES_HEAD_BYTES;
        let end = place + length.next_multiple_of(WORD_BYTES);
        let Ok(length_word) = u32::try_from(length) else { return false };
        if end > self.record_bytes - HEAD_BYTES {
            return false;
        }
        if let Some(before) = &self.series {
            put(&mut self.map, before.start + SERIES_COUNT, &before.count.to_le_bytes());
        }
        let mut head = [0; SERIES_HEAD_BYTES];
        head[..8].copy_from_slice(&tag.to_le_bytes());
        head[8..12].copy_from_slice(&kind.to_le_bytes());
        head[12..16].copy_from_slice(&length_word.to_le_bytes());
        let is_written = put(&mut self.map, start, &head) && put(&mut self.map, place, bytes);
        if is_written {
            self.series = Some(Series { start, kind, length, count: 1, next_tag: tag.wrapping_add(1) });
            self.used_bytes = end;
            self.commit();
        }
        is_written
    }

    /// How many bytes its entries take.
    pub fn used_bytes(&self) -> usize {
        self.used_bytes
    }

    /// Removes all entries.
    pub fn empty(&mut self) {
        self.used_bytes = 0;
        self.series = None;
        self.commit();
    }

    #[inline]
    fn commit(&self) {
        if let Some(place) = self.map.word(0) {
            place.store(self.used_bytes as u64, Ordering::Release);
        }
    }

    #[inline]
    fn place(&self, word: usize) -> Option<&std::sync::atomic::AtomicU64> {
        (word < RECORD_WORDS).then(|| self.map.word(1 + word)).flatten()
    }
}

/// Writes bytes to a place, counted from where the entries start.
#[inline]
fn put(map: &mut Mapping, place: usize, bytes: &[u8]) -> bool {
    match <&[u8; WORD_BYTES]>::try_from(bytes) {
        // Numbers: of a length that is known, they are copied without a call.
        Ok(number) => map.write(HEAD_BYTES + place, number),
        Err(_) => map.write(HEAD_BYTES + place, bytes),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pair(records: usize, record: usize) -> (RecordFile, RecordWriter) {
        let file = RecordFile::new(records, 1).expect("there is memory");
        let descriptor = file.descriptor().expect("there are descriptors");
        let writer = RecordWriter::open(descriptor, record, file.record_bytes()).expect("it is such a file");
        (file, writer)
    }

    #[test]
    fn entries_are_read_as_they_were_written() {
        let (file, mut writer) = pair(3, 1);
        assert!(writer.append(7, 1, b"seven") && writer.append(8, 0, b"") && writer.append(u64::MAX, 2, &[1; 1000]));
        writer.set_word(0, 5);
        writer.set_word_in_order(RECORD_WORDS - 1, 6);
        let expected = [
            RecordEntry { tag: 7, kind: 1, bytes: b"seven".to_vec() },
            RecordEntry { tag: 8, kind: 0, bytes: Vec::new() },
            RecordEntry { tag: u64::MAX, kind: 2, bytes: vec![1; 1000] },
        ];
        assert_eq!(file.entries(1).expect("it can be read"), expected);
        assert_eq!((file.word(1, 0), file.word(1, RECORD_WORDS - 1), file.word(0, 0)), (5, 6, 0));
        assert!(file.entries(0).expect("it can be read").is_empty());
        assert!(file.entries(3).is_ok_and(|entries| entries.is_empty()));
        file.set_word(1, 2, 9);
        assert_eq!(writer.word(2), 9);
        writer.empty();
        assert!(writer.append(1, 1, b"x"));
        assert_eq!(file.entries(1).expect("it can be read").len(), 1);
        file.clear(1);
        assert!(file.entries(1).expect("it can be read").is_empty());
        assert_eq!(file.word(1, 0), 0);
    }

    #[test]
    fn a_full_record_takes_nothing_more() {
        let (file, mut writer) = pair(2, 0);
        let count = (0..).take_while(|number| writer.append(2 * number, 0, &[0; 100])).count();
        assert_eq!(count, (RECORD_UNIT_BYTES - HEAD_BYTES) / (SERIES_HEAD_BYTES + 104));
        assert_eq!(file.entries(0).expect("it can be read").len(), count);
        assert!(file.entries(1).expect("it can be read").is_empty());
        writer.empty();
        let count = (0..).take_while(|number| writer.append(*number, 0, &[0; 8])).count();
        assert_eq!(count, (RECORD_UNIT_BYTES - HEAD_BYTES - SERIES_HEAD_BYTES) / 8);
        assert_eq!(file.entries(0).expect("it can be read").len(), count);
    }

    #[test]
    fn entries_of_a_series_are_read_as_they_were_written() {
        let (file, mut writer) = pair(1, 0);
        let mut expected = Vec::new();
        let written = [(5, 1, 8), (6, 1, 8), (7, 1, 8), (8, 1, 9), (9, 1, 9), (10, 2, 9), (11, 2, 0), (12, 2, 0)];
        for (tag, kind, length) in written.into_iter().chain([(13, 2, 3), (15, 2, 3), (16, 2, 3), (u64::MAX, 2, 3)]) {
            let bytes = vec![tag as u8; length];
            assert!(writer.append(tag, kind, &bytes));
            expected.push(RecordEntry { tag, kind, bytes });
            // Whenever its writer dies, what is there is whole.
            assert_eq!(file.entries(0).expect("it can be read"), expected);
        }
    }

    #[test]
    fn nonsense_is_neither_believed_nor_mapped() {
        let (file, mut writer) = pair(1, 0);
        assert!(writer.append(1, 0, b"true"));
        writer.used_bytes = 1 << 40;
        writer.commit();
        // What was never written is all zeros, which is an empty entry.
        assert_eq!(file.entries(0).expect("it can be read")[0].bytes, b"true");
        assert!(RecordWriter::open(file.descriptor().expect("one"), 1, file.record_bytes()).is_err());
        let unsealed = procession_transport::memory_file("unsealed").expect("there is memory");
        assert!(RecordWriter::open(unsealed, 0, RECORD_UNIT_BYTES).is_err());
    }
}
