//! Repeats of a case, each with a guard against hanging.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use crate::dice::{self, Dice};
use crate::process_table;

/// How long one round may take before it counts as hanging.
pub const GUARD: Duration = Duration::from_secs(10);

/// One repeat of a case.
#[derive(Debug)]
pub struct Round {
    /// Which repeat it is, from 0.
    pub number: u32,
    /// Its own randomness.
    pub dice: Dice,
    stage: Arc<Mutex<String>>,
}

impl Round {
    /// Notes what is being done now, for the report if it hangs.
    pub fn at(&self, stage: impl Into<String>) {
        *self.stage.lock().unwrap_or_else(PoisonError::into_inner) = stage.into();
    }
}

/// Runs a case `rounds` times, each time on a thread of its own, for at most [`GUARD`].
///
/// # Panics
/// If a round panics or hangs; the text names the round, its seed, and what it was at.
pub fn repeat(case: &str, rounds: u32, work: impl Fn(&mut Round) + Send + Sync + 'static) {
    let (work, first) = (Arc::new(work), dice::seed());
    for number in 0..rounds {
        let seed = if number == 0 { first } else { Dice::new(first ^ u64::from(number)).roll(u64::MAX) };
        let work = work.clone();
        run(case, number, seed, GUARD, move |round| work(round));
    }
}

/// Runs a case once, on a thread of its own, for at most `limit`.
///
/// # Panics
/// If it panics or hangs.
pub fn guarded<T: Send + 'static>(
    case: &str,
    limit: Duration,
    work: impl FnOnce(&mut Round) -> T + Send + 'static,
) -> T {
    run(case, 0, dice::seed(), limit, work)
}

fn run<T: Send + 'static>(
    case: &str,
    number: u32,
    seed: u64,
    limit: Duration,
    work: impl FnOnce(&mut Round) -> T + Send + 'static,
) -> T {
    let stage = Arc::new(Mutex::new("the beginning".to_owned()));
    let mut round = Round { number, dice: Dice::new(seed), stage: stage.clone() };
    let (done, outcome) = mpsc::channel();
    let worker = thread::Builder::new().name(case.to_owned()).spawn(move || {
        let _ = done.send(catch_unwind(AssertUnwindSafe(|| work(&mut round))));
    });
    let worker = worker.expect("a thread for the round");
    let stage = || stage.lock().unwrap_or_else(PoisonError::into_inner).clone();
    let place = format!("{case}, round {number}, {}={seed}", dice::SEED_VARIABLE);
    match outcome.recv_timeout(limit) {
        Ok(Ok(value)) => {
            worker.join().expect("the thread has caught its panics");
            value
        }
        Ok(Err(panic)) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without text");
            panic!("{place}, at {}: {text}", stage())
        }
        Err(RecvTimeoutError::Timeout) => {
            panic!("{place}: hangs at {} for {limit:?}; processes:\n{}", stage(), process_table::describe_descendants())
        }
        Err(RecvTimeoutError::Disconnected) => panic!("{place}: the thread is gone"),
    }
}
