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

use protocol::{Broken, Course, Door, Positions};

/// What two processes share: a stream by a buffer of `CAPACITY` places, or by one of `WIDE`, and the bells of both.
struct Shared<const CAPACITY: usize, const WIDE: usize> {
    written: AtomicU64,
    course: AtomicU64,
    read: AtomicU64,
    wants_room: AtomicU32,
    /// Their order is only what the positions make it.
    narrow: [AtomicU64; CAPACITY],
    wide: [AtomicU64; WIDE],
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

impl<const CAPACITY: usize, const WIDE: usize> Shared<CAPACITY, WIDE> {
    fn new() -> Arc<Self> {
        Arc::new(Shared {
            written: AtomicU64::new(0),
            course: AtomicU64::new(0),
            read: AtomicU64::new(0),
            wants_room: AtomicU32::new(0),
            narrow: std::array::from_fn(|_| AtomicU64::new(u64::MAX)),
            wide: std::array::from_fn(|_| AtomicU64::new(u64::MAX)),
            reader: Bell::new(),
            writer: Bell::new(),
        })
    }

    fn positions(&self) -> Positions<'_> {
        let Shared { written, course, read, wants_room, .. } = self;
        Positions { written, course, read, wants_room, capacities: [CAPACITY as u64, WIDE as u64] }
    }

    fn place(&self, course: Course, position: u64) -> &AtomicU64 {
        let index = (position - course.since()) as usize;
        if course.is_wide() { &self.wide[index % WIDE] } else { &self.narrow[index % CAPACITY] }
    }

    /// Writes `count` values; before each, `steer` says by which buffer it had best go.
    fn write(&self, count: u64, steer: impl Fn(u64) -> bool) {
        let mut course = Course::new(0, false);
        for written in 0..count {
            let wanted = steer(written);
            if wanted != course.is_wide() {
                course = self.positions().change_course(written, course, wanted).unwrap_or(course);
            }
            while self.room(written, course) == 0 {
                self.writer.wait();
            }
            self.place(course, written).store(written, Ordering::Relaxed);
            self.positions().publish(written + 1);
            self.reader.ring();
        }
    }

    fn room(&self, written: u64, course: Course) -> u64 {
        let room = self.positions().room(written, course).expect("both are honest");
        if room > 0 {
            return room;
        }
        self.positions().want_room();
        self.positions().room(written, course).expect("both are honest")
    }

    fn read(&self, count: u64) {
        let (mut read, mut course) = (0, Course::new(0, false));
        while read < count {
            let unread = self.positions().unread(read, course).expect("both are honest");
            if unread.here == 0 {
                self.reader.wait();
                continue;
            }
            course = unread.course;
            let value = self.place(course, read).load(Ordering::Relaxed);
            assert_eq!(value, read, "what is read is what was written there");
            read += 1;
            if self.positions().release(read, unread.all - 1, course) {
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
        let shared = Shared::<1, 1>::new();
        let writer = shared.clone();
        let writer = thread::spawn(move || writer.write(2, |_| false));
        shared.read(2);
        writer.join().expect("no panic");
    });
}

#[test]
fn a_place_is_written_again_only_once_it_has_been_read() {
    model(|| {
        let shared = Shared::<2, 1>::new();
        let writer = shared.clone();
        let writer = thread::spawn(move || writer.write(3, |_| false));
        shared.read(3);
        writer.join().expect("no panic");
    });
}

/// Whenever the writer changes from one buffer to the other and back, the reader follows.
#[test]
fn the_reader_follows_from_buffer_to_buffer() {
    model(|| {
        let shared = Shared::<1, 2>::new();
        let writer = shared.clone();
        let writer = thread::spawn(move || writer.write(4, |number| number == 1 || number == 2));
        shared.read(4);
        writer.join().expect("no panic");
    });
}

#[test]
fn a_buffer_is_begun_anew_only_once_it_is_empty() {
    model(|| {
        let shared = Shared::<1, 2>::new();
        let positions = shared.positions();
        let narrow = Course::new(0, false);
        assert_eq!(positions.change_course(0, narrow, true), None, "nothing has been read");
        shared.read.store(1, Ordering::Relaxed);
        assert_eq!(positions.change_course(2, narrow, false), None, "one is unread there");
        let wide = positions.change_course(2, narrow, true).expect("the reader has come so far");
        assert_eq!(wide, Course::new(2, true));
        shared.read.store(2, Ordering::Relaxed);
        assert_eq!(positions.change_course(3, wide, false), None, "the reader may not know of it");
        shared.read.store(3, Ordering::Relaxed);
        assert_eq!(positions.change_course(3, wide, true), Some(Course::new(3, true)));
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
        let shared = Shared::<2, 3>::new();
        let (narrow, positions) = (Course::new(0, false), shared.positions());
        for (mine, theirs) in [(0, 1), (5, 2), (u64::MAX, 1 << 63), (3, 4)] {
            shared.read.store(theirs, Ordering::Relaxed);
            assert_eq!(positions.room(mine, narrow), Err(Broken), "{mine} written, {theirs} read");
        }
        for (mine, theirs) in [(1, 0), (0, 3), (0, u64::MAX), (u64::MAX, 1 << 63)] {
            shared.written.store(theirs, Ordering::Relaxed);
            assert_eq!(positions.unread(mine, narrow), Err(Broken), "{mine} read, {theirs} written");
        }
        for (written, since, is_wide) in [(6, 1, true), (6, 7, true), (5, 4, true), (5, 0, false), (4, 0, true)] {
            shared.written.store(written, Ordering::Relaxed);
            shared.course.store(Course::new(since, is_wide).0, Ordering::Relaxed);
            assert_eq!(positions.unread(0, narrow), Err(Broken), "{written} written, wide {is_wide} since {since}");
        }
    });
}
