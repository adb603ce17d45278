//! The thread that sends what its senders have left behind.
//!
//! A told message is on its way within 1 ms whatever the teller does next. Coalesced frames are normally sent by their own
//! thread: when a handler returns or blocks, or at a later message. If that thread goes off to compute instead, this one
//! sends them. It is started when first needed, once per process, and sleeps while nothing is coalesced.
//!
//! It also sees to it that memory that was taken for large frames is given back when no more of them are sent.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use procession_transport::trim_spares;

use crate::outbox::{Departures, Outbox};
use crate::sys;
use crate::timers::later;

/// How long coalesced frames are left to their own thread.
const GRACE: Duration = Duration::from_micros(500);

/// How long the flusher waits, at most, before it tries a full connection again.
const LONGEST_GRACE: Duration = Duration::from_millis(10);

/// How long an `exit` waits for what has been told to leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// How long, at most twice, memory that was taken for large frames is kept behind the last of them.
const SPARE_FOR: Duration = Duration::from_millis(500);

#[derive(Debug)]
struct Flusher {
    armed: Vec<Arc<Departures>>,
    /// Those that have sent large frames.
    swollen: Vec<Weak<Outbox>>,
    /// Whether there is memory that large frames have left.
    has_spares: bool,
    /// In which process it runs, counted in bare forks; `None` before it does.
    runs_in: Option<u32>,
    sleeping: bool,
}

static FLUSHER: Mutex<Flusher> =
    Mutex::new(Flusher { armed: Vec::new(), swollen: Vec::new(), has_spares: false, runs_in: None, sleeping: false });
static WOKEN: Condvar = Condvar::new();

/// Has the flusher look at these departures after a short while.
#[inline]
pub(crate) fn arm(departures: &Arc<Departures>) {
    if !departures.armed.load(Ordering::Relaxed) {
        arm_now(departures);
    }
}

#[cold]
fn arm_now(departures: &Arc<Departures>) {
    if !departures.set_armed() {
        return;
    }
    let mut flusher = lock();
    flusher.armed.push(departures.clone());
    flusher.start();
}

/// Has the flusher trim an outbox that has sent large frames, once it sends no more of them.
pub(crate) fn trim_in_time(outbox: Weak<Outbox>) {
    let mut flusher = lock();
    flusher.swollen.push(outbox);
    flusher.start();
}

/// Has the flusher give back memory that large frames have left, once it is not used any more. Gives whether it will.
pub(crate) fn trim_spares_in_time() -> bool {
    let mut flusher = lock();
    flusher.has_spares = true;
    flusher.start();
    flusher.has_spares = flusher.runs_in.is_some();
    flusher.has_spares
}

fn lock() -> MutexGuard<'static, Flusher> {
    FLUSHER.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Flusher {
    fn has_what_to_trim(&self) -> bool {
        self.has_spares || !self.swollen.is_empty()
    }

    /// Has the thread run.
    fn start(&mut self) {
        if self.runs_in != Some(sys::forks()) {
            self.runs_in = Some(sys::forks());
            if let Err(error) = std::thread::Builder::new().name("flusher".into()).stack_size(64 << 10).spawn(run) {
                tracing::warn!(%error, "no thread for flushing; coalesced messages leave when their sender next sends or waits");
                self.runs_in = None;
            }
        } else if self.sleeping {
            self.sleeping = false;
            WOKEN.notify_one();
        }
    }
}

/// Sends everything that is left, for at most `limit`: for a process that is about to end.
pub(crate) fn flush_everything(limit: Duration) {
    let deadline = later(Instant::now(), limit);
    let armed = std::mem::take(&mut lock().armed);
    while armed.iter().any(|departures| !departures.flush(|_, _| {})) && Instant::now() < deadline {
        std::thread::sleep(GRACE);
    }
}

/// What happens at `exit`, whoever calls it.
pub(crate) extern "C" fn farewell() {
    flush_everything(FAREWELL);
}

fn run() {
    let (mut grace, mut trimmed) = (GRACE, Instant::now());
    loop {
        let armed = next(&mut trimmed);
        std::thread::sleep(grace);
        let mut stuck = false;
        for departures in armed {
            departures.armed.store(false, Ordering::Release);
            if !departures.flush_left_behind(GRACE, |_, _| stuck = true) {
                rearm(departures);
            }
        }
        grace = if stuck { (grace * 2).min(LONGEST_GRACE) } else { GRACE };
    }
}

/// Waits for something to send. Meanwhile, and in between, memory is given back that is not needed, `trimmed` for the last time.
fn next(trimmed: &mut Instant) -> Vec<Arc<Departures>> {
    let mut flusher = lock();
    loop {
        if flusher.has_what_to_trim() && trimmed.elapsed() >= SPARE_FOR {
            let mut swollen = std::mem::take(&mut flusher.swollen);
            let has_spares = std::mem::take(&mut flusher.has_spares);
            drop(flusher);
            swollen.retain(|outbox| outbox.upgrade().is_some_and(|outbox| outbox.trim()));
            let has_spares = has_spares && trim_spares();
            *trimmed = Instant::now();
            flusher = lock();
            flusher.swollen.append(&mut swollen);
            flusher.has_spares |= has_spares;
        }
        if !flusher.armed.is_empty() {
            flusher.sleeping = false;
            return std::mem::take(&mut flusher.armed);
        }
        flusher.sleeping = true;
        flusher = if flusher.has_what_to_trim() {
            WOKEN.wait_timeout(flusher, SPARE_FOR).unwrap_or_else(PoisonError::into_inner).0
        } else {
            WOKEN.wait(flusher).unwrap_or_else(PoisonError::into_inner)
        };
    }
}

fn rearm(departures: Arc<Departures>) {
    if departures.set_armed() {
        lock().armed.push(departures);
    }
}
