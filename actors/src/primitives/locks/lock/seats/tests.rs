//! Seats, step by step.

use std::cell::{Cell, RefCell};

use super::*;
use crate::Exit;
use crate::primitives::exit_data::ExitData;
use crate::primitives::locks::lock::machine::{LockDemand, LockGrant, LockMachine, LockSettings};
use crate::primitives::locks::machine::{Machine, Party, Ticket};
use crate::primitives::locks::trial::{House, Occurrence};

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

/// What happens while somebody changes the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Cut {
    /// It is killed.
    Killed,
    /// The host takes them back, and so is asked.
    Kept,
    /// One that sits there is killed, and the host lends them anew.
    LentAnew,
}

/// The words of a scene, in which something happens after so many steps.
struct Disturbed<'a> {
    scene: &'a RefCell<Scene>,
    cut: Cut,
    left: Cell<u64>,
}

impl Disturbed<'_> {
    fn step(&self, is_change: bool) -> Result<(), WordClosed> {
        match self.left.get() {
            0 if self.cut != Cut::LentAnew => return Err(WordClosed::Kept),
            1 if self.cut == Cut::LentAnew => {
                let granted = self.scene.borrow_mut().happen(&Occurrence::Death(Party(6), KILLED));
                assert_eq!(granted, [], "somebody holds the lock");
            }
            _ => {}
        }
        let counts = is_change || self.cut == Cut::LentAnew;
        self.left.set(self.left.get().saturating_sub(u64::from(counts)));
        Ok(())
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

/// Has one who was woken by another notify a third and then release the lock, or wait, while something happens after so many steps;
/// gives whether it did not come to that, and who has been woken in the end, each as often as it was.
fn wake_with(steps: u64, cut: Cut, waits: bool) -> (bool, Vec<u64>) {
    let mut scene = Scene::new();
    scene.sit(4, 40, 0);
    scene.wait(6, 60, 0);
    scene.sit(1, 10, 0);
    scene.wait(2, 20, 0);
    scene.acquire(5, 50);
    assert_eq!((scene.notify(5, 0), scene.give_up(5, 50)), (Ok(Notified::Done), Ok(GivenUp::Quietly)));
    assert!(scene.finds(4, 41));
    let (user, scene) = (scene.user(4), RefCell::new(scene));
    let words = Disturbed { scene: &scene, cut, left: Cell::new(steps) };
    let notified = notify(&words, user, 0, 1).unwrap_or(Notified::Partly { left: 1 });
    let mut granted = Vec::new();
    if let Notified::Partly { left } = notified
        && cut != Cut::Killed
    {
        granted.extend(scene.borrow_mut().ask(4, 43, LockDemand::Notify { room: 0, count: left }));
    }
    let is_seated = waits && super::sit(&words, user, 41, 0, 42) == Ok(true);
    let given_up = if is_seated == waits { give_up(&words, user, Some(41)) } else { Err(WordClosed::Kept) };
    let is_over = words.left.get() > 0;
    let mut scene = scene.into_inner();
    if cut == Cut::Killed {
        granted.extend(scene.happen(&Occurrence::Death(Party(4), KILLED)));
    } else if waits {
        granted.extend(scene.ask(4, 42, LockDemand::Wait { room: 0, number: 41 }));
    } else if given_up.is_err() {
        granted.extend(scene.ask(4, 44, LockDemand::Release { number: 41 }));
    }
    granted.extend(scene.ask(1, 11, LockDemand::Wait { room: 0, number: 10 }));
    (is_over, scene.wake_all(granted))
}

impl Scene {
    /// Has whoever is granted the lock release it, until a fifth has it, which wakes those who are left; gives who was woken.
    fn wake_all(&mut self, mut granted: Vec<(u64, LockGrant)>) -> Vec<u64> {
        granted.extend(self.ask(5, 51, LockDemand::Acquire { thread: 0 }));
        let (mut woken, mut place, mut number) = (Vec::new(), 0, 100);
        while let Some((party, grant)) = granted.get(place).cloned() {
            (place, number) = (place + 1, number + 2);
            if matches!(grant, LockGrant::Held { .. }) {
                if party == 5 {
                    granted.extend(self.ask(5, number, LockDemand::Notify { room: 0, count: u64::MAX }));
                } else {
                    woken.push(party);
                }
                granted.extend(self.ask(party, number + 1, LockDemand::ReleaseLast { thread: 0 }));
            }
        }
        woken.sort_unstable();
        woken
    }
}

#[test]
fn whatever_happens_at_whatever_step_all_are_woken_once() {
    for (cut, waits) in [Cut::Killed, Cut::Kept, Cut::LentAnew].into_iter().flat_map(|cut| [(cut, false), (cut, true)])
    {
        let mut steps = u64::from(cut == Cut::LentAnew);
        while let (is_over, woken) = wake_with(steps, cut, waits)
            && !is_over
        {
            let mut expected = vec![1, 2];
            expected.extend((waits && cut != Cut::Killed).then_some(4));
            expected.extend((cut != Cut::LentAnew).then_some(6));
            assert_eq!(woken, expected, "{cut:?} after {steps}, waits: {waits}");
            steps += 1;
        }
        assert!(steps > 4, "each step was tried");
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
