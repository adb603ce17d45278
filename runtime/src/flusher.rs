//! The thread that sends what its senders have left behind.
//!
//! A told message is on its way within 1 ms whatever the teller does next. Coalesced frames are normally sent by their own
//! thread: when a handler returns or blocks, or at a later message. If that thread goes off to compute instead, this one
//! sends them. It is started when first needed, once per process, and sleeps while nothing is coalesced.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::outbox::Departures;
use crate::sys;
use crate::timers::later;

/// How long coalesced frames are left to their own thread.
const GRACE: Duration = Duration::from_micros(500);

/// How long the flusher waits, at most, before it tries a full connection again.
const LONGEST_GRACE: Duration = Duration::from_millis(10);

/// How long an `exit` waits for what has been told to leave.
const FAREWELL: Duration = Duration::from_secs(5);

#[derive(Debug, Default)]
struct Flusher {
    armed: Vec<Arc<Departures>>,
    /// In which process it runs, counted in bare forks; `None` before it does.
    runs_in: Option<u32>,
    sleeping: bool,
}

static FLUSHER: Mutex<Flusher> = Mutex::new(Flusher { armed: Vec::new(), runs_in: None, sleeping: false });
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
    let mut flusher = FLUSHER.lock().unwrap_or_else(PoisonError::into_inner);
    flusher.armed.push(departures.clone());
    if flusher.runs_in != Some(sys::forks()) {
        flusher.runs_in = Some(sys::forks());
        if let Err(error) = std::thread::Builder::new().name("flusher".into()).stack_size(64 << 10).spawn(run) {
            tracing::warn!(%error, "no thread for flushing; coalesced messages leave when their sender next sends or waits");
            flusher.runs_in = None;
        }
    } else if flusher.sleeping {
        flusher.sleeping = false;
        WOKEN.notify_one();
    }
}

/// Sends everything that is left, for at most `limit`: for a process that is about to end.
pub(crate) fn flush_everything(limit: Duration) {
    let deadline = later(Instant::now(), limit);
    let armed = std::mem::take(&mut FLUSHER.lock().unwrap_or_else(PoisonError::into_inner).armed);
    while armed.iter().any(|departures| !departures.flush(|_, _| {})) && Instant::now() < deadline {
        std::thread::sleep(GRACE);
    }
}

/// What happens at `exit`, whoever calls it.
pub(crate) extern "C" fn farewell() {
    flush_everything(FAREWELL);
}

fn run() {
    let mut grace = GRACE;
    loop {
        let armed = next();
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

fn next() -> Vec<Arc<Departures>> {
    let mut flusher = FLUSHER.lock().unwrap_or_else(PoisonError::into_inner);
    while flusher.armed.is_empty() {
        flusher.sleeping = true;
        flusher = WOKEN.wait(flusher).unwrap_or_else(PoisonError::into_inner);
    }
    flusher.sleeping = false;
    std::mem::take(&mut flusher.armed)
}

fn rearm(departures: Arc<Departures>) {
    if departures.set_armed() {
        FLUSHER.lock().unwrap_or_else(PoisonError::into_inner).armed.push(departures);
    }
}
