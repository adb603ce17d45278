//! One process plays both sides.

use std::io::Read;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread;

use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::sys::memfd::{MFdFlags, memfd_create};
use proptest::prelude::*;

use super::memory::{HEAD_BYTES, MEMORY_BYTES};
use super::*;
use crate::{Flushed, Frame, Header, Hub, Inlet, Outlet, Refusal, Socket, socket_pair};

const LIMIT_BYTES: usize = 64 << 20;

/// Both sides of a connection over shared memory, with the hubs whose bells they ring.
struct Pair {
    rings: [Arc<Ring>; 2],
    hubs: [Hub<()>; 2],
    watches: [crate::Watch; 2],
}

fn pair() -> Pair {
    let (one, other) = socket_pair().expect("a pair");
    let sockets = [one, other].map(|socket| Arc::new(Socket::from_nonblocking(socket)) as Arc<dyn Link>);
    let mut hubs = [Hub::new().expect("a hub"), Hub::new().expect("a hub")];
    let watches = [0, 1].map(|side| hubs[side].watch(sockets[side].descriptor(), ()).expect("it is watched"));
    let bells = [0, 1].map(|side| hubs[side].share_bell(watches[side]).expect("a bell"));
    let (ours, descriptor) = RingMemory::make().expect("there is memory");
    let theirs = RingMemory::open(descriptor).expect("it is sound");
    let [first, second] = bells;
    let ring = |memory, socket: &Arc<dyn Link>, bell| {
        Arc::new(Ring::new(memory, socket.clone(), bell).expect("it can be mapped"))
    };
    let rings = [ring(ours, &sockets[0], second), ring(theirs, &sockets[1], first)];
    hubs.iter_mut().zip(watches).for_each(|(hub, watch)| hub.follow_bell(watch));
    Pair { rings, hubs, watches }
}

fn halves(pair: &Pair, from: usize) -> (Outlet, Inlet) {
    let (sending, receiving) = (pair.rings[from].clone(), pair.rings[1 - from].clone());
    (Outlet::new(sending, LIMIT_BYTES), Inlet::new(receiving, LIMIT_BYTES))
}

fn push(outlet: &mut Outlet, tag: u32, payload: &[u8], descriptors: Vec<OwnedFd>) {
    let outcome: Result<usize, Refusal> = outlet.push(Header { tag, ..Header::default() }, |body| {
        descriptors.into_iter().try_for_each(|descriptor| body.attach(descriptor).map(drop))?;
        body.write(payload)
    });
    outcome.expect("it fits");
}

fn next(inlet: &mut Inlet) -> Option<Frame> {
    loop {
        if let Some(frame) = inlet.next_frame().expect("the stream is sound") {
            return Some(frame);
        }
        match inlet.receive().expect("it can be read") {
            crate::Received::More | crate::Received::Drained => {}
            crate::Received::Nothing | crate::Received::End => return None,
        }
    }
}

fn file(content: u8) -> OwnedFd {
    let file = memfd_create(c"test", MFdFlags::MFD_CLOEXEC).expect("there is memory");
    nix::unistd::write(&file, &[content]).expect("there is room");
    nix::unistd::lseek(&file, 0, nix::unistd::Whence::SeekSet).expect("it is a file");
    file
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// Whatever is sent, in whatever portions it is read, arrives whole, in order, with its own descriptors.
    #[test]
    fn what_is_sent_arrives(
        sent in prop::collection::vec((prop_oneof![0..1000_usize, 0..300_000_usize], 0..3_usize), 1..40),
        side in 0..2_usize,
        eager in any::<bool>(),
    ) {
        let pair = pair();
        let (mut outlet, mut inlet) = halves(&pair, side);
        let mut received = Vec::new();
        for (tag, (length, count)) in sent.iter().enumerate() {
            push(&mut outlet, tag as u32, &vec![tag as u8; *length], (0..*count).map(|_| file(tag as u8)).collect());
            let flushed = outlet.flush().expect("the other side is there");
            if eager || flushed != Flushed::Everything {
                received.extend(std::iter::from_fn(|| next(&mut inlet)));
            }
        }
        while outlet.flush().expect("the other side is there") != Flushed::Everything {
            received.extend(std::iter::from_fn(|| next(&mut inlet)));
        }
        received.extend(std::iter::from_fn(|| next(&mut inlet)));
        prop_assert_eq!(received.len(), sent.len());
        for (tag, (frame, (length, count))) in received.into_iter().zip(&sent).enumerate() {
            prop_assert_eq!(frame.header.tag as usize, tag);
            prop_assert_eq!(&frame.payload[..], &vec![tag as u8; *length][..]);
            let descriptors = frame.descriptors.arrived().expect("none was lost");
            prop_assert_eq!(descriptors.len(), *count);
            for descriptor in descriptors {
                let mut content = [0; 1];
                std::fs::File::from(descriptor).read_exact(&mut content).expect("it holds a byte");
                prop_assert_eq!(content[0], tag as u8);
            }
        }
    }

    /// Whatever the other side writes into the memory and the socket, the outcome is frames or an error.
    #[test]
    fn whatever_the_other_side_writes_is_an_error_at_worst(
        words in prop::collection::vec((0..512_usize, any::<u64>()), 1..8),
        positions in prop::collection::vec(any::<u64>(), 0..4),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let pair = pair();
        let (mut outlet, mut inlet) = halves(&pair, 0);
        push(&mut outlet, 1, &[7; 100], Vec::new());
        outlet.flush().expect("the other side is there");
        assert!(sys::copy_in(&pair.rings[0].memory.map, HEAD_BYTES, &noise));
        for (index, value) in words {
            pair.rings[0].memory.map.word(index).expect("it lies within").store(value, Ordering::Relaxed);
        }
        for position in positions {
            pair.rings[0].socket.send(&position.to_le_bytes(), &[file(0)]).expect("there is room");
        }
        for _ in 0..1000 {
            let is_over = match inlet.receive() {
                Ok(crate::Received::Nothing | crate::Received::End) | Err(_) => true,
                Ok(_) => false,
            };
            if is_over || std::iter::from_fn(|| inlet.next_frame().transpose()).any(|frame| frame.is_err()) {
                break;
            }
        }
        let _ = pair.rings[1].send(&[1; 100], &[]);
        let _ = pair.rings[1].attend();
        prop_assert!(inlet.unread_bytes() <= RING_BYTES + WIDE_RING_BYTES);
    }
}

#[test]
fn both_sleep_until_there_is_something_to_do() {
    const FRAMES: u32 = 20_000;
    let pair = pair();
    let (mut outlet, _) = halves(&pair, 0);
    let (_, mut inlet) = halves(&pair, 0);
    let [mut writing, mut reading] = pair.hubs;
    let [watch, other] = pair.watches;
    let reader = thread::spawn(move || {
        let mut seen = 0;
        while seen < FRAMES {
            match next(&mut inlet) {
                Some(frame) => {
                    assert_eq!((frame.header.tag, frame.payload.len()), (seen, seen as usize % 5000));
                    seen += 1;
                }
                None => {
                    reading.drained(other);
                    reading.wait(None).map(drop).expect("it waits");
                }
            }
        }
    });
    for tag in 0..FRAMES {
        push(&mut outlet, tag, &vec![1; tag as usize % 5000], Vec::new());
        while outlet.flush().expect("the other side is there") != Flushed::Everything {
            writing.want_writable(watch, &*pair.rings[0], true).expect("it is watched");
            writing.wait(None).expect("it waits");
            writing.written(watch);
        }
    }
    reader.join().expect("no panic");
    pair.rings[0].hang_up();
}

#[test]
fn the_end_shows_at_the_side_and_what_was_sent_before_is_read() {
    let pair = pair();
    let (mut outlet, mut inlet) = halves(&pair, 1);
    push(&mut outlet, 3, b"last", vec![file(1)]);
    outlet.flush().expect("the other side is there");
    assert!(!pair.rings[0].attend().expect("it can be read"));
    pair.rings[1].hang_up();
    assert!(pair.rings[0].attend().expect("it can be read"));
    let frame = next(&mut inlet).expect("it was sent");
    assert_eq!((frame.header.tag, frame.descriptors.arrived().map(|all| all.len())), (3, Ok(1)));
    assert!(next(&mut inlet).is_none());
}

#[test]
fn a_full_ring_takes_no_more_until_it_is_read() {
    let pair = pair();
    let ring = &pair.rings[0];
    let portions = RING_BYTES / PORTION_BYTES;
    (0..portions).for_each(|_| assert_eq!(ring.send(&[1; 2 * PORTION_BYTES], &[]), Ok(PORTION_BYTES)));
    assert_eq!(ring.send(&[1], &[]), Err(nix::Error::EAGAIN));
    let mut buffer = BytesMut::with_capacity(10);
    assert_eq!(pair.rings[1].receive(&mut buffer).map(|(count, _)| count), Ok(10));
    assert!(pair.rings[1].holds_more());
    assert_eq!(ring.send(&[1; 100], &[]), Ok(10));
}

/// How much of the memory of a pair of rings is there, in bytes.
fn resident(memory: &std::fs::File) -> u64 {
    use std::os::unix::fs::MetadataExt;
    memory.metadata().expect("it is open").blocks() * 512
}

#[test]
fn the_larger_buffer_has_memory_only_once_many_large_frames_are_sent() {
    let (memory, descriptor) = RingMemory::make().expect("there is memory");
    let file = std::fs::File::from(descriptor);
    let narrow = resident(&file);
    assert_eq!(narrow, 4096 + 2 * RING_BYTES as u64);
    memory.widen(0).expect("there is memory");
    assert_eq!(resident(&file), narrow + WIDE_RING_BYTES as u64);
    memory.vacate(0).expect("it can be given back");
    assert_eq!(resident(&file), narrow);
}

#[test]
fn large_frames_go_by_the_larger_buffer_and_small_ones_after_them_by_the_smaller() {
    let pair = pair();
    let (mut outlet, mut inlet) = halves(&pair, 0);
    let is_wide = || pair.rings[0].sent.course().is_wide();
    let mut send = |length: usize| {
        push(&mut outlet, 7, &vec![length as u8; length], Vec::new());
        outlet.flush().expect("the other side is there");
        let is_wide = is_wide();
        while outlet.flush().expect("the other side is there") != Flushed::Everything {
            assert!(inlet.receive().is_ok());
        }
        let frame = next(&mut inlet).expect("it was sent");
        assert_eq!((frame.header.tag, &frame.payload[..]), (7, &vec![length as u8; length][..]));
        is_wide
    };
    let wide: Vec<bool> = [100, 1 << 20, 1 << 20, 1 << 20, 1 << 20].map(&mut send).into();
    assert_eq!(wide, [false; 5], "few large frames are nothing to prepare for");
    let wide: Vec<bool> = [40_000, 3 << 20, 100, 100, 50_000, 5000].map(&mut send).into();
    assert_eq!(wide, [true, true, false, false, true, false]);
}

#[test]
fn all_of_the_larger_buffer_is_used_before_it_is_begun_anew() {
    let pair = pair();
    let (mut outlet, mut inlet) = halves(&pair, 0);
    let mut begun = Vec::new();
    for length in std::iter::repeat_n(100_000, 40) {
        push(&mut outlet, 7, &vec![1; length], Vec::new());
        while outlet.flush().expect("the other side is there") != Flushed::Everything {
            assert!(inlet.receive().is_ok());
        }
        assert_eq!(next(&mut inlet).expect("it was sent").payload.len(), length);
        begun.push(pair.rings[0].sent.course().since());
    }
    begun.dedup();
    let distances: Vec<u64> = begun.windows(2).skip(1).map(|two| two[1] - two[0]).collect();
    let stride = 100_000 + crate::HEADER_BYTES as u64;
    assert_eq!(distances, [11 * stride; 3], "the first of them that ends behind it");
}

/// A file in memory with such a length and such seals.
pub(super) fn sealed(length: usize, seals: SealFlag) -> OwnedFd {
    let file = memfd_create(c"test", MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING).expect("there is memory");
    nix::unistd::ftruncate(&file, length as i64).expect("it is a file");
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals)).expect("it can be sealed");
    file
}

/// Lengths and seals of files that are no memory to be shared, where one of `least` bytes is wanted.
pub(super) fn unsound_files(least: usize) -> [(&'static str, usize, SealFlag); 6] {
    let fixed = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW;
    [
        ("not sealed", least, SealFlag::empty()),
        ("it can shrink", least, SealFlag::F_SEAL_GROW),
        ("it can grow", least, SealFlag::F_SEAL_SHRINK),
        ("it can do both", least, SealFlag::F_SEAL_SEAL),
        ("too short", least - 1, fixed),
        ("empty", 0, fixed),
    ]
}

#[test]
fn memory_that_is_too_short_or_whose_length_can_change_is_refused() {
    for (what, length, seals) in unsound_files(MEMORY_BYTES) {
        let refused = RingMemory::open(sealed(length, seals)).err().map(|error| error.kind());
        assert_eq!(refused, Some(io::ErrorKind::InvalidInput), "{what}");
    }
    let (_ours, theirs) = RingMemory::make().expect("there is memory");
    let seals = SealFlag::from_bits_retain(fcntl(&theirs, FcntlArg::F_GET_SEALS).expect("it can be sealed"));
    assert!(seals.contains(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL));
    let sealed = sealed(MEMORY_BYTES, SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW);
    RingMemory::open(sealed).expect("it is long enough, and stays so");
}

#[test]
fn what_is_no_memory_is_refused() {
    let (pipe, _) = std::io::pipe().expect("a pipe");
    let null = std::fs::File::open("/dev/null").expect("it is there");
    let (socket, _) = socket_pair().expect("a pair");
    for descriptor in [pipe.into(), null.into(), socket] {
        assert!(RingMemory::open(descriptor).is_err());
    }
    // Not every kernel has huge pages.
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING | MFdFlags::MFD_HUGETLB;
    if let Ok(huge) = memfd_create(c"test", flags) {
        nix::unistd::ftruncate(&huge, 1 << 30).expect("it is a file");
        fcntl(&huge, FcntlArg::F_ADD_SEALS(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW)).expect("it can be sealed");
        let refused = RingMemory::open(huge).err().map(|error| error.kind());
        assert_eq!(refused, Some(io::ErrorKind::InvalidInput));
    }
}

#[test]
fn nothing_behind_a_bound_is_read() {
    let pair = pair();
    let [writing, reading] = &pair.rings;
    let mut buffer = BytesMut::with_capacity(100);
    writing.send(b"before", &[]).expect("there is room");
    reading.bound();
    writing.send(b"behind", &[]).expect("there is room");
    assert_eq!(reading.receive(&mut buffer).map(|(count, _)| count), Ok(6));
    assert!(!reading.holds_more());
    assert!(matches!(reading.receive(&mut buffer), Err(nix::Error::EAGAIN)));
    reading.lift_bound();
    assert_eq!(reading.receive(&mut buffer).map(|(count, _)| count), Ok(6));
    assert_eq!(&buffer[..], b"beforebehind");
}
