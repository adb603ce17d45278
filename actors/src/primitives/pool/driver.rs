//! The thread that asks for what nobody's thread waits for: one for each pool that this process uses so.
//!
//! An answer comes to the thread that has asked. Results that any thread may take, and callbacks, need one that is always
//! there. It ends when it has had nothing to do for a while, or the pool's host has ended.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use procession_runtime::{Endpoint, WaitError};

use super::async_result::{AsyncResult, Promise};
use super::error::refusal;
use super::feeder::Lane;
use super::foreman::Foreman;
use super::job::Job;
use super::messages::{Answer, Batch, Cancel, Close, IsRunning, Outcome};
use super::stream::{self, Done, UnderWay, Window, new_lane};
use super::{FOREVER, Pool, PoolError, TaskError};
use crate::{ActorRef, AskError, PayloadError, Pending, ProcessId, Recipient, message};

/// How long a driver stays with nothing to do.
const IDLE: Duration = Duration::from_secs(10);

/// The drivers of this process, by the life of the foreman that each is for.
static DRIVERS: Mutex<Option<HashMap<Key, Driver>>> = Mutex::new(None);

/// Which life of which foreman.
pub(super) type Key = (ProcessId, u64);

thread_local! {
    /// Whether this thread is a driver.
    static DRIVES: Cell<bool> = const { Cell::new(false) };
}

/// Whether this thread is a driver, and calls somebody back now: what comes on it does not come meanwhile.
pub(super) fn is_here() -> bool {
    DRIVES.with(Cell::get)
}

/// Wakes a driver.
#[message]
struct Wake;

/// How a driver's thread is reached.
#[derive(Clone)]
struct Driver {
    commands: Sender<Command>,
    /// Whether it has to be woken.
    is_asleep: Arc<AtomicBool>,
    waker: Recipient<Wake>,
    lane: Lane,
    closing: Arc<Closing>,
}

/// How far a close is that goes behind what was begun before.
#[derive(Default)]
struct Closing {
    state: Mutex<(bool, bool)>,
    told: Condvar,
}

enum Command {
    Begin(u64, Box<dyn Job>),
    /// Which job, and whether also what has begun.
    Cancel(u64, bool),
    /// All that has not begun.
    CancelQueued,
    Close,
}

/// Names a job that was given to a driver.
pub(super) struct Begun {
    driver: Driver,
    foreman: ActorRef<Foreman>,
    job: u64,
}

impl Begun {
    pub(super) fn cancel(&self) {
        self.driver.send(Command::Cancel(self.job, true));
    }

    pub(super) fn is_running(&self) -> Result<bool, PoolError> {
        let Lane { epoch, number: lane } = self.driver.lane;
        Ok(self.foreman.ask_within(&IsRunning { epoch, lane, job: self.job }, FOREVER)?)
    }
}

/// Begins a job.
pub(super) fn begin<T: Send + 'static, J: Job + 'static>(
    pool: &Pool,
    make: impl FnOnce(Promise<T>) -> J,
) -> Result<AsyncResult<T>, PoolError> {
    static LAST_JOB: std::sync::atomic::AtomicU64 = std::sync::atomic::AtomicU64::new(0);
    let job = LAST_JOB.fetch_add(1, Ordering::Relaxed) + 1;
    let (mut result, promise) = AsyncResult::pair();
    let made = make(promise);
    let mut drivers = drivers();
    let known = drivers.get_or_insert_default();
    let driver = match known.get(&pool.key()) {
        Some(driver) => driver.clone(),
        None => {
            let driver = start(pool)?;
            known.insert(pool.key(), driver.clone());
            driver
        }
    };
    if driver.closing.state().0 {
        return Err(PoolError::Closed);
    }
    // While the list is locked the driver does not end.
    let _ = driver.commands.send(Command::Begin(job, Box::new(made)));
    drop(drivers);
    driver.wake();
    result.set_begun(Begun { driver, foreman: pool.foreman().clone(), job });
    Ok(result)
}

/// Has a pool closed when what this process has begun is done. Gives whether there is anything to do first.
pub(super) fn close(key: Key) -> bool {
    let mut drivers = drivers();
    let Some(driver) = drivers.get_or_insert_default().get(&key).cloned() else { return false };
    driver.closing.state().0 = true;
    let is_sent = driver.commands.send(Command::Close).is_ok();
    drop(drivers);
    driver.wake();
    is_sent
}

/// Cancels what this process has begun and no worker has.
pub(super) fn cancel_queued(key: Key) {
    let driver = drivers().get_or_insert_default().get(&key).cloned();
    driver.into_iter().for_each(|driver| driver.send(Command::CancelQueued));
}

/// Waits until a close that goes behind other things has been told to the host.
///
/// # Errors
/// [`PoolError::InCallback`].
pub(super) fn await_close(key: Key) -> Result<(), PoolError> {
    if is_here() {
        return Err(PoolError::InCallback);
    }
    let Some(driver) = drivers().get_or_insert_default().get(&key).cloned() else { return Ok(()) };
    let mut state = driver.closing.state();
    while state.0 && !state.1 {
        state = driver.closing.told.wait(state).unwrap_or_else(PoisonError::into_inner);
    }
    Ok(())
}

fn drivers() -> MutexGuard<'static, Option<HashMap<Key, Driver>>> {
    DRIVERS.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Closing {
    /// Whether it is asked for, and whether it is done.
    fn state(&self) -> MutexGuard<'_, (bool, bool)> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Driver {
    fn send(&self, command: Command) {
        // If the driver has ended, so has what it was asked for.
        let _ = self.commands.send(command);
        self.wake();
    }

    fn wake(&self) {
        if self.is_asleep.swap(false, Ordering::SeqCst) {
            let _ = self.waker.tell(&Wake);
        }
    }
}

fn start(pool: &Pool) -> Result<Driver, PoolError> {
    let (commands, inbox) = mpsc::channel();
    let (tell, told) = mpsc::channel();
    let (foreman, window, lane) = (pool.foreman().clone(), Window::many(pool), new_lane(pool.epoch()));
    let (is_asleep, closing) = (Arc::new(AtomicBool::new(false)), Arc::new(Closing::default()));
    let (asleep, closed) = (is_asleep.clone(), closing.clone());
    let work = move || {
        DRIVES.with(|drives| drives.set(true));
        let opened = Endpoint::of(foreman.id().system).and_then(|endpoint| Ok((endpoint.open_mailbox()?, endpoint)));
        match opened {
            Ok((address, endpoint)) => {
                let _ = tell.send(Ok(Recipient::new(address, 0)));
                let (jobs, to_send, under_way) = (HashMap::new(), VecDeque::new(), UnderWay::default());
                Thread { endpoint, foreman, lane, window, inbox, asleep, closed, jobs, to_send, under_way }.run();
            }
            Err(error) => drop(tell.send(Err(error))),
        }
    };
    let spawned = std::thread::Builder::new().name("pool-driver".into()).spawn(work);
    spawned.map_err(|error| PoolError::Runtime(error.into()))?;
    let waker = told.recv().map_err(|_| PoolError::Unanswered("the driver's thread has ended".into()))??;
    Ok(Driver { commands, is_asleep, waker, lane, closing })
}

struct Entry {
    job: Box<dyn Job>,
    /// Batches that are under way.
    outstanding: usize,
    /// Whether there may be more to send.
    has_more: bool,
    /// Whether it was cancelled before everything of it was sent.
    is_cancelled: bool,
}

impl Entry {
    /// Packs the job's next batch. A panic of the iterator that gives the items is the job's alone.
    fn next_batch(&mut self, lane: Lane, number: u64) -> Option<Result<Batch, PoolError>> {
        catch_unwind(AssertUnwindSafe(|| self.job.next_batch(lane, number))).unwrap_or_else(|panic| {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("for no reason given");
            let why = format!("the items' iterator panicked: {text}");
            Some(Err(PoolError::Arguments(PayloadError::Invalid(why))))
        })
    }
}

/// A driver's thread.
struct Thread {
    endpoint: Endpoint,
    foreman: ActorRef<Foreman>,
    lane: Lane,
    window: Window,
    inbox: Receiver<Command>,
    asleep: Arc<AtomicBool>,
    closed: Arc<Closing>,
    jobs: HashMap<u64, Entry>,
    /// Jobs that may have more to send; each has its turn.
    to_send: VecDeque<u64>,
    under_way: UnderWay,
}

impl Thread {
    fn run(mut self) {
        let error = loop {
            self.take_commands();
            if let Err(error) = self.fill().and_then(|()| self.take_answers()) {
                break error;
            }
            if let Err(error) = self.tell_close() {
                break error;
            }
            match self.sleep() {
                Ok(true) => {}
                Ok(false) if self.retires() => return,
                Ok(false) => {}
                Err(error) => break error,
            }
        };
        drivers().get_or_insert_default().remove(&(self.foreman.id(), self.lane.epoch));
        self.take_commands();
        self.fail(&error);
        self.say_closed();
    }

    fn take_commands(&mut self) {
        while let Ok(command) = self.inbox.try_recv() {
            self.obey(command);
        }
    }

    fn obey(&mut self, command: Command) {
        match command {
            Command::Begin(number, job) => {
                let entry = Entry { job, outstanding: 0, has_more: true, is_cancelled: false };
                self.jobs.insert(number, entry);
                self.to_send.push_back(number);
            }
            Command::Cancel(number, running) => self.cancel(number, running),
            Command::CancelQueued => {
                let numbers: Vec<u64> = self.jobs.keys().copied().collect();
                numbers.into_iter().for_each(|number| self.cancel(number, false));
            }
            Command::Close => self.closed.state().0 = true,
        }
    }

    fn cancel(&mut self, number: u64, running: bool) {
        let Some(entry) = self.jobs.get_mut(&number) else { return };
        entry.is_cancelled |= entry.has_more && entry.next_batch(self.lane, number).is_some();
        entry.has_more = false;
        if entry.outstanding > 0 {
            let cancel = Cancel { lane: self.lane.number, job: number, running };
            if let Err(error) = self.foreman.tell(&cancel) {
                tracing::debug!(%error, "nobody is there to cancel a task");
            }
        }
        self.finish_if_done(number);
    }

    /// Sends batches as long as the window allows.
    fn fill(&mut self) -> Result<(), PoolError> {
        while self.has_room()
            && let Some(number) = self.to_send.pop_front()
        {
            let Some(entry) = self.jobs.get_mut(&number).filter(|entry| entry.has_more) else { continue };
            match entry.next_batch(self.lane, number) {
                Some(Ok(batch)) => match self.under_way.send(&self.foreman, &batch) {
                    Ok(()) => {
                        entry.outstanding += 1;
                        self.to_send.push_back(number);
                    }
                    Err(error @ PoolError::Arguments(_)) => self.fail_job(number, error),
                    Err(error) => return Err(error),
                },
                Some(Err(error)) => self.fail_job(number, error),
                None => {
                    entry.has_more = false;
                    self.finish_if_done(number);
                }
            }
        }
        Ok(())
    }

    fn take_answers(&mut self) -> Result<(), PoolError> {
        while let Some(answer) = self.under_way.front().and_then(Pending::try_wait) {
            drop(self.under_way.pop());
            let Answer { job, index, outcome } = match answer {
                Ok(answer) => answer,
                // One answer could not be sent, and nobody knows whose it was.
                Err(error @ (AskError::NoReply | AskError::Invalid(_))) => {
                    self.fail(&error.into());
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            match outcome {
                Outcome::Pieces(portion) => {
                    let pieces = stream::collect(&self.foreman, self.lane, job, index, portion)?;
                    if let Some(entry) = self.jobs.get_mut(&job) {
                        entry.outstanding -= 1;
                        entry.job.take(Done { index, pieces });
                    }
                    self.finish_if_done(job);
                }
                outcome => self.fail_job(job, refusal(outcome)),
            }
            self.fill()?;
        }
        Ok(())
    }

    fn has_room(&self) -> bool {
        self.window.has_room(self.under_way.len(), self.under_way.bytes())
    }

    fn finish_if_done(&mut self, number: u64) {
        let is_done = |entry: &mut Entry| !entry.has_more && entry.outstanding == 0;
        if let std::collections::hash_map::Entry::Occupied(mut found) = self.jobs.entry(number)
            && is_done(found.get_mut())
        {
            let Entry { job, is_cancelled, .. } = found.remove();
            let cancelled = || PoolError::Task { index: 0, error: TaskError::Cancelled };
            job.finish(is_cancelled.then(cancelled));
        }
    }

    fn fail_job(&mut self, number: u64, error: PoolError) {
        if let Some(entry) = self.jobs.remove(&number) {
            entry.job.finish(Some(error));
        }
    }

    fn fail(&mut self, error: &PoolError) {
        self.to_send.clear();
        self.jobs.drain().for_each(|(_, entry)| entry.job.finish(Some(error.clone())));
    }

    /// Tells the host to close once everything is done that was begun before.
    fn tell_close(&mut self) -> Result<(), PoolError> {
        let is_due = *self.closed.state() == (true, false) && self.jobs.is_empty();
        if is_due {
            match self.foreman.ask_within(&Close { epoch: self.lane.epoch, terminate: false }, FOREVER) {
                Ok(()) => self.say_closed(),
                Err(error) => return Err(error.into()),
            }
        }
        Ok(())
    }

    fn say_closed(&self) {
        *self.closed.state() = (true, true);
        self.closed.told.notify_all();
    }

    /// Waits for an answer or a command. Gives whether there may be one.
    fn sleep(&mut self) -> Result<bool, PoolError> {
        self.asleep.store(true, Ordering::SeqCst);
        self.take_commands();
        if !self.to_send.is_empty() && self.has_room() || self.is_close_due() {
            self.asleep.store(false, Ordering::SeqCst);
            return Ok(true);
        }
        let front = self.under_way.front().and_then(|pending| pending.ticket());
        let deadline = self.jobs.is_empty().then(|| Instant::now() + IDLE);
        let woken = self.endpoint.receive_or_answer(front, deadline);
        self.asleep.store(false, Ordering::SeqCst);
        match woken {
            Ok(_) => Ok(true),
            Err(WaitError::Timeout) => Ok(false),
            Err(error) => Err(AskError::<Infallible>::from(error).into()),
        }
    }

    fn is_close_due(&self) -> bool {
        *self.closed.state() == (true, false) && self.jobs.is_empty()
    }

    /// Leaves, unless something has come meanwhile. Gives whether it has left.
    fn retires(&mut self) -> bool {
        let mut drivers = drivers();
        if let Ok(command) = self.inbox.try_recv() {
            // It may call back the user, who may begin something.
            drop(drivers);
            self.obey(command);
            return false;
        }
        if self.jobs.is_empty() && !self.is_close_due() {
            drivers.get_or_insert_default().remove(&(self.foreman.id(), self.lane.epoch));
            return true;
        }
        false
    }
}

/// However the thread ends, nobody waits for it any more, and the next job gets another.
impl Drop for Thread {
    fn drop(&mut self) {
        let (mut drivers, key) = (drivers(), (self.foreman.id(), self.lane.epoch));
        let known = drivers.get_or_insert_default();
        if known.get(&key).is_some_and(|driver| Arc::ptr_eq(&driver.closing, &self.closed)) {
            known.remove(&key);
        }
        drop(drivers);
        self.say_closed();
    }
}
