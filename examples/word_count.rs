//! Counts the words of a file: a reader, four mappers and a reducer, each of them a process.
//!
//! `cargo run --release --example word_count [FILE] [--check]`

use std::collections::HashMap;
use std::fs::{self, File};
use std::io::{self, BufReader, Read, Write};
use std::mem;
use std::time::Duration;

use procession::prelude::*;

const MAPPERS: usize = 4;
const CHUNK_BYTES: u64 = 64 << 10;
const TABLE_LIMIT: usize = 50_000;
const PATIENCE: Duration = Duration::from_secs(3600);

type Words = HashMap<String, u64>;

/// Asked of the reader, and answered when every word has been counted.
#[message(reply = Result<(), Failure>)]
struct ReadFile {
    path: String,
}

#[message]
struct Chunk {
    text: String,
}

/// Asked of a mapper after its last chunk.
#[message(reply = Result<(), Failure>)]
struct Finish;

#[message]
struct Counted {
    words: Words,
}

#[message(reply = Words)]
struct Total;

struct Reader {
    mappers: Vec<ActorRef<Mapper>>,
}

#[actor]
impl Actor for Reader {
    type Args = Vec<ActorRef<Mapper>>;
    type Messages = (ReadFile,);

    fn start(mappers: Vec<ActorRef<Mapper>>, _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Reader { mappers })
    }
}

impl Handler<ReadFile> for Reader {
    fn handle(&mut self, message: Incoming<'_, ReadFile>, _: &mut Context<Self>) -> Result<(), Failure> {
        Ok(self.read(&message.path)?)
    }
}

impl Reader {
    /// A mapper that does not keep up makes `tell` wait, so only a few chunks are in memory at a time.
    fn read(&self, path: &str) -> procession::Result<()> {
        let mut file = BufReader::new(File::open(path)?);
        for mapper in self.mappers.iter().cycle() {
            let text = next_chunk(&mut file)?;
            if text.is_empty() {
                break;
            }
            mapper.tell(&Chunk { text })?;
        }
        self.mappers.iter().try_for_each(|mapper| Ok(mapper.ask_within(&Finish, PATIENCE)?))
    }
}

/// Reads on to the end of a word.
fn next_chunk(file: &mut BufReader<File>) -> io::Result<String> {
    let mut chunk = Vec::new();
    file.take(CHUNK_BYTES).read_to_end(&mut chunk)?;
    for byte in file.bytes() {
        chunk.push(byte?);
        if chunk.last().is_some_and(u8::is_ascii_whitespace) {
            break;
        }
    }
    Ok(String::from_utf8(chunk).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned()))
}

struct Mapper {
    words: Words,
    reducer: ActorRef<Reducer>,
}

#[actor]
impl Actor for Mapper {
    type Args = ActorRef<Reducer>;
    type Messages = (Chunk, Finish);

    fn start(reducer: ActorRef<Reducer>, _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Mapper { words: Words::new(), reducer })
    }
}

impl Handler<Chunk> for Mapper {
    fn handle(&mut self, chunk: Incoming<'_, Chunk>, context: &mut Context<Self>) {
        count(&mut self.words, &chunk.text);
        if self.words.len() > TABLE_LIMIT {
            self.hand_over().unwrap_or_else(|error| context.fail(error));
        }
    }
}

impl Handler<Finish> for Mapper {
    fn handle(&mut self, _: Incoming<'_, Finish>, _: &mut Context<Self>) -> Result<(), Failure> {
        Ok(self.hand_over()?)
    }
}

impl Mapper {
    fn hand_over(&mut self) -> Result<(), AskError> {
        self.reducer.ask_within(&Counted { words: mem::take(&mut self.words) }, PATIENCE)
    }
}

fn count(words: &mut Words, text: &str) {
    text.split_ascii_whitespace().for_each(|word| add(words, word, 1));
}

fn add(words: &mut Words, word: &str, times: u64) {
    match words.get_mut(word) {
        Some(count) => *count += times,
        None => drop(words.insert(word.to_owned(), times)),
    }
}

struct Reducer {
    words: Words,
}

#[actor]
impl Actor for Reducer {
    type Messages = (Counted, Total);

    fn start((): (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Reducer { words: Words::new() })
    }
}

impl Handler<Counted> for Reducer {
    fn handle(&mut self, counted: Incoming<'_, Counted>, _: &mut Context<Self>) {
        counted.words.iter().for_each(|(word, count)| add(&mut self.words, word, count.to_native()));
    }
}

impl Handler<Total> for Reducer {
    fn handle(&mut self, _: Incoming<'_, Total>, _: &mut Context<Self>) -> Words {
        mem::take(&mut self.words)
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let (flags, files): (Vec<_>, Vec<_>) = std::env::args().skip(1).partition(|argument| argument.starts_with("--"));
    let mut sample = tempfile::NamedTempFile::new()?;
    write!(sample, "the cat saw the dog and the dog saw the cat")?;
    let path = files.into_iter().next().unwrap_or_else(|| sample.path().display().to_string());

    let system = System::start()?;
    let reducer = system.spawn::<Reducer>(())?;
    let mappers = (0..MAPPERS).map(|_| system.spawn::<Mapper>(reducer.clone())).collect::<Result<Vec<_>, _>>()?;
    let reader = system.spawn::<Reader>(mappers.clone())?;
    reader.ask_within(&ReadFile { path: path.clone() }, PATIENCE)?;
    let words = reducer.ask_within(&Total, PATIENCE)?;

    let mut most: Vec<_> = words.iter().map(|(word, count)| (u64::MAX - count, word)).collect();
    most.sort();
    for (rest, word) in most.iter().take(5) {
        println!("{:10} {word}", u64::MAX - rest);
    }
    println!("{:10} words, {} different", words.values().sum::<u64>(), words.len());

    let pids = mappers.iter().map(ActorRef::pid).chain([reader.pid(), reducer.pid()]);
    let peaks = pids.map(|pid| Ok(peak_mebibytes(pid?.unwrap_or_default())?));
    let peak = peaks.collect::<procession::Result<Vec<_>>>()?.into_iter().max().unwrap_or_default();
    println!("no process held more than {peak} MiB");

    if flags.contains(&"--check".to_owned()) {
        assert!(count_alone(&path)? == words, "a single process counts differently");
        println!("a single process counts the same");
    }
    system.shutdown()
}

fn count_alone(path: &str) -> io::Result<Words> {
    let (mut words, mut file) = (Words::new(), BufReader::new(File::open(path)?));
    loop {
        match next_chunk(&mut file)? {
            text if text.is_empty() => return Ok(words),
            text => count(&mut words, &text),
        }
    }
}

/// What the process has had in memory at most.
fn peak_mebibytes(pid: i32) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    Ok(kibibytes.unwrap_or_default().div_ceil(1024))
}
