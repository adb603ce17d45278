//! What goes wrong while something else is going on.

use super::{
    Bench,
    Restart::{Permanent, Temporary, Transient},
    Strategy::{OneForAll, OneForOne, RestForOne},
};

#[test]
fn a_failed_initial_start_stops_what_was_started() {
    Bench::new(OneForOne, 9, &[Permanent; 4]).check(&[
        ("start", "+a"),
        ("up a", "+b"),
        ("up b", "+c"),
        ("no c", "-b"),
        ("exit b", "-a"),
        ("exit a", "start-failed(c)"),
    ]);
}

#[test]
fn an_end_while_starting_is_a_failed_start_however_normal() {
    for event in ["no a", "crash a", "exit a"] {
        Bench::new(OneForOne, 9, &[Transient]).check(&[("start", "+a"), (event, "start-failed(a)")]);
    }
}

#[test]
fn a_failed_restart_counts_and_is_tried_again() {
    Bench::up(OneForOne, 3, &[Permanent; 2]).check(&[
        ("crash a", "+a"),
        ("no a", "+a"),
        ("exit a", "+a"),
        ("no a", "-b"),
        ("exit b", "exceeded(a)"),
    ]);
    Bench::up(OneForAll, 2, &[Permanent; 3]).check(&[
        ("crash c", "-b"),
        ("exit b", "-a"),
        ("exit a", "+a"),
        ("up a", "+b"),
        ("no b", "-a"), // one for all: again from the left
        ("exit a", "+a"),
        ("up a", "+b"),
        ("no b", "-a"),
        ("exit a", "exceeded(b)"),
    ]);
    Bench::up(RestForOne, 2, &[Permanent; 3]).check(&[
        ("crash a", "-c"),
        ("exit c", "-b"),
        ("exit b", "+a"),
        ("up a", "+b"),
        ("no b", "+b"), // rest for one: a is not affected
        ("up b", "+c"),
        ("up c", ""),
    ]);
}

#[test]
fn a_child_that_ends_before_its_stop_is_no_further_failure() {
    Bench::up(OneForAll, 1, &[Permanent, Permanent, Temporary, Permanent]).check(&[
        ("crash b", "-d"),
        ("crash a", ""),
        ("crash c", "c:removed"),
        ("crash d", "+a"),
        ("up a", "+b"),
        ("up b", "+d"),
        ("up d", ""),
    ]);
}

#[test]
fn a_failure_to_the_left_of_a_restart_widens_it() {
    Bench::up(RestForOne, 2, &[Permanent; 4]).check(&[
        ("crash c", "-d"),
        ("crash a", ""), // d is still stopping
        ("exit d", "-b"),
        ("exit b", "+a"),
        ("up a", "+b"),
        ("up b", "+c"),
        ("up c", "+d"),
        ("up d", ""),
    ]);
}

#[test]
fn a_failure_while_others_are_started_stops_even_the_one_that_is_starting() {
    Bench::up(OneForAll, 2, &[Permanent; 3]).check(&[
        ("crash a", "-c"),
        ("exit c", "-b"),
        ("exit b", "+a"),
        ("up a", "+b"),
        ("crash a", "-b"),
        ("up b", ""), // too late
        ("exit b", "+a"),
        ("up a", "+b"),
        ("up b", "+c"),
        ("up c", ""),
    ]);
}

#[test]
fn one_for_one_restarts_one_by_one_from_the_left() {
    Bench::up(OneForOne, 3, &[Permanent; 3]).check(&[
        ("crash b", "+b"),
        ("crash c", ""),
        ("crash a", ""),
        ("up b", "+a"),
        ("up a", "+c"),
        ("up c", ""),
    ]);
}

#[test]
fn a_failure_in_the_initial_start_is_a_restart() {
    Bench::new(OneForOne, 1, &[Permanent, Temporary, Permanent]).check(&[
        ("start", "+a"),
        ("up a", "+b"),
        ("crash a", ""),
        ("up b", "+a"),
        ("up a", "+c"),
        ("crash a", "-c"), // and one too many is the end, not a failed start
        ("no c", "-b"),
        ("exit b", "b:removed exceeded(a)"),
    ]);
    Bench::new(OneForAll, 1, &[Permanent, Temporary, Permanent]).check(&[
        ("start", "+a"),
        ("up a", "+b"),
        ("crash a", "-b"), // temporary: not started a second time
        ("no b", "b:removed +a"),
        ("up a", "+c"),
        ("no c", "-a"), // c has never been up: its start fails the group
        ("exit a", "start-failed(c)"),
    ]);
}

#[test]
fn the_group_stops_in_the_middle_of_anything() {
    let table: [&[(&str, &str)]; 5] = [
        &[("start", "+a"), ("stop", "-a"), ("up a", ""), ("exit a", "stopped")],
        &[("start", "+a"), ("up a", "+b"), ("stop", "-b"), ("no b", "-a"), ("exit a", "stopped")],
        &[("start", "+a"), ("up a", "+b"), ("no b", "-a"), ("stop", ""), ("exit a", "start-failed(b)")],
        &[("start", "+a"), ("up a", "+b"), ("up b", "up"), ("crash a", "-b"), ("stop", ""), ("exit b", "stopped")],
        &[
            ("start", "+a"),
            ("up a", "+b"),
            ("up b", "up"),
            ("crash b", "-a"),
            ("exit a", "+a"),
            ("no a", "+a"),
            ("stop", "-a"),
            ("no a", "stopped"),
        ],
    ];
    for steps in table {
        Bench::new(OneForAll, 9, &[Permanent; 2]).check(steps);
    }
}

#[test]
fn a_stop_overtakes_a_start_that_never_returns() {
    Bench::up(OneForOne, 1, &[Permanent; 3]).check(&[
        ("crash b", "+b"),
        ("stop", "-c"),
        ("exit c", "-b"),
        ("no b", "-a"), // a stopped start may be told either way
        ("exit a", "stopped"),
    ]);
}

#[test]
fn words_out_of_turn_change_nothing() {
    Bench::up(OneForAll, 1, &[Permanent; 2]).check(&[
        ("up a", ""),
        ("up z", ""),
        ("exit z", ""),
        ("no z", ""),
        ("crash a", "-b"),
        ("crash a", ""),
        ("up a", ""),
        ("up b", ""),
        ("exit b", "+a"),
        ("exit b", ""),
        ("up b", ""),
        ("up a", "+b"),
        ("stop", "-b"),
        ("exit b", "-a"),
        ("exit a", "stopped"),
        ("exit a", ""),
        ("up a", ""),
    ]);
}
