//! The machine in a small world.

use proptest::collection::vec;
use proptest::prelude::*;

use self::world::{Event, WORKERS, World, event};
use super::{AHEAD, ATTEMPTS, BatchId, Slot, Verdict};

mod world;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn every_item_is_settled_once_and_nobody_waits_for_ever(
        lifetime in proptest::option::of(1..5u64),
        events in vec(event(), 0..300),
    ) {
        let mut world = World::new(lifetime);
        for event in &events {
            world.step(event);
        }
        world.finish();
    }
}

/// Runs a worker until it has nothing to do.
fn run(world: &mut World, slot: Slot, steps: usize) {
    for _ in 0..steps {
        world.step(&Event::Work { slot });
        world.step(&Event::Deliver { slot });
    }
}

fn submit(world: &mut World, count: u32) -> BatchId {
    let (bytes, chunk) = (10, count);
    world.step(&Event::Submit { client: 0, job: 0, count, chunk, bytes, timeout: true, repeatable: false });
    world.last_batch
}

fn ready() -> World {
    let mut world = World::new(None);
    (0..WORKERS).for_each(|slot| world.step(&Event::Prepare { slot, works: true }));
    world
}

#[test]
fn what_is_ahead_is_taken_back_for_a_worker_that_is_free() {
    let mut world = ready();
    let batches: Vec<BatchId> = (0..4).map(|_| submit(&mut world, 1)).collect();
    world.step(&Event::Work { slot: 0 });
    run(&mut world, 1, 4);
    let done = |world: &World| batches.iter().filter(|id| world.batches[id].is_over).count();
    assert_eq!(done(&world), 2, "one of its own, and the one that another had ahead");
    run(&mut world, 2, 4);
    assert_eq!(done(&world), 3);
}

#[test]
fn chunks_behind_a_slow_one_go_to_workers_that_are_free() {
    let mut world = ready();
    let (count, chunk) = (16, 1);
    let bytes = 10;
    world.step(&Event::Submit { client: 0, job: 0, count, chunk, bytes, timeout: false, repeatable: false });
    world.step(&Event::Work { slot: 0 });
    for _ in 0..8 {
        world.step(&Event::EvenOut);
        (1..WORKERS).for_each(|slot| run(&mut world, slot, 20));
    }
    let fates = &world.batches[&1].fates;
    assert!(fates[0].is_none() && fates[1..].iter().all(|fate| *fate == Some(None)), "{fates:?}");
    assert!(!world.machine.is_uneven());
    run(&mut world, 0, 2);
    assert!(world.batches[&1].is_over);
}

#[test]
fn a_worker_that_is_stuck_is_not_given_ever_more_ahead() {
    let mut world = ready();
    submit(&mut world, 1);
    world.step(&Event::Work { slot: 0 });
    // What it is given ahead, the others take back; it passes over it only when it goes on.
    for _ in 0..20 {
        let last = (0..5).map(|_| submit(&mut world, 1)).last().expect("there are some");
        (0..4).for_each(|_| (1..WORKERS).for_each(|slot| run(&mut world, slot, 2)));
        assert!(world.batches[&last].is_over);
    }
    let left = world.processes[0].as_ref().expect("it lives").mailbox.len();
    assert!((1..=AHEAD).contains(&left), "{left} are left to be passed over");
}

#[test]
fn a_repeatable_item_is_begun_a_bounded_number_of_times() {
    let mut world = ready();
    let (bytes, chunk, timeout) = (10, 2, false);
    world.step(&Event::Submit { client: 0, job: 0, count: 2, chunk, bytes, timeout, repeatable: true });
    for _ in 0..ATTEMPTS {
        let slot = (0..WORKERS).find(|slot| !world.machine.assigned(*slot).is_empty()).expect("somebody has it");
        world.step(&Event::Work { slot });
        world.step(&Event::Die { slot });
        world.step(&Event::Prepare { slot, works: true });
    }
    world.finish();
    assert_eq!(world.batches[&1].fates[..], [Some(Some(Verdict::Died)), Some(None)]);
    assert_eq!(world.batches[&1].begun[..], [ATTEMPTS, 1]);
}

#[test]
fn only_the_late_item_is_ended() {
    let mut world = ready();
    let id = submit(&mut world, 3);
    run(&mut world, 0, 2);
    (0..4).for_each(|_| world.step(&Event::Look { slot: 0 }));
    run(&mut world, 0, 1);
    world.finish();
    let fates = &world.batches[&id].fates;
    assert_eq!(fates[..], [Some(None), Some(Some(Verdict::TimedOut)), Some(None)]);
}

#[test]
fn after_failed_starts_in_a_row_everything_is_refused() {
    let mut world = World::new(None);
    let id = submit(&mut world, 3);
    (0..WORKERS).for_each(|slot| world.step(&Event::Prepare { slot, works: false }));
    assert!(world.batches[&id].is_over && world.processes.iter().all(Option::is_none));
    let late = submit(&mut world, 3);
    assert!(world.batches[&late].is_over && world.batches[&late].fates == [None; 3]);
}
