//! Tests of the rules.
//!
//! * `strategies`, `trouble`, `callers`: scenarios in words, event by event (see [`Bench`])
//! * `sequential`: every step answered at once, compared with OTP's supervisor written down as a plain sequential
//!   program
//! * `interleaved`: anything at any time, compared with a `model` that keeps sets instead of states

mod callers;
mod interleaved;
mod model;
mod sequential;
mod strategies;
mod trouble;

use std::time::Duration;

use proptest::{prelude::*, strategy::Strategy as Values};

use super::{Action, ChildKey, Intensity, Reason, Restart, Rules, Strategy};

/// Drives rules by events in words, and puts what they say into words.
///
/// Children are called `a`, `b`, `c`, in the order of their keys. Events: `start`, `stop`; of a child, `up a`, `no a`
/// (its start failed), `exit a` (normal end), `crash a`; of callers, `add permanent`, `terminate a`, `restart a`,
/// `delete a`; `at 7000` sets the clock, in milliseconds. Actions: `+a` is a start, `-a` a stop, the others are written
/// out.
struct Bench {
    rules: Rules,
    now: Duration,
}

impl Bench {
    /// Creates a group with `restarts` allowed in 5 s.
    fn new(strategy: Strategy, restarts: u32, children: &[Restart]) -> Self {
        let intensity = Intensity { restarts, ..Intensity::default() };
        Bench { rules: Rules::new(strategy, intensity, children.iter().copied()), now: Duration::ZERO }
    }

    /// Creates such a group and has all its children up.
    fn up(strategy: Strategy, restarts: u32, children: &[Restart]) -> Self {
        let mut bench = Bench::new(strategy, restarts, children);
        assert!(bench.settle("start").ends_with("up"));
        bench
    }

    /// Feeds events one by one and compares what is said to each.
    fn check(&mut self, steps: &[(&str, &str)]) {
        for (number, (event, expected)) in steps.iter().enumerate() {
            let said = self.feed(event).map_or_else(|refusal| refusal, |actions| words(&actions));
            assert_eq!(said, *expected, "step {number}, {event}, of {steps:#?}");
        }
    }

    /// Feeds one event, answers every start with success and every stop with a normal end, and gives all that is said.
    fn settle(&mut self, event: &str) -> String {
        let mut all = self.feed(event).expect("nothing is refused");
        let mut next = 0;
        while let Some(&action) = all.get(next) {
            match action {
                Action::Start(key) => self.rules.started(key, &mut all),
                Action::Stop(key) => self.rules.ended(key, true, self.now, &mut all),
                _ => {}
            }
            next += 1;
        }
        words(&all)
    }

    /// Feeds one event and gives the actions, or the text of a refusal.
    fn feed(&mut self, event: &str) -> Result<Vec<Action>, String> {
        let mut actions = Vec::new();
        let (verb, object) = event.split_once(' ').unwrap_or((event, ""));
        let (rules, now) = (&mut self.rules, self.now);
        match verb {
            "start" => rules.start(&mut actions),
            "stop" => rules.stop(&mut actions),
            "up" => rules.started(key(object), &mut actions),
            "no" => rules.start_failed(key(object), now, &mut actions),
            "exit" => rules.ended(key(object), true, now, &mut actions),
            "crash" => rules.ended(key(object), false, now, &mut actions),
            "add" => drop(rules.start_child(restart(object), &mut actions).map_err(|error| error.to_string())?),
            "terminate" => rules.terminate_child(key(object), &mut actions).map_err(|error| error.to_string())?,
            "restart" => rules.restart_child(key(object), &mut actions).map_err(|error| error.to_string())?,
            "delete" => rules.delete_child(key(object), &mut actions).map_err(|error| error.to_string())?,
            "at" => self.now = Duration::from_millis(object.parse().expect("milliseconds")),
            _ => panic!("no such event: {event}"),
        }
        Ok(actions)
    }

    /// Puts the children and their states into words.
    fn children(&self) -> String {
        let child = |status: super::ChildStatus| format!("{} {:?}", name(status.key), status.state);
        self.rules.children().map(child).collect::<Vec<_>>().join(", ").to_lowercase()
    }
}

/// Puts actions into words.
fn words(actions: &[Action]) -> String {
    let word = |action: &Action| match *action {
        Action::Start(key) => format!("+{}", name(key)),
        Action::Stop(key) => format!("-{}", name(key)),
        Action::Started(key) => format!("{}:started", name(key)),
        Action::NotStarted(key) => format!("{}:not-started", name(key)),
        Action::Terminated(key) => format!("{}:terminated", name(key)),
        Action::Removed(key) => format!("{}:removed", name(key)),
        Action::Up => "up".to_owned(),
        Action::Ended(Reason::Stopped) => "stopped".to_owned(),
        Action::Ended(Reason::StartFailed(key)) => format!("start-failed({})", name(key)),
        Action::Ended(Reason::IntensityExceeded(key)) => format!("exceeded({})", name(key)),
    };
    actions.iter().map(word).collect::<Vec<_>>().join(" ")
}

/// Gives a child's letter.
fn name(key: ChildKey) -> char {
    char::from(b'a' + u8::try_from(key.0).expect("few children"))
}

/// Gives the child of a letter.
fn key(name: &str) -> ChildKey {
    ChildKey(u64::from(name.as_bytes()[0] - b'a'))
}

/// Gives the restart rule of a word.
fn restart(word: &str) -> Restart {
    match word {
        "permanent" => Restart::Permanent,
        "transient" => Restart::Transient,
        "temporary" => Restart::Temporary,
        _ => panic!("no such restart rule: {word}"),
    }
}

fn any_strategy() -> impl Values<Value = Strategy> {
    prop::sample::select(vec![Strategy::OneForOne, Strategy::OneForAll, Strategy::RestForOne])
}

fn any_restart() -> impl Values<Value = Restart> {
    prop::sample::select(vec![Restart::Permanent, Restart::Transient, Restart::Temporary])
}

fn any_intensity() -> impl Values<Value = Intensity> {
    (0..6u32, 0..10u64).prop_map(|(restarts, period)| Intensity { restarts, period: Duration::from_secs(period) })
}
