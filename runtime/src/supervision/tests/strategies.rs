//! Start, stop, and each strategy with each restart rule.

use super::{
    Bench, ChildKey, Intensity, Reason,
    Restart::{self, Permanent, Temporary, Transient},
    Rules,
    Strategy::{self, OneForAll, OneForOne, RestForOne},
};

#[test]
fn the_defaults_are_those_of_otp() {
    assert_eq!(Strategy::default(), OneForOne);
    assert_eq!(Restart::default(), Permanent);
    let Intensity { restarts, period } = Intensity::default();
    assert_eq!((restarts, period.as_secs()), (1, 5));
}

#[test]
fn a_group_starts_left_to_right_and_stops_right_to_left() {
    for strategy in [OneForOne, OneForAll, RestForOne] {
        Bench::new(strategy, 1, &[Permanent, Transient, Temporary]).check(&[
            ("start", "+a"),
            ("up a", "+b"),
            ("up b", "+c"),
            ("up c", "up"),
            ("stop", "-c"),
            ("exit c", "c:removed -b"),
            ("crash b", "-a"), // however it ends
            ("exit a", "stopped"),
        ]);
    }
}

#[test]
fn an_empty_group_is_up_at_once() {
    Bench::new(OneForAll, 1, &[]).check(&[("start", "up"), ("stop", "stopped")]);
}

#[test]
fn starting_and_stopping_count_once() {
    Bench::new(OneForOne, 1, &[Permanent]).check(&[
        ("start", "+a"),
        ("start", ""),
        ("up a", "up"),
        ("start", ""),
        ("stop", "-a"),
        ("stop", ""),
        ("start", ""),
        ("exit a", "stopped"),
        ("stop", ""),
        ("start", ""),
    ]);
    Bench::new(OneForOne, 1, &[Permanent]).check(&[("stop", "stopped"), ("start", "")]);
}

#[test]
fn each_strategy_answers_each_end_by_each_restart_rule() {
    let nobody = ["", "", ""];
    let somebody = ["+b", "-c -a +a +b +c", "-c +b +c"];
    let leaves = ["b:removed"; 3];
    let table = [
        (Permanent, "exit b", somebody),
        (Permanent, "crash b", somebody),
        (Transient, "exit b", nobody),
        (Transient, "crash b", somebody),
        (Temporary, "exit b", leaves),
        (Temporary, "crash b", leaves),
    ];
    for (restart, event, expected) in table {
        for (strategy, expected) in [OneForOne, OneForAll, RestForOne].into_iter().zip(expected) {
            let mut bench = Bench::up(strategy, 1, &[Permanent, restart, Permanent]);
            assert_eq!(bench.settle(event), expected, "{strategy:?}, {restart:?}, {event}");
        }
    }
}

#[test]
fn a_restart_takes_others_along_by_place() {
    let table = [
        (OneForAll, "crash a", "-d -c -b +a +b +c +d"),
        (OneForAll, "crash d", "-c -b -a +a +b +c +d"),
        (RestForOne, "crash a", "-d -c -b +a +b +c +d"),
        (RestForOne, "crash c", "-d +c +d"),
        (RestForOne, "crash d", "+d"),
    ];
    for (strategy, event, expected) in table {
        let mut bench = Bench::up(strategy, 1, &[Permanent; 4]);
        assert_eq!(bench.settle(event), expected, "{strategy:?}, {event}");
    }
}

#[test]
fn a_restart_removes_the_temporary_and_brings_up_those_that_were_down() {
    let mut bench = Bench::up(OneForAll, 1, &[Permanent, Temporary, Transient, Permanent]);
    assert_eq!(bench.settle("exit c"), "");
    assert_eq!(bench.settle("terminate a"), "-a a:terminated");
    assert_eq!(bench.children(), "a down, b running, c down, d running");
    assert_eq!(bench.settle("crash d"), "-b b:removed +a +c +d");

    let mut bench = Bench::up(RestForOne, 1, &[Transient, Permanent, Temporary, Transient]);
    assert_eq!(bench.settle("exit a") + &bench.settle("exit d"), "");
    assert_eq!(bench.settle("crash b"), "-c c:removed +b +d");
    assert_eq!(bench.children(), "a down, b running, d running");
}

#[test]
fn exceeding_the_intensity_ends_the_group() {
    let table = [
        (OneForOne, "crash b", "-c c:removed -a exceeded(b)"),
        (OneForAll, "exit a", "-c c:removed -b exceeded(a)"),
        (RestForOne, "crash b", "-c c:removed -a exceeded(b)"),
    ];
    for (strategy, event, expected) in table {
        let mut bench = Bench::up(strategy, 0, &[Permanent, Transient, Temporary]);
        assert_eq!(bench.settle(event), expected, "{strategy:?}, {event}");
    }
}

#[test]
fn failures_count_within_the_period_whoever_failed() {
    let mut bench = Bench::up(OneForOne, 2, &[Permanent; 2]);
    let table = [
        (0, "crash a", "+a"),
        (4_000, "crash b", "+b"),
        (5_001, "exit a", "+a"), // the first is forgotten
        (9_000, "crash a", "-b exceeded(a)"),
    ];
    for (now, event, expected) in table {
        bench.check(&[(&format!("at {now}"), "")]);
        assert_eq!(bench.settle(event), expected, "{event} at {now}");
    }
}

#[test]
fn what_travels_says_which_child_it_is_about() {
    let rules = Rules::new(OneForOne, Intensity::default(), [Permanent, Temporary]);
    let keys: Vec<ChildKey> = rules.children().map(|child| child.key).collect();
    assert_eq!(keys, [ChildKey(0), ChildKey(1)]);
    assert_ne!(Reason::StartFailed(keys[0]), Reason::StartFailed(keys[1]));
    assert_eq!(keys[1].to_string(), "1");
}
