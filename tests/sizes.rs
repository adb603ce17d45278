//! Messages of every size, and descriptors in them.

use std::fs::{self, File};
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::fd::AsFd;
use std::time::Duration;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procession::prelude::*;
use procession::{Descriptor, TellError};
use procession_tests::guarded;

/// How long one case may take.
const GUARD: Duration = Duration::from_secs(60);

/// How long the largest message may take in a build without optimisation.
const LARGEST_GUARD: Duration = Duration::from_secs(240);

/// Offsets around each buffer boundary: the header has 32 bytes, frames start at multiples of 16, the archive of a list ends
/// in 8 bytes.
const AROUND: [i64; 19] = [-65, -64, -49, -48, -41, -40, -39, -33, -32, -24, -17, -16, -9, -8, -7, -1, 0, 1, 17];

/// Asks how long the bytes are, and whether all of them are `fill`.
#[message(reply = (u64, bool))]
struct Weigh {
    fill: u8,
    bytes: Vec<u8>,
}

/// As `Weigh`, for the largest: without optimisation the validation of single bytes takes long.
#[message(reply = (u64, bool))]
struct WeighWords {
    fill: u128,
    words: Vec<u128>,
}

/// Nothing at all: no byte of payload.
#[message]
struct Empty;

/// Asks how many `Empty` have come.
#[message(reply = u64)]
struct Empties;

/// Asks for so many bytes.
#[message(reply = Vec<u8>)]
struct Give {
    length: u64,
    fill: u8,
}

/// Asks to write a line into each file.
#[message(reply = Result<u64, String>)]
struct WriteInto {
    files: Vec<Descriptor>,
}

/// Asks to allow this many more descriptors than are open; none lifts the limit again.
#[message]
struct AllowDescriptors {
    more: Option<u64>,
}

#[derive(Default)]
struct Scale {
    empties: u64,
    soft_limit: u64,
}

#[actor]
impl Actor for Scale {
    type Messages = (Weigh, WeighWords, Empty, Empties, Give, WriteInto, AllowDescriptors);

    fn start((): (), _: &mut Context<Self>) -> Result<Scale, Failure> {
        Ok(Scale { empties: 0, soft_limit: getrlimit(Resource::RLIMIT_NOFILE)?.0 })
    }
}

impl Handler<Weigh> for Scale {
    fn handle(&mut self, weigh: Incoming<'_, Weigh>, _: &mut Context<Self>) -> (u64, bool) {
        (weigh.bytes.len() as u64, is_filled(&weigh.bytes, weigh.fill))
    }
}

impl Handler<WeighWords> for Scale {
    fn handle(&mut self, weigh: Incoming<'_, WeighWords>, _: &mut Context<Self>) -> (u64, bool) {
        (weigh.words.len() as u64, weigh.words.iter().all(|word| *word == weigh.fill))
    }
}

impl Handler<Empty> for Scale {
    fn handle(&mut self, _: Incoming<'_, Empty>, _: &mut Context<Self>) {
        self.empties += 1;
    }
}

impl Handler<Empties> for Scale {
    fn handle(&mut self, _: Incoming<'_, Empties>, _: &mut Context<Self>) -> u64 {
        self.empties
    }
}

impl Handler<Give> for Scale {
    fn handle(&mut self, give: Incoming<'_, Give>, _: &mut Context<Self>) -> Vec<u8> {
        vec![give.fill; give.length.to_native() as usize]
    }
}

impl Handler<WriteInto> for Scale {
    fn handle(&mut self, into: Incoming<'_, WriteInto>, _: &mut Context<Self>) -> Result<u64, String> {
        let mut count = 0;
        for descriptor in into.open().files {
            let mut file = File::from(descriptor.into_owned().map_err(|error| error.to_string())?);
            writeln!(file, "{count}").map_err(|error| error.to_string())?;
            count += 1;
        }
        Ok(count)
    }
}

impl Handler<AllowDescriptors> for Scale {
    fn handle(&mut self, allow: Incoming<'_, AllowDescriptors>, context: &mut Context<Self>) {
        let highest = fs::read_dir("/proc/self/fd").map_or(0, |entries| {
            let number = |entry: fs::DirEntry| entry.file_name().to_str()?.parse::<u64>().ok();
            entries.flatten().filter_map(number).max().unwrap_or(0)
        });
        let limit = allow.more.as_ref().map_or(self.soft_limit, |more| highest + more.to_native());
        let set =
            getrlimit(Resource::RLIMIT_NOFILE).and_then(|(_, hard)| setrlimit(Resource::RLIMIT_NOFILE, limit, hard));
        if let Err(error) = set {
            context.fail(error);
        }
    }
}

/// Compares in pieces: byte by byte is slow without optimisation.
fn is_filled(bytes: &[u8], fill: u8) -> bool {
    let piece = [fill; 4096];
    bytes.chunks(piece.len()).all(|chunk| *chunk == piece[..chunk.len()])
}

fn expect_round_trip(scale: &ActorRef<Scale>, length: usize, fill: u8) {
    let weighed = scale.ask(&Weigh { fill, bytes: vec![fill; length] }).expect("it is weighed");
    assert_eq!(weighed, (length as u64, true), "{length} bytes there");
    let given = scale.ask(&Give { length: length as u64, fill }).expect("it is given");
    assert!(given.len() == length && is_filled(&given, fill), "{length} bytes back");
}

#[procession::test]
fn messages_of_every_size_arrive_whole() {
    guarded("sizes", GUARD, |round| {
        let system = System::start().expect("a system starts");
        let scale = system.spawn::<Scale>(()).expect("a scale starts");
        let boundaries = [4 << 10, 16 << 10, 64 << 10, 256 << 10, 1 << 20].into_iter();
        let around = boundaries.flat_map(|boundary: i64| AROUND.map(|offset| (boundary + offset) as usize));
        let sizes = (0..=130).chain(around).chain([16 << 20]);
        for (index, size) in sizes.enumerate() {
            round.at(format!("{size} bytes"));
            expect_round_trip(&scale, size, index as u8);
        }
    });
}

#[procession::test]
fn messages_of_mixed_sizes_follow_each_other_in_one_stream() {
    guarded("mixed sizes", GUARD, |round| {
        let system = System::start().expect("a system starts");
        let scale = system.spawn::<Scale>(()).expect("a scale starts");
        for wave in 0..10 {
            round.at(format!("wave {wave}"));
            let mut pending = Vec::new();
            for fill in 0..100 {
                let most = 1 << round.dice.roll(21);
                let length = round.dice.roll(most) as usize;
                let weigh = Weigh { fill, bytes: vec![fill; length] };
                pending.push((length, scale.request(&weigh).expect("it is sent")));
                scale.tell(&Empty).expect("it is sent");
            }
            for (length, pending) in pending {
                assert_eq!(pending.wait_within(GUARD), Ok((length as u64, true)));
            }
            assert_eq!(scale.ask(&Empties), Ok(100 * (wave + 1)));
        }
    });
}

#[procession::test]
fn a_message_of_one_gibibyte_arrives_whole() {
    guarded("one GiB", LARGEST_GUARD, |round| {
        let system = System::start().expect("a system starts");
        let scale = system.spawn::<Scale>(()).expect("a scale starts");
        // Sender and receiver hold it about five times between them. Where there is less memory, a smaller one must do.
        let bytes = if available_bytes() > 10 << 30 { 1 << 30 } else { 128 << 20 };
        let length = bytes / size_of::<u128>() - 4;
        round.at(format!("{bytes} bytes"));
        let mut weigh = WeighWords { fill: 3, words: vec![3; length] };
        assert_eq!(scale.ask_within(&weigh, LARGEST_GUARD), Ok((length as u64, true)));
        round.at("a message after it");
        expect_round_trip(&scale, 100, 9);
        if bytes == 1 << 30 {
            round.at("one above the limit");
            weigh.words.extend([3; 4]);
            assert_eq!(scale.tell(&weigh), Err(TellError::TooLarge { limit_bytes: bytes }));
            expect_round_trip(&scale, 100, 9);
        }
    });
}

fn available_bytes() -> usize {
    let text = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    let line = text.lines().find(|line| line.starts_with("MemAvailable:")).unwrap_or_default();
    line.split_whitespace().nth(1).and_then(|number| number.parse::<usize>().ok()).unwrap_or(0) * 1024
}

#[procession::test]
fn a_message_above_the_limit_is_not_sent_and_the_connection_goes_on() {
    const LIMIT: usize = 1 << 20;
    guarded("too large", GUARD, |round| {
        let system = System::builder().message_limit_bytes(LIMIT).start().expect("a system starts");
        let scale = system.spawn::<Scale>(()).expect("a scale starts");
        let (mut largest, mut refused) = (0, 0);
        for length in LIMIT - 64..LIMIT + 16 {
            round.at(format!("{length} bytes"));
            scale.tell(&Empty).expect("it is sent");
            let weigh = Weigh { fill: 1, bytes: vec![1; length] };
            match scale.ask(&weigh) {
                Ok(weighed) => {
                    assert_eq!(weighed, (length as u64, true));
                    largest = length;
                }
                Err(error) => {
                    assert_eq!(error, AskError::TooLarge { limit_bytes: LIMIT });
                    assert_eq!(scale.tell(&weigh), Err(TellError::TooLarge { limit_bytes: LIMIT }));
                    assert_eq!(scale.try_tell(&weigh), Err(TellError::TooLarge { limit_bytes: LIMIT }));
                    refused += 1;
                }
            }
        }
        assert!(
            largest > LIMIT - 64 && largest <= LIMIT && refused >= 15,
            "{largest} was the largest, {refused} refused"
        );
        assert_eq!(scale.ask(&Empties), Ok(80));
        round.at("an answer above the limit");
        let outcome = scale.ask(&Give { length: 2 * LIMIT as u64, fill: 1 });
        assert!(
            matches!(outcome, Err(AskError::NoReply | AskError::Invalid(_) | AskError::TooLarge { .. })),
            "{outcome:?}"
        );
        expect_round_trip(&scale, 1000, 1);
    });
}

fn file() -> File {
    tempfile::tempfile().expect("a file")
}

fn text_of(mut file: &File) -> String {
    let mut text = String::new();
    file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_string(&mut text)).expect("it can be read");
    text
}

fn write_into(files: &[File]) -> WriteInto {
    let duplicate = |file: &File| file.as_fd().try_clone_to_owned().expect("it can be duplicated").into();
    WriteInto { files: files.iter().map(duplicate).collect() }
}

#[procession::test]
fn descriptors_arrive_with_their_message_and_in_order() {
    guarded("descriptors", GUARD, |round| {
        let system = System::start().expect("a system starts");
        let scale = system.spawn::<Scale>(()).expect("a scale starts");
        let files: Vec<File> = (0..64).map(|_| file()).collect();
        for wave in 1..=3 {
            round.at(format!("wave {wave}"));
            let pending = [1, 64, 7].map(|count| scale.request(&write_into(&files[..count])).expect("it is sent"));
            scale.tell(&Empty).expect("it is sent");
            assert_eq!(pending.map(|pending| pending.wait()), [Ok(1), Ok(64), Ok(7)]);
        }
        assert_eq!(text_of(&files[63]), "63\n63\n63\n");
        assert_eq!(text_of(&files[0]), "0\n".repeat(9));
        round.at("more than there may be");
        let many: Vec<File> = (0..251).map(|_| files[0].try_clone().expect("it can be duplicated")).collect();
        assert_eq!(scale.ask(&write_into(&many[..250])), Ok(250));
        let outcome = scale.ask(&write_into(&many));
        assert!(matches!(outcome, Err(AskError::Unsendable(_))), "{outcome:?}");
        assert_eq!(scale.ask(&Empties), Ok(3));
    });
}

#[procession::test]
fn descriptors_that_the_receiver_has_no_room_for_are_a_typed_error() {
    guarded("no room for descriptors", GUARD, |round| {
        let system = System::start().expect("a system starts");
        let scale = system.spawn::<Scale>(()).expect("a scale starts");
        let files: Vec<File> = (0..64).map(|_| file()).collect();
        for more in [1, 2, 10, 60] {
            round.at(format!("room for {more}"));
            scale.ask(&AllowDescriptors { more: Some(more) }).expect("it is limited");
            let before = scale.request(&Give { length: 10, fill: 1 }).expect("it is sent");
            let pending = scale.request(&write_into(&files)).expect("it is sent");
            let after = scale.request(&Give { length: 20, fill: 1 }).expect("it is sent");
            assert_eq!(before.wait().map(|bytes| bytes.len()), Ok(10));
            let outcome = pending.wait();
            assert!(matches!(outcome, Err(AskError::Invalid(_))), "{outcome:?}");
            assert_eq!(after.wait().map(|bytes| bytes.len()), Ok(20));
            scale.ask(&AllowDescriptors { more: None }).expect("it is not limited any more");
            assert_eq!(scale.ask(&write_into(&files)), Ok(64), "nothing of the refused descriptors is left");
        }
    });
}
