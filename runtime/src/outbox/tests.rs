use procession_transport::{DEFAULT_MESSAGE_LIMIT_BYTES, Hub, Inlet, Received, Refusal, Socket, socket_pair};

use super::*;

/// An outbox of this thread, and what the peer reads from.
fn pair() -> (Arc<Outbox>, Inlet) {
    pair_of(&Arc::new(Departures::new(0)))
}

fn pair_of(departures: &Arc<Departures>) -> (Arc<Outbox>, Inlet) {
    let (ours, theirs) = socket_pair().expect("a pair");
    let [ours, theirs] = [ours, theirs].map(|socket| -> Arc<dyn Link> { Arc::new(Socket::from_nonblocking(socket)) });
    let watch = Hub::new().expect("a hub").watch(ours.descriptor(), ()).expect("a watch");
    let outlet = Outlet::new(ours, DEFAULT_MESSAGE_LIMIT_BYTES);
    let outbox = Outbox::new(outlet, watch, departures.clone());
    (outbox, Inlet::new(theirs, DEFAULT_MESSAGE_LIMIT_BYTES))
}

fn push(outbox: &Arc<Outbox>, tag: u32, departure: Departure) {
    let opening = outbox.open().expect("there is room");
    let pushed = opening.push(Header { tag, ..Header::default() }, departure, |_| Ok::<_, Refusal>(()));
    pushed.expect("nothing is written");
}

fn tags(inlet: &mut Inlet) -> Vec<u32> {
    while matches!(inlet.receive(), Ok(Received::More)) {}
    std::iter::from_fn(|| inlet.next_frame().expect("they make sense")).map(|frame| frame.header.tag).collect()
}

#[test]
fn what_is_written_while_something_is_written_is_refused() {
    let (outbox, mut inlet) = pair();
    let opening = outbox.open().expect("there is room");
    let pushed = opening.push(Header { tag: 1, ..Header::default() }, Departure::WithFlush, |body| {
        assert_eq!(outbox.open().err(), Some(Shut::Reentered));
        assert!(outbox.flush() == Flushed::Busy && !outbox.has_room() && is_writing() && outbox.is_written_here());
        body.write(b"the outer one")
    });
    pushed.expect("it is short");
    assert!(!is_writing() && !outbox.is_written_here());
    push(&outbox, 2, Departure::WithFlush);
    assert_eq!(outbox.flush(), Flushed::Everything);
    assert_eq!(tags(&mut inlet), [1, 2]);
}

#[test]
fn who_writes_for_long_holds_up_only_itself() {
    let departures = Arc::new(Departures::new(0));
    let ((one, mut from_one), (two, mut from_two)) = (pair_of(&departures), pair_of(&departures));
    push(&one, 1, Departure::WithFlush);
    push(&two, 2, Departure::WithFlush);
    let writing = one.open().expect("there is room");
    let flush = || departures.flush_left_behind(Duration::ZERO, |_, _| {});
    assert!(!thread::scope(|scope| scope.spawn(flush).join().expect("no panic")), "something is left");
    assert_eq!(tags(&mut from_two), [2]);
    drop(writing);
    assert!(departures.flush(|_, _| {}) && departures.is_empty());
    assert_eq!(tags(&mut from_one), [1]);
}

#[test]
fn what_leaves_at_once_does_not_leave_before_what_waits() {
    let (outbox, mut inlet) = pair();
    push(&outbox, 1, Departure::Now);
    assert_eq!(tags(&mut inlet), [1]);
    push(&outbox, 2, Departure::WithFlush);
    // It is not sent before what waits, be it to others.
    push(&outbox, 3, Departure::Now);
    assert!(tags(&mut inlet).is_empty() && !outbox.departures.is_empty());
    assert!(outbox.departures.flush(|_, _| {}));
    assert_eq!(tags(&mut inlet), [2, 3]);
    push(&outbox, 4, Departure::Now);
    assert_eq!(tags(&mut inlet), [4]);
}

#[test]
fn who_has_sent_just_now_is_not_left_behind() {
    let (outbox, mut inlet) = pair();
    let long = Duration::from_secs(3600);
    assert!(outbox.is_left_behind(long), "nothing has ever left");
    push(&outbox, 1, Departure::Soon);
    assert!(!outbox.is_left_behind(long) && outbox.is_left_behind(Duration::ZERO));
    assert_eq!(tags(&mut inlet), [1]);
}
