//! Workers are killed at random while they work, and the answer is right all the same.
//!
//! `cargo run --release --example supervised`

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use procession::prelude::*;
use procession::{Restart, Strategy, Supervisor};

const WORKERS: u64 = 4;
const KILLS: u32 = 25;
const LIMIT: u64 = 2_000_000;
const STEP: usize = 5_000;

#[message(reply = u64)]
struct CountPrimes {
    from: u64,
}

struct Worker;

#[actor]
impl Actor for Worker {
    type Messages = (CountPrimes,);

    fn start((): (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Worker)
    }
}

impl Handler<CountPrimes> for Worker {
    fn handle(&mut self, task: Incoming<'_, CountPrimes>, _: &mut Context<Self>) -> u64 {
        let from = task.from.to_native();
        (from..from + STEP as u64).filter(|number| is_prime(*number)).count() as u64
    }
}

fn is_prime(number: u64) -> bool {
    let mut divisor = 2;
    while divisor * divisor <= number && !number.is_multiple_of(divisor) {
        divisor += 1;
    }
    number > 1 && divisor * divisor > number
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let supervisor = Supervisor::new(Strategy::OneForOne).intensity(KILLS, Duration::from_secs(60)).start(&system)?;
    let mut workers = Vec::new();
    for number in 0..WORKERS {
        let worker = system.actor::<Worker>(()).name(format!("worker-{number}"));
        workers.push(supervisor.start_child(&format!("worker-{number}"), Restart::Permanent, worker)?);
    }

    let tasks = Mutex::new((0..LIMIT).step_by(STEP));
    let (primes, again) = (AtomicU64::new(0), AtomicU64::new(0));
    thread::scope(|scope| {
        scope.spawn(|| kill_at_random(&workers));
        for worker in &workers {
            scope.spawn(|| {
                while let Some(from) = next(&tasks) {
                    let (count, deaths) = ask_until_answered(worker, &CountPrimes { from });
                    primes.fetch_add(count, Relaxed);
                    again.fetch_add(deaths, Relaxed);
                }
            });
        }
    });
    println!("{KILLS} workers killed, {} tasks given again", again.into_inner());
    println!("{} primes below {LIMIT}", primes.into_inner());
    system.shutdown()
}

fn next(tasks: &Mutex<impl Iterator<Item = u64>>) -> Option<u64> {
    tasks.lock().expect("nobody panics").next()
}

/// Asks again if the worker has died with the task, and says how often that was.
fn ask_until_answered(worker: &ActorRef<Worker>, task: &CountPrimes) -> (u64, u64) {
    for deaths in 0.. {
        match worker.ask(task) {
            Ok(count) => return (count, deaths),
            Err(AskError::Dead(_)) => {}
            Err(error) => panic!("{error}"),
        }
    }
    unreachable!("the kills come to an end")
}

fn kill_at_random(workers: &[ActorRef<Worker>]) {
    let mut kills_left = KILLS;
    while kills_left > 0 {
        thread::sleep(Duration::from_micros(fastrand::u64(..10_000)));
        if let Some(pid) = fastrand::choice(workers).and_then(|worker| worker.pid().ok().flatten()) {
            kills_left -= u32::from(kill(Pid::from_raw(pid), Signal::SIGKILL).is_ok());
        }
    }
}
