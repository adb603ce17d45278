//! What callers ask for: dynamic children, and the children and counts.

use super::{
    super::Counts,
    Bench,
    Restart::{Permanent, Temporary, Transient},
    Strategy::{OneForAll, OneForOne, RestForOne},
};

#[test]
fn a_dynamic_child_is_started_at_the_right() {
    let mut bench = Bench::up(RestForOne, 1, &[Permanent; 2]);
    bench.check(&[("add permanent", "+c"), ("add temporary", ""), ("up c", "c:started +d"), ("up d", "d:started")]);
    assert_eq!(bench.settle("crash b"), "-d d:removed -c +b +c");
}

#[test]
fn a_dynamic_child_that_does_not_start_leaves_the_group() {
    for event in ["no b", "crash b", "exit b"] {
        let mut bench = Bench::up(OneForAll, 0, &[Permanent]);
        bench.check(&[("add permanent", "+b"), (event, "b:not-started b:removed"), ("add permanent", "+c")]);
        assert_eq!(bench.children(), "a running, c starting");
    }
}

#[test]
fn a_dynamic_child_can_come_before_the_group_starts() {
    Bench::new(OneForOne, 1, &[Permanent]).check(&[
        ("add permanent", ""),
        ("start", "+a"),
        ("up a", "+b"),
        ("no b", "b:not-started b:removed up"),
    ]);
}

#[test]
fn a_restart_keeps_what_a_start_under_way_is_for() {
    Bench::up(OneForAll, 9, &[Permanent]).check(&[
        ("add transient", "+b"),
        ("crash a", "-b"),
        ("exit b", "+a"),
        ("up a", "+b"),
        ("no b", "b:not-started b:removed"),
        ("add temporary", "+c"),
        ("crash a", "-c"), // temporary: there is no second process
        ("exit c", "c:not-started c:removed +a"),
    ]);
}

#[test]
fn a_terminated_child_stays_down_until_it_is_restarted() {
    let mut bench = Bench::up(OneForOne, 1, &[Permanent; 3]);
    bench.check(&[
        ("terminate b", "-b"),
        ("terminate b", ""),
        ("crash b", "b:terminated"),
        ("terminate b", "b:terminated"),
    ]);
    assert_eq!(bench.children(), "a running, b down, c running");
    bench.check(&[("restart b", "+b"), ("up b", "b:started"), ("crash b", "+b")]);
}

#[test]
fn a_terminated_temporary_child_leaves_the_group() {
    Bench::up(OneForOne, 1, &[Temporary]).check(&[("terminate a", "-a"), ("exit a", "a:terminated a:removed")]);
}

#[test]
fn a_restart_by_a_caller_that_fails_is_not_tried_again() {
    let mut bench = Bench::up(OneForAll, 0, &[Permanent, Transient]);
    bench.check(&[("exit b", ""), ("restart b", "+b"), ("no b", "b:not-started")]);
    assert_eq!(bench.children(), "a running, b down");
}

#[test]
fn a_child_can_be_terminated_in_every_state() {
    Bench::up(OneForOne, 9, &[Permanent; 2]).check(&[
        ("crash a", "+a"),
        ("crash b", ""),
        ("terminate b", "b:terminated"), // waiting
        ("terminate a", "-a"),           // starting
        ("no a", "a:terminated"),
        ("terminate a", "a:terminated"), // down
    ]);
    Bench::up(OneForAll, 9, &[Permanent; 3]).check(&[
        ("crash a", "-c"),
        ("terminate b", ""), // its process has to go anyway
        ("terminate c", ""), // stopping
        ("exit c", "c:terminated -b"),
        ("exit b", "b:terminated +a"),
        ("up a", ""),
    ]);
    Bench::new(OneForOne, 9, &[Permanent, Temporary, Permanent]).check(&[
        ("terminate b", "b:terminated b:removed"),
        ("start", "+a"),
        ("terminate a", "-a"),
        ("exit a", "a:terminated +c"),
        ("up c", "up"),
    ]);
}

#[test]
fn terminating_a_child_that_is_being_added_gives_it_up() {
    Bench::up(OneForOne, 9, &[]).check(&[
        ("add permanent", "+a"),
        ("add permanent", ""),
        ("terminate b", "b:not-started b:terminated b:removed"),
        ("terminate a", "a:not-started -a"),
        ("exit a", "a:terminated a:removed"),
    ]);
}

#[test]
fn stopping_the_group_answers_every_caller() {
    Bench::up(OneForOne, 9, &[Permanent, Transient]).check(&[
        ("exit b", ""),
        ("add permanent", "+c"),
        ("add permanent", ""),
        ("restart b", ""),
        ("terminate a", "-a"),
        ("stop", "b:not-started c:not-started d:not-started d:removed"),
        ("exit a", "a:terminated -c"),
        ("exit c", "c:removed stopped"),
    ]);
}

#[test]
fn what_cannot_be_done_is_refused() {
    Bench::up(OneForOne, 9, &[Permanent; 2]).check(&[
        ("delete a", "child 0 is running: terminate it first"),
        ("restart a", "child 0 is running: terminate it first"),
        ("terminate a", "-a"),
        ("delete a", "child 0 is running: terminate it first"),
        ("restart a", "child 0 is running: terminate it first"),
        ("exit a", "a:terminated"),
        ("delete a", "a:removed"),
        ("delete a", "child 0 is not in the group"),
        ("restart a", "child 0 is not in the group"),
        ("terminate a", "child 0 is not in the group"),
        ("add permanent", "+c"),
        ("crash b", ""),
        ("delete b", "child 1 is about to be started: terminate it first"),
        ("restart b", "child 1 is about to be started already"),
        ("stop", "c:not-started -c"),
        ("add permanent", "the group is stopping or has ended: it starts no children"),
        ("restart b", "the group is stopping or has ended: it starts no children"),
        ("delete c", "child 2 is running: terminate it first"),
        ("exit c", "c:removed stopped"),
        ("add permanent", "the group is stopping or has ended: it starts no children"),
        ("restart b", "the group is stopping or has ended: it starts no children"),
        ("terminate b", "b:terminated"), // callers are still answered
        ("delete b", "b:removed"),
    ]);
}

#[test]
fn the_children_and_their_counts_can_be_asked_for() {
    let mut bench = Bench::up(RestForOne, 9, &[Transient, Permanent, Permanent, Permanent]);
    assert_eq!(bench.rules.counts(), Counts { specs: 4, active: 4, waiting: 0 });
    bench.check(&[("exit a", ""), ("crash b", "-d")]);
    assert_eq!(bench.children(), "a down, b waiting, c stopping, d stopping");
    assert_eq!(bench.rules.counts(), Counts { specs: 4, active: 2, waiting: 1 });
    bench.check(&[("exit d", "-c"), ("exit c", "+b")]);
    assert_eq!(bench.children(), "a down, b starting, c waiting, d waiting");
    assert_eq!(bench.rules.counts(), Counts { specs: 4, active: 1, waiting: 2 });
    bench.rules.children().for_each(|child| assert_eq!(bench.rules.state(child.key), Some(child.state)));
    assert_eq!(bench.rules.state(super::key("z")), None);
}
