//! Has every order tried in which two processes can come by the words that they share in a ring.

use std::sync::Arc as StdArc;

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use loom::thread;

mod atomic {
    pub(super) use loom::sync::atomic::{AtomicU32, AtomicU64, Ordering, fence};
}

#[path = "../src/ring/protocol.rs"]
#[allow(dead_code)]
mod protocol;

use protocol::{Broken, Door, Positions};

/// What two processes share: a stream of `CAPACITY` places, and the bells of both.
struct Shared<const CAPACITY: usize> {
    written: AtomicU64,
    read: AtomicU64,
    wants_room: AtomicU32,
    /// Their order is only what the positions make it.
    places: [AtomicU64; CAPACITY],
    reader: Bell,
    writer: Bell,
}

/// A bell, and its event: how often it has been woken. Yielding stands for sleep.
struct Bell {
    rung: AtomicU64,
    sleeping: AtomicU32,
    event: AtomicU64,
}

impl Bell {
    fn new() -> Bell {
        Bell { rung: AtomicU64::new(0), sleeping: AtomicU32::new(0), event: AtomicU64::new(0) }
    }

    fn door(&self) -> Door<'_> {
        Door { rung: &self.rung, sleeping: &self.sleeping }
    }

    fn ring(&self) {
        if self.door().ring(1) {
            self.event.fetch_add(1, Ordering::SeqCst);
        }
    }

    /// Waits until it is rung; sleeps until it is woken, if nobody has.
    fn wait(&self) {
        if self.door().take() != 0 {
            return;
        }
        if self.door().fall_asleep() {
            while self.event.swap(0, Ordering::SeqCst) == 0 {
                thread::yield_now();
            }
        }
        self.door().wake();
        self.door().take();
    }
}

impl<const CAPACITY: usize> Shared<CAPACITY> {
    fn new() -> Arc<Self> {
        Arc::new(Shared {
            written: AtomicU64::new(0),
            read: AtomicU64::new(0),
            wants_room: AtomicU32::new(0),
            places: std::array::from_fn(|_| AtomicU64::new(u64::MAX)),
            reader: Bell::new(),
            writer: Bell::new(),
        })
    }

    fn positions(&self) -> Positions<'_> {
        let (written, read, wants_room) = (&self.written, &self.read, &self.wants_room);
        Positions { written, read, wants_room, capacity: CAPACITY as u64 }
    }

    fn write(&self, count: u64) {
        for written in 0..count {
            while self.room(written) == 0 {
                self.writer.wait();
            }
            self.places[written as usize % CAPACITY].store(written, Ordering::Relaxed);
            self.positions().publish(written + 1);
            self.reader.ring();
        }
    }

    fn room(&self, written: u64) -> u64 {
        let room = self.positions().room(written).expect("both are honest");
        if room > 0 {
            return room;
        }
        self.positions().want_room();
        self.positions().room(written).expect("both are honest")
    }

    fn read(&self, count: u64) {
        let mut read = 0;
        while read < count {
            let unread = self.positions().unread(read).expect("both are honest");
            if unread == 0 {
                self.reader.wait();
                continue;
            }
            let value = self.places[read as usize % CAPACITY].load(Ordering::Relaxed);
            assert_eq!(value, read, "what is read is what was written there");
            read += 1;
            if self.positions().release(read, unread - 1) {
                self.writer.ring();
            }
        }
    }
}

fn model(run: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(2);
    builder.check(run);
}

/// Whoever sleeps is woken: loom reports a thread that waits for ever.
#[test]
fn what_is_written_is_read_and_nobody_sleeps_for_ever() {
    model(|| {
        let shared = Shared::<1>::new();
        let writer = shared.clone();
        let writer = thread::spawn(move || writer.write(2));
        shared.read(2);
        writer.join().expect("no panic");
    });
}

#[test]
fn a_place_is_written_again_only_once_it_has_been_read() {
    model(|| {
        let shared = Shared::<2>::new();
        let writer = shared.clone();
        let writer = thread::spawn(move || writer.write(3));
        shared.read(3);
        writer.join().expect("no panic");
    });
}

/// Several can ring one bell.
#[test]
fn no_ring_is_lost() {
    model(|| {
        let bell = StdArc::new(Bell::new());
        let ringers = [1_u64, 2].map(|bit| {
            let bell = bell.clone();
            thread::spawn(move || {
                if bell.door().ring(bit) {
                    bell.event.fetch_add(1, Ordering::SeqCst);
                }
            })
        });
        let mut heard = 0;
        while heard != 3 {
            heard |= bell.door().take();
            if heard == 3 {
                break;
            }
            if bell.door().fall_asleep() {
                while bell.event.swap(0, Ordering::SeqCst) == 0 {
                    thread::yield_now();
                }
            }
            bell.door().wake();
        }
        ringers.into_iter().for_each(|ringer| ringer.join().expect("no panic"));
    });
}

/// No position that the other side could write is believed beyond the capacity.
#[test]
fn wild_positions_are_an_error() {
    model(|| {
        let shared = Shared::<2>::new();
        for (mine, theirs) in [(0, 1), (5, 2), (u64::MAX, 1 << 63), (3, 4)] {
            shared.read.store(theirs, Ordering::Relaxed);
            assert_eq!(shared.positions().room(mine), Err(Broken), "{mine} written, {theirs} read");
        }
        for (mine, theirs) in [(1, 0), (0, 3), (0, u64::MAX), (u64::MAX, 1 << 63)] {
            shared.written.store(theirs, Ordering::Relaxed);
            assert_eq!(shared.positions().unread(mine), Err(Broken), "{mine} read, {theirs} written");
        }
    });
}
