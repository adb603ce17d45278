//! Timers of actors.

use std::time::{Duration, Instant};

use procession::prelude::*;
use procession::{Exit, Pipe, Pool, TellError, TimerId};

const LIMIT: Duration = Duration::from_secs(8);

/// Sets timers as it is told and notes which fire.
struct Clock {
    fired: Vec<u64>,
    /// How many pieces of work have been done.
    worked: u64,
    timers: Vec<TimerId>,
    waiting: Option<(usize, ReplyTo<Report>)>,
}

#[message]
struct After {
    milliseconds: u64,
    number: u64,
    repeats: bool,
}

#[message]
struct Cancel {
    index: usize,
}

#[message]
struct Fired {
    number: u64,
}

#[data]
#[derive(Debug, PartialEq)]
struct Report {
    fired: Vec<u64>,
    worked: u64,
}

/// Asks for what has fired once that are so many.
#[message(reply = Later<Report>)]
struct AwaitFired {
    count: usize,
}

/// Uses the CPU.
#[message]
struct Work {
    microseconds: u64,
}

#[actor]
impl Actor for Clock {
    type Messages = (After, Cancel, Fired, AwaitFired, Work);

    fn start((): (), _: &mut Context<Self>) -> Result<Clock, Failure> {
        Ok(Clock { fired: Vec::new(), worked: 0, timers: Vec::new(), waiting: None })
    }
}

impl Clock {
    fn look(&mut self) {
        if let Some((_, reply)) = self.waiting.take_if(|(count, _)| self.fired.len() >= *count) {
            reply.send(Report { fired: self.fired.clone(), worked: self.worked }).expect("it fits");
        }
    }
}

impl Handler<After> for Clock {
    fn handle(&mut self, after: Incoming<'_, After>, context: &mut Context<Self>) {
        let After { milliseconds, number, repeats } = after.open();
        let delay = Duration::from_millis(milliseconds);
        let set = if repeats { Context::interval } else { Context::send_after };
        let timer: Result<TimerId, TellError> = set(context, delay, Fired { number });
        self.timers.push(timer.expect("a timer"));
    }
}

impl Handler<Cancel> for Clock {
    fn handle(&mut self, cancel: Incoming<'_, Cancel>, context: &mut Context<Self>) {
        context.cancel(self.timers[cancel.index.to_native() as usize]);
    }
}

impl Handler<Fired> for Clock {
    fn handle(&mut self, fired: Incoming<'_, Fired>, context: &mut Context<Self>) {
        assert_eq!(fired.sender(), context.this().id());
        self.fired.push(fired.number.to_native());
        self.look();
    }
}

impl Handler<AwaitFired> for Clock {
    fn handle(&mut self, wanted: Incoming<'_, AwaitFired>, context: &mut Context<Self>) -> Later<Report> {
        let reply = context.reply_later();
        let later = reply.later();
        self.waiting = Some((wanted.count.to_native() as usize, reply));
        self.look();
        later
    }
}

impl Handler<Work> for Clock {
    fn handle(&mut self, work: Incoming<'_, Work>, _: &mut Context<Self>) {
        let until = Instant::now() + Duration::from_micros(work.microseconds.to_native());
        while Instant::now() < until {
            std::hint::spin_loop();
        }
        self.worked += 1;
    }
}

fn clock(system: &System) -> ActorRef<Clock> {
    system.spawn::<Clock>(()).expect("an actor")
}

fn after(clock: &ActorRef<Clock>, milliseconds: u64, number: u64) {
    clock.ask(&After { milliseconds, number, repeats: false }).expect("set");
}

fn fired(clock: &ActorRef<Clock>, count: usize) -> Vec<u64> {
    clock.ask_within(&AwaitFired { count }, LIMIT).expect("they fire").fired
}

#[procession::test]
fn timers_fire_in_the_order_of_their_times_and_not_too_early() {
    let system = System::start().expect("a system");
    let clock = clock(&system);
    let start = Instant::now();
    for (milliseconds, number) in [(400, 3), (200, 1), (500, 4), (300, 2), (0, 0)] {
        after(&clock, milliseconds, number);
    }
    assert_eq!(fired(&clock, 5), [0, 1, 2, 3, 4]);
    assert!(start.elapsed() >= Duration::from_millis(500));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_interval_repeats_until_it_is_cancelled() {
    let system = System::start().expect("a system");
    let clock = clock(&system);
    let start = Instant::now();
    clock.ask(&After { milliseconds: 10, number: 7, repeats: true }).expect("set");
    let many = fired(&clock, 10);
    assert!(start.elapsed() >= Duration::from_millis(100) && many.iter().all(|number| *number == 7));
    clock.ask(&Cancel { index: 0 }).expect("cancelled");
    let count = fired(&clock, 0).len();
    after(&clock, 60, 8);
    let rest = fired(&clock, count + 1);
    assert_eq!((rest.len(), rest.last()), (count + 1, Some(&8)), "nothing of it came meanwhile");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_interval_of_nothing_does_not_starve_messages() {
    let system = System::start().expect("a system");
    let clock = clock(&system);
    clock.ask(&After { milliseconds: 0, number: 1, repeats: true }).expect("set");
    for _ in 0..100 {
        clock.ask(&Work { microseconds: 0 }).expect("handled");
    }
    clock.ask(&Cancel { index: 0 }).expect("cancelled");
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_cancelled_timer_is_silent_even_if_it_is_due() {
    let system = System::start().expect("a system");
    let clock = clock(&system);
    after(&clock, 50, 1);
    clock.ask(&Cancel { index: 0 }).expect("cancelled");
    clock.ask(&Cancel { index: 0 }).expect("twice does no harm");
    after(&clock, 0, 2);
    after(&clock, 100, 3);
    assert_eq!(fired(&clock, 2), [2, 3]);
    clock.ask(&Cancel { index: 1 }).expect("one that has fired is no error");
    system.shutdown().expect("an orderly end");
}

/// How much work there is, in milliseconds.
const PIECES: u64 = 5000;

#[procession::test]
fn timers_are_not_starved_by_a_full_mailbox() {
    let system = System::start().expect("a system");
    let clock = clock(&system);
    // Seconds of work lie in the mailbox before the timer is due.
    after(&clock, 50, 1);
    let wanted = clock.request(&AwaitFired { count: 1 }).expect("sent");
    clock.tell_all((0..PIECES).map(|_| Work { microseconds: 1000 })).expect("told");
    let Report { fired, worked } = wanted.wait_within(LIMIT).expect("it fires");
    assert_eq!(fired, [1]);
    assert!(worked < PIECES, "it fires between two messages, not after all of them");
    clock.kill().expect("it runs");
    system.shutdown().expect("an orderly end");
}

/// Takes longer for each tick than there is between two of them.
struct Slow;

#[message]
struct Tick;

/// Has it tick.
#[message(reply = ())]
struct Begin {
    period: Duration,
}

#[message(reply = u64)]
struct Ping;

#[actor]
impl Actor for Slow {
    type Messages = (Tick, Begin, Ping);

    fn start((): (), _: &mut Context<Self>) -> Result<Slow, Failure> {
        Ok(Slow)
    }
}

impl Handler<Tick> for Slow {
    fn handle(&mut self, _: Incoming<'_, Tick>, _: &mut Context<Self>) {
        std::thread::sleep(Duration::from_millis(5));
    }
}

impl Handler<Begin> for Slow {
    fn handle(&mut self, begin: Incoming<'_, Begin>, context: &mut Context<Self>) {
        context.interval(begin.open().period, Tick).expect("a timer");
    }
}

impl Handler<Ping> for Slow {
    fn handle(&mut self, _: Incoming<'_, Ping>, _: &mut Context<Self>) -> u64 {
        1
    }
}

#[procession::test]
fn a_timer_that_is_always_due_holds_up_neither_messages_nor_a_stop() {
    let system = System::start().expect("a system");
    let slow = system.actor::<Slow>(()).stop_deadline(LIMIT).start().expect("an actor");
    slow.ask(&Begin { period: Duration::from_millis(1) }).expect("it ticks");
    for _ in 0..10 {
        assert_eq!(slow.ask(&Ping), Ok(1));
    }
    slow.stop().expect("it is asked to");
    assert_eq!(slow.join_within(LIMIT).expect("it ends").exit, Exit::Stopped);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn no_time_is_too_long() {
    let system = System::start().expect("a system");
    let slow = system.actor::<Slow>(()).stop_deadline(Duration::MAX).start().expect("an actor");
    slow.ask(&Begin { period: Duration::MAX }).expect("it never ticks");
    assert_eq!(slow.ask_within(&Ping, Duration::MAX), Ok(1));
    assert_eq!(slow.request(&Ping).expect("sent").wait_within(Duration::MAX), Ok(1));
    let monitor = slow.monitor().expect("a monitor");
    slow.stop().expect("it is asked to");
    assert_eq!(slow.join_within(Duration::MAX).expect("it ends").exit, Exit::Stopped);
    monitor.wait_within(Duration::MAX).expect("its end");
    let child = system.process(|| 1_u8, ()).start().expect("the supervisor lives");
    assert_eq!(child.join_within(Duration::MAX), Ok(1));
    let (here, there) = Pipe::duplex::<u8>().expect("a pipe");
    here.send(&1).expect("there is room");
    assert_eq!((there.poll(Duration::MAX), there.recv_within(Duration::MAX)), (Ok(true), Ok(1)));
    let pool = Pool::new(&system, 1).expect("a pool");
    let result = pool.apply_async(|number: u8| number, 1).expect("begun");
    assert!(result.wait_within(Duration::MAX));
    assert_eq!(result.get_within(Duration::MAX), Ok(1));
    assert_eq!(pool.tasks().timeout(Duration::MAX).map(|number: u8| number, [1]), Ok(vec![1]));
    system.shutdown().expect("an orderly end");
}
