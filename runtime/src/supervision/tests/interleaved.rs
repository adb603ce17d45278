//! Anything at any time: ends, failed starts, callers and words out of turn, compared with the model after every event.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use proptest::{collection::vec, prelude::*, strategy::Strategy as Values};

use super::{
    super::{Action, ChildKey, Intensity, Restart, Rules, Strategy},
    any_intensity, any_restart, any_strategy,
    model::Model,
};

/// What happens next, if it can; `u64`s are keys, known or not.
#[derive(Debug, Clone)]
enum Event {
    Start,
    Stop,
    /// The start that is under way succeeds, or fails.
    StartEnds(bool),
    /// The stop that is under way is done.
    StopEnds(bool),
    Started(u64),
    StartFailed(u64),
    Ended(u64, bool),
    StartChild(Restart),
    TerminateChild(u64),
    RestartChild(u64),
    DeleteChild(u64),
    TimePasses(Duration),
}

fn any_event() -> impl Values<Value = Event> {
    let key = 0..9u64;
    prop_oneof![
        2 => Just(Event::Start),
        1 => Just(Event::Stop),
        24 => prop::bool::weighted(0.8).prop_map(Event::StartEnds),
        12 => any::<bool>().prop_map(Event::StopEnds),
        2 => key.clone().prop_map(Event::Started),
        1 => key.clone().prop_map(Event::StartFailed),
        16 => (key.clone(), any::<bool>()).prop_map(|(key, normal)| Event::Ended(key, normal)),
        4 => any_restart().prop_map(Event::StartChild),
        4 => key.clone().prop_map(Event::TerminateChild),
        4 => key.clone().prop_map(Event::RestartChild),
        2 => key.prop_map(Event::DeleteChild),
        4 => (0..6u64).prop_map(|seconds| Event::TimePasses(Duration::from_secs(seconds))),
    ]
}

/// What can be seen of the processes from outside.
#[derive(Default)]
struct Witness {
    /// The restart rule of each key ever given out.
    restart: BTreeMap<ChildKey, Restart>,
    /// Children with a process, and whether it was told to stop.
    processes: BTreeMap<ChildKey, bool>,
    /// Children that have had a process.
    seen: BTreeSet<ChildKey>,
    /// Children that left the group.
    removed: BTreeSet<ChildKey>,
    up: bool,
    ended: bool,
}

impl Witness {
    /// Checks what must hold whatever the details.
    fn sees(&mut self, action: Action) {
        let told = self.processes.values().filter(|&&told| told).count();
        match action {
            Action::Start(key) => {
                assert!(!self.ended && told == 0, "started while another stops, or after the end");
                assert!(!self.removed.contains(&key), "started after it left");
                assert!(self.processes.insert(key, false).is_none(), "two processes for one child");
                assert!(self.seen.insert(key) || self.restart[&key] != Restart::Temporary, "temporary, started twice");
            }
            Action::Stop(key) => {
                assert!(told == 0, "two stops at a time");
                assert_eq!(self.processes.insert(key, true), Some(false), "stopped without a process");
            }
            Action::Removed(key) => {
                assert!(!self.processes.contains_key(&key), "removed while it has a process");
                assert!(self.removed.insert(key), "removed twice");
            }
            Action::Up => assert!(!std::mem::replace(&mut self.up, true) && !self.ended, "up twice, or after the end"),
            Action::Ended(_) => {
                assert!(!std::mem::replace(&mut self.ended, true), "ended twice");
                assert!(self.processes.is_empty(), "ended with processes");
            }
            Action::Started(key) => assert_eq!(self.processes.get(&key), Some(&false), "started without a process"),
            Action::NotStarted(_) | Action::Terminated(_) => {}
        }
    }
}

/// The rules, the model and the witness, fed alike.
struct Trial {
    rules: Rules,
    model: Model,
    witness: Witness,
    now: Duration,
}

impl Trial {
    fn new(strategy: Strategy, intensity: Intensity, restarts: &[Restart]) -> Self {
        let rules = Rules::new(strategy, intensity, restarts.iter().copied());
        let restart = rules.children().map(|child| (child.key, child.restart)).collect();
        let witness = Witness { restart, ..Witness::default() };
        Trial { rules, model: Model::new(strategy, intensity, restarts), witness, now: Duration::ZERO }
    }

    /// Feeds an event to all three and compares them.
    fn feed(&mut self, event: &Event) {
        let mut said = Vec::new();
        self.tell(event, &mut said);
        said.iter().for_each(|&action| self.witness.sees(action));
        let last =
            said.iter().position(|action| matches!(action, Action::Ended(_))).is_none_or(|at| at + 1 == said.len());
        assert!(last, "the end is the last word: {said:?}");

        let mut expected = self.model.proceed();
        let order = |action: &Action| format!("{action:?}");
        said.sort_by_key(order);
        expected.sort_by_key(order);
        assert_eq!(said, expected, "said and expected after {event:?}");
        let states: Vec<_> = self.rules.children().map(|child| (child.key, child.restart, child.state)).collect();
        assert_eq!(states, self.model.states(), "after {event:?}");
    }

    /// Feeds an event to the rules and to the model.
    fn tell(&mut self, event: &Event, said: &mut Vec<Action>) {
        let (rules, model) = (&mut self.rules, &mut self.model);
        match *event {
            Event::Start => {
                rules.start(said);
                model.start();
            }
            Event::Stop => {
                rules.stop(said);
                model.stop();
            }
            Event::StartEnds(true) => model.starting.into_iter().for_each(|key| self.started(key, said)),
            Event::StartEnds(false) => model.starting.into_iter().for_each(|key| self.gone(key, None, said)),
            Event::StopEnds(normal) => model.stopping.into_iter().for_each(|key| self.gone(key, Some(normal), said)),
            Event::Started(key) => self.started(ChildKey(key), said),
            Event::StartFailed(key) => self.gone(ChildKey(key), None, said),
            Event::Ended(key, normal) => self.gone(ChildKey(key), Some(normal), said),
            Event::StartChild(restart) => {
                let key = rules.start_child(restart, said).ok();
                assert_eq!(key, model.start_child(restart));
                self.witness.restart.extend(key.map(|key| (key, restart)));
            }
            Event::TerminateChild(key) => {
                assert_eq!(rules.terminate_child(ChildKey(key), said).is_ok(), model.terminate_child(ChildKey(key)));
            }
            Event::RestartChild(key) => {
                assert_eq!(rules.restart_child(ChildKey(key), said).is_ok(), model.restart_child(ChildKey(key)));
            }
            Event::DeleteChild(key) => {
                assert_eq!(rules.delete_child(ChildKey(key), said).is_ok(), model.delete_child(ChildKey(key)));
            }
            Event::TimePasses(duration) => self.now += duration,
        }
    }

    fn started(&mut self, key: ChildKey, said: &mut Vec<Action>) {
        self.rules.started(key, said);
        self.model.started(key);
    }

    /// A process ends, normally or not, or by a failed start.
    fn gone(&mut self, key: ChildKey, normal: Option<bool>, said: &mut Vec<Action>) {
        self.witness.processes.remove(&key);
        match normal {
            Some(normal) => self.rules.ended(key, normal, self.now, said),
            None => self.rules.start_failed(key, self.now, said),
        }
        self.model.gone(key, normal == Some(true), self.now);
    }

    /// Answers every start with success and every stop with an end, until nothing is under way.
    fn settle(&mut self) {
        for _ in 0..4 * self.rules.counts().specs {
            self.feed(&Event::StopEnds(true));
            self.feed(&Event::StartEnds(true));
        }
        assert_eq!((self.model.starting, self.model.stopping), (None, None), "settles in a few steps each child");
    }
}

proptest! {
    #[test]
    fn the_rules_do_what_the_model_does(
        strategy in any_strategy(),
        intensity in any_intensity(),
        restarts in vec(any_restart(), 0..6),
        begins in prop::bool::weighted(0.9),
        events in vec(any_event(), 0..120),
    ) {
        let mut trial = Trial::new(strategy, intensity, &restarts);
        if begins {
            trial.feed(&Event::Start);
        }
        events.iter().for_each(|event| trial.feed(event));

        trial.settle(); // a group that is left alone comes up, or to its end
        trial.feed(&Event::Start);
        trial.settle();
        prop_assert!(trial.witness.up || trial.witness.ended);
        let waiting = trial.rules.counts().waiting;
        prop_assert_eq!(waiting, 0);

        trial.feed(&Event::Stop); // and one that was told to stop comes to its end
        trial.settle();
        prop_assert!(trial.witness.ended);
        prop_assert_eq!(trial.rules.counts().active, 0);
        for event in &events {
            trial.feed(event); // after which there is no more word but to callers; the witness knows
        }
    }
}
