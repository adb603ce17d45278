//! Seats, step by step.

use std::cell::{Cell, RefCell};

use super::*;
use crate::Exit;
use crate::primitives::exit_data::ExitData;
use crate::primitives::locks::lock::machine::{LockDemand, LockGrant, LockMachine, LockSettings};
use crate::primitives::locks::machine::{Machine, Party, Ticket};
use crate::primitives::locks::trial::{House, Lent, Occurrence};

const KILLED: Exit = Exit::Signal { signal: 9, core_dumped: false };

const HELD: LockGrant = LockGrant::Held { owner_died: None, timed_out: false };

/// A lock with two rooms, and parties of which each can be named by its number.
struct Scene(House<LockMachine>);

impl Scene {
    fn new() -> Scene {
        let mut scene = Scene(House::new(LockMachine::new(LockSettings { reentrant: false })));
        for number in 0..2 {
            assert_eq!(scene.ask(1, number, LockDemand::NewRoom), [(1, LockGrant::Room(number))]);
        }
        scene
    }

    /// Gives who is granted what then.
    fn ask(&mut self, party: u64, number: u64, demand: LockDemand) -> Vec<(u64, LockGrant)> {
        self.happen(&Occurrence::Demand(Ticket { party: Party(party), number }, demand))
    }

    fn happen(&mut self, occurrence: &Occurrence<LockDemand>) -> Vec<(u64, LockGrant)> {
        let said = self.0.act(occurrence).into_iter();
        said.map(|(ticket, answer)| (ticket.party.0, answer.expect("it makes sense"))).collect()
    }

    fn acquire(&mut self, party: u64, number: u64) {
        assert_eq!(self.ask(party, number, LockDemand::Acquire { thread: 0 }), [(party, HELD)]);
    }

    /// Has a party acquire the lock, and wait in a room under the next number.
    fn wait(&mut self, party: u64, number: u64, room: u64) {
        self.acquire(party, number);
        assert_eq!(self.ask(party, number + 1, LockDemand::Wait { room, number }), []);
    }

    /// The same, but it looks for itself.
    fn sit(&mut self, party: u64, number: u64, room: u64) {
        self.acquire(party, number);
        let (words, user) = (&self.0.lent, self.user(party));
        assert_eq!(super::sit(words, user, number, room, number + 1), Ok(true));
        assert_eq!(give_up(words, user, Some(number)), Ok(GivenUp::Quietly));
    }

    fn user(&self, party: u64) -> u64 {
        self.0.user(Party(party)).expect("it uses words")
    }

    fn notify(&self, party: u64, room: u64) -> Result<Notified, WordClosed> {
        notify(&self.0.lent, self.user(party), room, 1)
    }

    fn give_up(&self, party: u64, number: u64) -> Result<GivenUp, WordClosed> {
        give_up(&self.0.lent, self.user(party), Some(number))
    }

    /// Whether a party finds that it has the lock.
    fn finds(&self, party: u64, number: u64) -> bool {
        let (words, user) = (&self.0.lent, self.user(party));
        words.load(0).is_ok_and(|held| has_lock(held, user, number)) && serve(words, user, number) == Ok(true)
    }
}

#[test]
fn the_lock_goes_from_hand_to_hand() {
    let mut scene = Scene::new();
    scene.sit(1, 10, 0);
    scene.sit(2, 20, 0);
    scene.sit(3, 30, 1);
    scene.acquire(4, 40);
    assert_eq!(
        (scene.notify(4, 0), scene.notify(4, 1), scene.notify(4, 0)),
        (Ok(Notified::Done), Ok(Notified::Done), Ok(Notified::Done))
    );
    assert_eq!(scene.give_up(4, 41), Ok(GivenUp::NotHeld));
    let order = [(1, 11), (3, 31), (2, 21)];
    let mut last = (4, 40);
    for (party, number) in order {
        let found = order.iter().filter(|(party, number)| scene.finds(*party, *number));
        assert!(found.eq(order.iter().filter(|one| **one == last)));
        assert_eq!(scene.give_up(last.0, last.1), Ok(GivenUp::Quietly));
        assert!(scene.finds(party, number));
        last = (party, number);
    }
    assert_eq!(scene.give_up(2, 21), Ok(GivenUp::Quietly));
    assert_eq!(scene.0.lent.load(0), Ok(FREE));
    // All seats are vacant, and are used again and again.
    for number in (100..).step_by(2).take(50) {
        let (words, user) = (&scene.0.lent, scene.user(1));
        assert_eq!(words.exchange(0, FREE, name(user, number).expect("it fits")), Ok(true));
        assert_eq!(super::sit(words, user, number, 0, number + 1), Ok(true));
        assert_eq!(scene.give_up(1, number), Ok(GivenUp::Quietly));
        let other = scene.user(2);
        assert_eq!(scene.0.lent.exchange(0, FREE, name(other, number).expect("it fits")), Ok(true));
        assert_eq!((scene.notify(2, 0), scene.give_up(2, number)), (Ok(Notified::Done), Ok(GivenUp::Quietly)));
        assert!(scene.finds(1, number + 1));
        assert_eq!((scene.notify(1, 0), scene.give_up(1, number + 1)), (Ok(Notified::Done), Ok(GivenUp::Quietly)));
    }
}

#[test]
fn what_a_holder_has_notified_is_seen_to_whatever_comes_next() {
    let mut scene = Scene::new();
    scene.wait(1, 10, 0);
    scene.wait(2, 20, 1);
    scene.acquire(4, 40);
    assert_eq!((scene.notify(4, 0), scene.notify(4, 0)), (Ok(Notified::Done), Ok(Notified::Done)));
    assert_eq!(scene.ask(4, 41, LockDemand::Count), [(4, LockGrant::Waiting(1))]);
    assert_eq!(scene.notify(4, 1), Err(WordClosed::Kept), "it can have decided to whom the lock goes");
    assert_eq!(scene.ask(4, 42, LockDemand::Release { number: 40 }), [(4, LockGrant::Done), (1, HELD)]);
    assert_eq!(scene.notify(4, 1), Ok(Notified::Partly { left: 1 }), "it is not the holder");
    // Who holds it again after a wait can notify, too. What the dead have notified is woken.
    assert_eq!(scene.notify(1, 1), Ok(Notified::Done));
    let told = LockGrant::Held { owner_died: Some(ExitData::from(&KILLED)), timed_out: false };
    assert_eq!(scene.happen(&Occurrence::Death(Party(1), KILLED)), [(2, told)]);
}

#[test]
fn who_has_notified_has_used_what_woke_it() {
    for (notifies, sits) in [(false, false), (false, true), (true, false), (true, true)] {
        let mut scene = Scene::new();
        if sits {
            scene.sit(1, 10, 0)
        } else {
            scene.wait(1, 10, 0)
        }
        scene.wait(2, 20, 0);
        scene.acquire(4, 40);
        assert_eq!(scene.notify(4, 0), Ok(Notified::Done));
        assert_eq!(scene.give_up(4, 40), Ok(if sits { GivenUp::Quietly } else { GivenUp::ToSleeper }));
        if sits {
            assert!(scene.finds(1, 11));
        } else {
            let told = [(1, HELD), (4, LockGrant::Waiting(0))];
            assert_eq!(scene.ask(4, 41, LockDemand::Count), told);
        }
        if notifies {
            assert_eq!(scene.notify(1, 1), Ok(Notified::Done));
        }
        // What woke it goes on to the other only if it has done nothing with the lock.
        let woken = scene.happen(&Occurrence::Death(Party(1), KILLED));
        assert_eq!(woken.len(), usize::from(!notifies), "{woken:?}");
    }
}

/// The words of a user of which another thread gives up the lock while somebody is notified.
struct Racing<'a>(&'a Lent, u64);

impl Words for Racing<'_> {
    fn load(&self, index: usize) -> Result<u64, WordClosed> {
        self.0.load(index)
    }

    fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed> {
        if index != 0 {
            assert_eq!(give_up(self.0, self.1, None), Ok(GivenUp::Quietly));
        }
        self.0.exchange(index, expected, content)
    }
}

#[test]
fn who_is_notified_too_late_has_the_lock_when_the_host_looks() {
    let mut scene = Scene::new();
    scene.wait(1, 10, 0);
    scene.acquire(4, 40);
    assert_eq!(notify(&Racing(&scene.0.lent, scene.user(4)), scene.user(4), 0, 1), Ok(Notified::TooLate));
    let ticket = Ticket { party: Party(1), number: 11 };
    assert_eq!(scene.0.look(), [(ticket, Ok(HELD))]);
}

/// What happens while somebody changes the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It is killed.
    Killed,
    /// The host takes them back, and so is asked.
    Kept,
    /// The host lends them anew.
    LentAnew,
    /// One that sits there is killed, so the host lends them anew without it.
    Bereaved,
}

/// The words of a scene, in which something happens after so many steps.
struct Disturbed<'a> {
    scene: &'a RefCell<Scene>,
    cut: Cut,
    left: Cell<u64>,
}

impl Disturbed<'_> {
    fn step(&self, is_change: bool) -> Result<(), WordClosed> {
        let (left, goes_on) = (self.left.get(), self.cut.goes_on());
        if left == 0 && !goes_on {
            return Err(WordClosed::Kept);
        }
        if left == 1 && goes_on {
            let mut scene = self.scene.borrow_mut();
            match self.cut {
                Cut::Bereaved => assert_eq!(scene.happen(&Occurrence::Death(Party(6), KILLED)), []),
                _ => assert_eq!(scene.ask(3, 30, LockDemand::Count).len(), 1),
            }
        }
        self.left.set(left.saturating_sub(u64::from(is_change || goes_on)));
        Ok(())
    }
}

impl Cut {
    /// Whether the words are lent after it.
    fn goes_on(self) -> bool {
        matches!(self, Cut::LentAnew | Cut::Bereaved)
    }
}

impl Words for Disturbed<'_> {
    fn load(&self, index: usize) -> Result<u64, WordClosed> {
        self.step(false)?;
        self.scene.borrow().0.lent.load(index)
    }

    fn exchange(&self, index: usize, expected: u64, content: u64) -> Result<bool, WordClosed> {
        self.step(true)?;
        self.scene.borrow().0.lent.exchange(index, expected, content)
    }
}

/// How somebody gives up the lock.
#[derive(Debug, Clone, Copy)]
struct Case {
    cut: Cut,
    /// Whether it notifies another before.
    notifies: bool,
    /// Whether it waits then, in the second room.
    waits: bool,
    /// Whether it owes the lock to a notification.
    is_woken: bool,
    /// Whether all but the one that it notifies wait in the second room.
    is_apart: bool,
}

impl Case {
    fn all() -> impl Iterator<Item = Case> {
        [Cut::Killed, Cut::Kept, Cut::LentAnew, Cut::Bereaved].into_iter().flat_map(|cut| {
            let flags = (0..16).map(|flags| [1, 2, 4, 8].map(|flag| flags & flag != 0));
            flags.map(move |[notifies, waits, is_woken, is_apart]| Case { cut, notifies, waits, is_woken, is_apart })
        })
    }

    /// A scene in which the fourth party has the lock under 41, and others wait.
    fn scene(self) -> Scene {
        let mut scene = Scene::new();
        if self.is_woken {
            scene.sit(4, 40, 0);
        }
        let room = u64::from(self.is_apart);
        scene.wait(6, 60, room);
        scene.wait(2, 20, room);
        scene.sit(1, 10, 0);
        if self.is_woken {
            scene.take(1, 50);
            assert_eq!((scene.notify(1, 0), scene.give_up(1, 50)), (Ok(Notified::Done), Ok(GivenUp::Quietly)));
            assert!(scene.finds(4, 41));
        } else {
            // So that it is known.
            assert_eq!(scene.ask(4, 39, LockDemand::Count).len(), 1);
            scene.take(4, 41);
        }
        scene
    }

    /// Does so, while something happens after so many steps; gives whether it did not come to that, and who had the lock then.
    fn run(self, steps: u64) -> (bool, [Vec<u64>; 3]) {
        let scene = self.scene();
        let (user, scene) = (scene.user(4), RefCell::new(scene));
        let words = Disturbed { scene: &scene, cut: self.cut, left: Cell::new(steps) };
        let notified = if self.notifies { notify(&words, user, 0, 1) } else { Ok(Notified::Done) };
        let notified = notified.unwrap_or(Notified::Partly { left: 1 });
        let mut granted = Vec::new();
        if let Notified::Partly { left } = notified
            && self.cut != Cut::Killed
        {
            granted.extend(scene.borrow_mut().ask(4, 43, LockDemand::Notify { room: 0, count: left }));
        }
        let is_seated = self.waits && super::sit(&words, user, 41, 1, 42) == Ok(true);
        let given_up = if is_seated == self.waits { give_up(&words, user, Some(41)) } else { Err(WordClosed::Kept) };
        let is_over = words.left.get() > 0;
        let mut scene = scene.into_inner();
        if self.cut == Cut::Killed {
            granted.extend(scene.happen(&Occurrence::Death(Party(4), KILLED)));
        } else if self.waits {
            granted.extend(scene.ask(4, 42, LockDemand::Wait { room: 1, number: 41 }));
        } else if given_up.is_err() {
            granted.extend(scene.ask(4, 44, LockDemand::Release { number: 41 }));
        }
        granted.extend(scene.ask(1, 11, LockDemand::Wait { room: 0, number: 10 }));
        (is_over, scene.wake_all(granted))
    }

    fn check(self, steps: u64, woken: [Vec<u64>; 3]) {
        let (is_killed, is_bereaved) = (self.cut == Cut::Killed, self.cut == Cut::Bereaved);
        let (mut one, mut other) = (vec![1], Vec::new());
        other.extend((self.waits && !is_killed).then_some(4));
        let others = [2, 6].into_iter().filter(|party| *party == 2 || !is_bereaved);
        if self.is_apart {
            other.extend(others)
        } else {
            one.extend(others)
        }
        let mut firsts = [&woken[0][..], &woken[1][..]].concat();
        let mut seconds = woken[2].clone();
        [&mut firsts, &mut seconds, &mut other].into_iter().for_each(|parties| parties.sort_unstable());
        assert_eq!((firsts, seconds), (one, other), "{self:?} after {steps}");
        if self.is_apart && self.notifies && !is_killed {
            assert_eq!(woken[0], [1], "{self:?} after {steps}");
        }
    }
}

impl Scene {
    /// Has a party take the lock without asking.
    fn take(&self, party: u64, number: u64) {
        let held = name(self.user(party), number).expect("it fits");
        assert_eq!(self.0.lent.exchange(0, FREE, held), Ok(true));
    }

    /// Has whoever is granted the lock release it, then a fifth wake those who are left in the first room, and a third those in the
    /// second; gives who was woken before and after each.
    fn wake_all(&mut self, mut granted: Vec<(u64, LockGrant)>) -> [Vec<u64>; 3] {
        let (mut woken, mut act) = ([const { Vec::new() }; 3], 0);
        granted.extend(self.ask(5, 51, LockDemand::Acquire { thread: 0 }));
        let (mut place, mut number) = (0, 100);
        while let Some((party, grant)) = granted.get(place).cloned() {
            (place, number) = (place + 1, number + 3);
            if matches!(grant, LockGrant::Held { .. }) {
                if party == 5 || party == 3 {
                    granted.extend(self.ask(party, number, LockDemand::Notify { room: act, count: u64::MAX }));
                    act += 1;
                } else {
                    woken[act as usize].push(party);
                }
                granted.extend(self.ask(party, number + 1, LockDemand::ReleaseLast { thread: 0 }));
            }
            if act == 1 && place == granted.len() {
                granted.extend(self.ask(3, number + 2, LockDemand::Acquire { thread: 0 }));
            }
        }
        woken
    }
}

#[test]
fn whatever_happens_at_whatever_step_all_are_woken_once() {
    for case in Case::all() {
        let mut steps = u64::from(case.cut.goes_on());
        while let (is_over, woken) = case.run(steps)
            && !is_over
        {
            case.check(steps, woken);
            steps += 1;
        }
        assert!(steps > 1, "each step was tried");
    }
}

#[test]
fn what_a_seat_says_is_read_as_it_was_written() {
    let stay = Stay { room: ROOMS - 1, time: (1 << TIME_BITS) - 1, is_notified: true, is_served: false, asks: true };
    for stay in [stay, Stay { is_notified: false, is_served: true, asks: false, ..stay }] {
        let content = stay.content().expect("it fits");
        assert_eq!((Stay::of(content), content >> procession_runtime::CONTENT_BITS), (stay, 0));
    }
    assert_eq!(Stay { room: ROOMS, ..stay }.content(), None);
    assert_eq!(Stay { time: 1 << TIME_BITS, ..stay }.content(), None);
}

#[test]
fn nonsense_in_the_words_is_survived() {
    for nonsense in [0, 1, NOTED, u64::MAX >> 1, 1 << 49 | 5, 2 << 49 | 11] {
        let mut scene = Scene::new();
        scene.sit(1, 10, 0);
        scene.wait(2, 20, 1);
        for index in 0..WORDS {
            if let Ok(content) = scene.0.lent.load(index) {
                assert_eq!(scene.0.lent.exchange(index, content, nonsense), Ok(true));
            }
        }
        let (words, user) = (&scene.0.lent, scene.user(1));
        let _ = (
            notify(words, user, 0, 9),
            super::sit(words, user, 11, 0, 12),
            give_up(words, user, None),
            serve(words, user, 11),
        );
        scene.ask(1, 90, LockDemand::Count);
        for party in [1, 2] {
            scene.happen(&Occurrence::Death(Party(party), KILLED));
        }
        let granted = scene.ask(3, 30, LockDemand::Acquire { thread: 0 });
        assert!(matches!(granted[..], [(3, LockGrant::Held { .. })]), "{granted:?}");
    }
}
