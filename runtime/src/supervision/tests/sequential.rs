//! OTP's supervisor as a plain sequential program, to compare with.
//!
//! It does one thing at a time, to the end, and looks at nothing else meanwhile; so the rules must do exactly the same,
//! step by step, if every start and stop is answered at once.

use std::{collections::VecDeque, mem, ops::Range, time::Duration};

use proptest::{collection::vec, prelude::*, strategy::Strategy as Values};

use super::{
    super::{Action, ChildKey, ChildState, Intensity, Reason, Restart, Rules, Strategy},
    any_intensity, any_restart, any_strategy,
};

/// What happens to a settled group, or to one of its children.
#[derive(Debug, Clone)]
enum Event {
    End { normal: bool },
    StartChild(Restart),
    TerminateChild,
    RestartChild,
    DeleteChild,
    TimePasses(Duration),
    Stop,
}

fn any_event() -> impl Values<Value = Event> {
    prop_oneof![
        8 => any::<bool>().prop_map(|normal| Event::End { normal }),
        3 => any_restart().prop_map(Event::StartChild),
        2 => Just(Event::TerminateChild),
        2 => Just(Event::RestartChild),
        1 => Just(Event::DeleteChild),
        3 => (0..6u64).prop_map(|seconds| Event::TimePasses(Duration::from_secs(seconds))),
        1 => Just(Event::Stop),
    ]
}

/// The sequential program.
struct Otp {
    strategy: Strategy,
    intensity: Intensity,
    children: Vec<OtpChild>,
    /// The number of keys given out.
    keys: u64,
    now: Duration,
    /// When restarts took place: all of them.
    restarted: Vec<Duration>,
    /// Whether the next starts succeed; all do once it is used up.
    fortune: VecDeque<bool>,
    /// What it has done so far.
    done: Vec<Action>,
    over: bool,
}

struct OtpChild {
    key: ChildKey,
    restart: Restart,
    up: bool,
}

impl Otp {
    fn new(strategy: Strategy, intensity: Intensity, restarts: &[Restart], fortune: VecDeque<bool>) -> Self {
        let (children, keys, now) = (Vec::new(), 0, Duration::ZERO);
        let (restarted, done, over) = (Vec::new(), Vec::new(), false);
        let mut otp = Otp { strategy, intensity, children, keys, now, restarted, fortune, done, over };
        for &restart in restarts {
            otp.add(restart);
        }
        otp
    }

    fn add(&mut self, restart: Restart) -> usize {
        self.children.push(OtpChild { key: ChildKey(self.keys), restart, up: false });
        self.keys += 1;
        self.children.len() - 1
    }

    fn start(&mut self) {
        match (0..self.children.len()).find(|&index| !self.start_one(index)) {
            Some(index) => self.end(Reason::StartFailed(self.children[index].key)),
            None => self.done.push(Action::Up),
        }
    }

    /// Takes in an event; `child` is a child's place.
    fn handle(&mut self, event: &Event, child: usize) {
        match *event {
            Event::TimePasses(duration) => self.now += duration,
            _ if self.over => {}
            Event::Stop => self.end(Reason::Stopped),
            Event::StartChild(restart) => {
                let added = self.add(restart);
                if !self.start_asked(added) {
                    self.remove(added);
                }
            }
            _ if child >= self.children.len() => {}
            Event::End { normal } => self.ended(child, normal),
            Event::TerminateChild => self.terminate(child),
            Event::RestartChild if !self.children[child].up => drop(self.start_asked(child)),
            Event::DeleteChild if !self.children[child].up => self.remove(child),
            Event::RestartChild | Event::DeleteChild => {}
        }
    }

    fn ended(&mut self, index: usize, normal: bool) {
        let was_up = mem::take(&mut self.children[index].up);
        match self.children[index].restart {
            _ if !was_up => {}
            Restart::Permanent => self.restart(index),
            Restart::Transient if !normal => self.restart(index),
            Restart::Transient => {}
            Restart::Temporary => self.remove(index),
        }
    }

    fn terminate(&mut self, index: usize) {
        let OtpChild { key, restart, up } = self.children[index];
        self.done.extend(up.then_some(Action::Stop(key)));
        self.done.push(Action::Terminated(key));
        self.children[index].up = false;
        if restart == Restart::Temporary {
            self.remove(index);
        }
    }

    /// Restarts until it succeeds or the intensity is exceeded.
    fn restart(&mut self, mut failed: usize) {
        loop {
            let recent = self.restarted.iter().filter(|&&then| self.now - then <= self.intensity.period).count();
            if recent >= self.intensity.restarts as usize {
                return self.end(Reason::IntensityExceeded(self.children[failed].key));
            }
            self.restarted.push(self.now);
            let affected = match self.strategy {
                Strategy::OneForOne => failed..failed + 1,
                Strategy::OneForAll => 0..self.children.len(),
                Strategy::RestForOne => failed..self.children.len(),
            };
            let (first, after) = (affected.start, self.children.len() - affected.end);
            self.stop_range(affected);
            match (first..self.children.len() - after).find(|&index| !self.start_one(index)) {
                Some(index) => failed = index,
                None => return,
            }
        }
    }

    /// Stops those that are up, right to left, and removes the temporary ones.
    fn stop_range(&mut self, range: Range<usize>) {
        for index in range.rev() {
            if mem::take(&mut self.children[index].up) {
                self.done.push(Action::Stop(self.children[index].key));
                if self.children[index].restart == Restart::Temporary {
                    self.remove(index);
                }
            }
        }
    }

    fn end(&mut self, reason: Reason) {
        let unreached = |child: &mut OtpChild| child.restart == Restart::Temporary && !child.up;
        let removed = self.children.extract_if(.., unreached).map(|child| Action::Removed(child.key));
        self.done.extend(removed);
        self.stop_range(0..self.children.len());
        self.done.push(Action::Ended(reason));
        self.over = true;
    }

    fn start_one(&mut self, index: usize) -> bool {
        self.done.push(Action::Start(self.children[index].key));
        self.children[index].up = self.fortune.pop_front().unwrap_or(true);
        self.children[index].up
    }

    fn start_asked(&mut self, index: usize) -> bool {
        let (key, up) = (self.children[index].key, self.start_one(index));
        self.done.push(if up { Action::Started(key) } else { Action::NotStarted(key) });
        up
    }

    fn remove(&mut self, index: usize) {
        self.done.push(Action::Removed(self.children.remove(index).key));
    }
}

/// The rules, with every start and stop answered at once.
struct Driven {
    rules: Rules,
    now: Duration,
    fortune: VecDeque<bool>,
    done: Vec<Action>,
    /// How many of `done` have been answered.
    answered: usize,
}

impl Driven {
    /// Takes in an event; `child` is a child's place.
    fn handle(&mut self, event: &Event, child: usize) {
        let key = self.rules.children().nth(child).map_or(ChildKey(u64::MAX), |status| status.key);
        let over = matches!(self.done.last(), Some(Action::Ended(_)));
        let (rules, now, done) = (&mut self.rules, self.now, &mut self.done);
        match *event {
            Event::TimePasses(duration) => self.now += duration,
            _ if over => {}
            Event::Stop => rules.stop(done),
            Event::StartChild(restart) => drop(rules.start_child(restart, done)),
            Event::End { normal } => rules.ended(key, normal, now, done),
            Event::TerminateChild => drop(rules.terminate_child(key, done)),
            Event::RestartChild => drop(rules.restart_child(key, done)),
            Event::DeleteChild => drop(rules.delete_child(key, done)),
        }
        self.answer();
    }

    fn answer(&mut self) {
        while let Some(&action) = self.done.get(self.answered) {
            self.answered += 1;
            let (rules, done) = (&mut self.rules, &mut self.done);
            match action {
                Action::Start(key) if self.fortune.pop_front().unwrap_or(true) => rules.started(key, done),
                Action::Start(key) => rules.start_failed(key, self.now, done),
                Action::Stop(key) => rules.ended(key, false, self.now, done),
                _ => {}
            }
        }
    }
}

/// Starts fail about as often as this says: most runs should get beyond the initial start.
fn any_fortune() -> impl Values<Value = VecDeque<bool>> {
    vec(prop::bool::weighted(0.8), 0..40).prop_map(VecDeque::from)
}

proptest! {
    #[test]
    fn the_rules_do_what_the_sequential_program_does(
        strategy in any_strategy(),
        intensity in any_intensity(),
        restarts in vec(any_restart(), 0..5),
        fortune in any_fortune(),
        events in vec((any_event(), 0..6usize), 0..40),
    ) {
        let mut otp = Otp::new(strategy, intensity, &restarts, fortune.clone());
        let rules = Rules::new(strategy, intensity, restarts);
        let mut driven = Driven { rules, now: Duration::ZERO, fortune, done: Vec::new(), answered: 0 };
        otp.start();
        driven.rules.start(&mut driven.done);
        driven.answer();

        prop_assert_eq!(&driven.done, &otp.done);
        for (event, child) in &events {
            otp.handle(event, *child);
            driven.handle(event, *child);
            prop_assert_eq!(&driven.done, &otp.done, "after {:?} of {}", event, child);
            let state = |up| if up { ChildState::Running } else { ChildState::Down };
            let states = otp.children.iter().map(|child| (child.key, state(child.up)));
            prop_assert!(driven.rules.children().map(|child| (child.key, child.state)).eq(states));
        }
    }
}
