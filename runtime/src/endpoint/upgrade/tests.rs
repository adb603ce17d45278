//! One process plays both sides, and one of them says what no honest one does.

use std::io;
use std::os::fd::{AsFd, OwnedFd};

use nix::fcntl::{FcntlArg, OFlag, fcntl};
use procession_transport::{
    DEFAULT_MESSAGE_LIMIT_BYTES, Inlet, Link, MOST_RINGERS, Outlet, Received, Socket, memory_file, socket_pair,
};

use super::*;
use crate::endpoint::connection::{Inbox, Sorted};
use crate::endpoint::mailbox::Mailbox;
use crate::id::{EndpointId, ProcessId};
use crate::letter::Letter;
use crate::outbox::Departures;

/// One side of a connection, as its endpoint has it.
struct Side {
    hub: Hub<Subject>,
    connection: Connection,
    inbox: Inbox,
    /// The tags of the messages that have come.
    told: Vec<u32>,
}

fn side(socket: OwnedFd, direction: Direction) -> Side {
    let link: Arc<dyn Link> = Arc::new(Socket::from_nonblocking(socket));
    let mut hub = Hub::new().expect("a hub");
    let watch = hub.watch(link.descriptor(), Subject::Connection(0)).expect("it is watched");
    let outlet = Outlet::new(link.clone(), DEFAULT_MESSAGE_LIMIT_BYTES);
    let outbox = Outbox::new(outlet, watch, Arc::new(Departures::new(0)));
    let inlet = Inlet::new(link, DEFAULT_MESSAGE_LIMIT_BYTES);
    let upgrade = Upgrade::default();
    let connection = Connection { direction, incarnation: 0, inlet, outbox, watch, is_put_off: false, upgrade };
    let inbox = Inbox {
        mailbox: Mailbox::new(1000),
        waits: Default::default(),
        in_hand: None,
        tag_in_hand: None,
        probes: Vec::new(),
    };
    Side { hub, connection, inbox, told: Vec::new() }
}

/// The side that sends requests, and the one that takes them.
fn pair() -> [Side; 2] {
    let (one, other) = socket_pair().expect("a pair");
    let peer = ProcessId::root(1);
    let visitor = EndpointId { process: peer, incarnation: 0, number: 0 };
    [side(one, Direction::To(peer)), side(other, Direction::From(visitor))]
}

impl Side {
    fn offer(&mut self) {
        self.connection.upgrade = offer(&mut self.hub, &self.connection).expect("there is memory");
        self.connection.outbox.flush();
    }

    /// Says something, in turn or not.
    fn say(&self, kind: u8, with: Option<(BellShare, Option<OwnedFd>)>) {
        say(&self.connection.outbox, kind, with);
        self.connection.outbox.flush();
    }

    /// Takes all that has come, and acts on it.
    fn hear(&mut self) -> Result<(), String> {
        loop {
            while let Some(placed) = self.connection.inlet.next_placed().map_err(|error| error.to_string())? {
                let mut letter = Letter::empty();
                match self.connection.sort(0, placed, &mut self.inbox, &mut letter) {
                    Sorted::Request(_) => self.told.push(letter.tag),
                    Sorted::Upgrade(frame) => take(&mut self.hub, &mut self.connection, frame)?,
                    Sorted::LastWord | Sorted::Elsewhere => {}
                }
                self.connection.outbox.flush();
            }
            match self.connection.inlet.receive().map_err(|error| error.to_string())? {
                Received::More | Received::Drained => {}
                Received::Nothing | Received::End => return Ok(()),
            }
        }
    }

    fn stage(&self) -> &'static str {
        match &self.connection.upgrade {
            Upgrade::Socket => "socket",
            Upgrade::Offered(_) => "offered",
            Upgrade::Agreed(_) => "agreed",
            Upgrade::Done => "done",
            Upgrade::Declined => "declined",
        }
    }

    /// What is needed to ring the side's bell.
    fn bell(&mut self) -> BellShare {
        self.hub.share_bell(self.connection.watch).expect("there is a bit")
    }
}

/// A pair of which one side, 0 or 1, has come so far.
fn pair_at(side: usize, stage: &str) -> [Side; 2] {
    let mut pair = pair();
    match (side, stage) {
        (_, "socket") => {}
        (0, "offered") => pair[0].offer(),
        (1, "agreed") => {
            pair[0].offer();
            pair[1].hear().expect("it is honest");
        }
        (0, "agreed") => {
            pair[0].offer();
            pair[1].hear().expect("it is honest");
            pair[0].hear().expect("it is honest");
        }
        (_, "done") => {
            pair[0].offer();
            [1, 0, 1, 0].into_iter().for_each(|side| pair[side].hear().expect("it is honest"));
        }
        (_, "declined") => {
            pair[0].offer();
            pair[0].say(kind::DECLINE, None);
            pair[1].hear().expect("it may change its mind");
            // So has the other: it is as if it had not agreed.
            pair[0].connection.upgrade = Upgrade::Declined;
            while matches!(pair[0].connection.inlet.receive(), Ok(Received::More | Received::Drained)) {}
            while let Ok(Some(_)) = pair[0].connection.inlet.next_frame() {}
        }
        other => panic!("nobody comes to {other:?}"),
    }
    assert_eq!(pair[side].stage(), stage);
    pair
}

/// A message goes each way by whatever the connection goes by.
fn assert_works(pair: &mut [Side; 2]) {
    for tag in 0..100 {
        let header = Header { kind: kind::TELL, tag, ..Header::default() };
        let told = pair[0].connection.outbox.push_reply(header, Departure::Now, |body| body.write(&[1; 100]));
        told.expect("it fits");
        pair[1].hear().expect("it is honest");
        pair[1].say(kind::REPLY, None);
        pair[0].hear().expect("it is honest");
    }
    assert!(pair[1].told.iter().copied().eq(0..100), "{:?}", pair[1].told);
}

#[test]
fn what_is_said_in_turn_leads_to_shared_memory() {
    let mut pair = pair_at(0, "done");
    assert_eq!(pair[1].stage(), "done");
    assert_works(&mut pair);
}

#[test]
fn what_is_out_of_turn_is_refused_and_what_is_not_for_this_side_is_dropped() {
    const REFUSED: &str = "refused";
    // What OFFER, ACCEPT, SWITCH and DECLINE, all with nothing in them, lead to.
    let table = [
        (0, "socket", ["socket", REFUSED, REFUSED, REFUSED]),
        (0, "offered", ["offered", "declined", REFUSED, "declined"]),
        (0, "agreed", ["agreed", REFUSED, "done", REFUSED]),
        (0, "done", ["done", REFUSED, REFUSED, REFUSED]),
        (0, "declined", ["declined", REFUSED, REFUSED, REFUSED]),
        (1, "socket", ["declined", "socket", REFUSED, REFUSED]),
        (1, "agreed", [REFUSED, "agreed", "done", "declined"]),
        (1, "done", [REFUSED, "done", REFUSED, REFUSED]),
        (1, "declined", [REFUSED, "declined", REFUSED, REFUSED]),
    ];
    for (side, stage, outcomes) in table {
        for (kind, outcome) in [kind::OFFER, kind::ACCEPT, kind::SWITCH, kind::DECLINE].into_iter().zip(outcomes) {
            let mut pair = pair_at(side, stage);
            pair[1 - side].say(kind, None);
            let came_to = pair[side].hear().map_or(REFUSED, |()| pair[side].stage());
            assert_eq!(came_to, outcome, "frame {kind} to side {side} that is at {stage}");
        }
    }
}

#[test]
fn what_is_said_twice_is_refused() {
    let mut pair = pair_at(1, "agreed");
    pair[0].offer();
    pair[1].hear().expect_err("it has accepted one");
    let mut pair = pair_at(0, "offered");
    pair[1].hear().expect("it is honest");
    let bell = pair[1].bell();
    pair[1].say(kind::ACCEPT, Some((bell, None)));
    pair[0].hear().expect_err("it has been accepted");
    let mut pair = pair_at(0, "agreed");
    (0..2).for_each(|_| pair[1].say(kind::SWITCH, None));
    // The second has come beside the ring, where it is nothing.
    pair[0].hear().expect("the first is in turn");
    assert_eq!(pair[0].stage(), "done");
}

/// A pipe that is full and blocks, and its other end.
fn full_pipe() -> (OwnedFd, io::PipeReader) {
    let (reading, writing) = io::pipe().expect("a pipe");
    let link = procession_transport::Pipe::new(writing.as_fd().try_clone_to_owned().expect("a descriptor"));
    let link = link.expect("it can be made one");
    while link.send(&[0; 4096], &[]).is_ok() {}
    drop(link);
    fcntl(&writing, FcntlArg::F_SETFL(OFlag::empty())).expect("a flag");
    (writing.into(), reading)
}

/// Memory that can change its length.
fn unsealed() -> OwnedFd {
    let file = memory_file("unsealed").expect("there is memory");
    nix::unistd::ftruncate(&file, 16 << 20).expect("it is a file");
    file
}

/// What is wrong with a bell, for each of several.
fn wrong_bells(side: &mut Side) -> [(&'static str, BellShare, Option<io::PipeReader>); 4] {
    let [mut one, mut two, mut three, mut four] = [(); 4].map(|()| side.bell());
    (one.bit, two.page) = (64, unsealed());
    let (pipe, reading) = full_pipe();
    three.event = pipe;
    std::mem::swap(&mut four.page, &mut four.event);
    [
        ("no such bit", one, None),
        ("a page without seals", two, None),
        ("a full pipe", three, Some(reading)),
        ("one for the other", four, None),
    ]
}

/// One side has been told nonsense, and both stay on the socket.
fn assert_declined(what: &str, pair: &mut [Side; 2], deceived: usize) {
    for side in [deceived, 1 - deceived] {
        pair[side].hear().expect("it stays on the socket");
        assert_eq!(pair[side].stage(), "declined", "{what}");
        let (hub, watch) = (&mut pair[side].hub, pair[side].connection.watch);
        let bits: Vec<_> = (0..MOST_RINGERS).map_while(|_| hub.share_bell(watch).ok()).collect();
        assert_eq!(bits.len(), MOST_RINGERS, "{what}: a bit of the bell was not taken back");
    }
    assert_works(pair);
}

#[test]
fn an_offer_of_what_makes_no_ring_is_declined() {
    let honest = |pair: &mut [Side; 2]| RingMemory::make().map(|(_, memory)| (pair[0].bell(), memory)).expect("memory");
    let deceive = |what, pair: &mut [Side; 2], with| {
        // It has offered something, but says something else.
        let (memory, _) = RingMemory::make().expect("there is memory");
        pair[0].connection.upgrade = Upgrade::Offered(memory);
        pair[0].say(kind::OFFER, with);
        assert_declined(what, pair, 1);
    };
    deceive("nothing", &mut pair(), None);
    let mut pair_of_two = pair();
    let (bell, _) = honest(&mut pair_of_two);
    deceive("no memory", &mut pair_of_two, Some((bell, None)));
    let mut pair_of_two = pair();
    let (bell, _) = honest(&mut pair_of_two);
    deceive("memory without seals", &mut pair_of_two, Some((bell, Some(unsealed()))));
    let mut pair_of_two = pair();
    let (bell, _) = honest(&mut pair_of_two);
    let page = bell.page.try_clone().expect("a descriptor");
    deceive("too little memory", &mut pair_of_two, Some((bell, Some(page))));
    for (what, bell, _pipe) in wrong_bells(&mut pair()[0]) {
        let mut pair = pair();
        let (_, memory) = honest(&mut pair);
        deceive(what, &mut pair, Some((bell, Some(memory))));
    }
}

#[test]
fn who_accepts_with_what_is_no_bell_stays_on_the_socket() {
    let deceive = |what, with| {
        let mut pair = pair_at(0, "offered");
        // It has the memory, but says something else than it would.
        let (memory, _) = RingMemory::make().expect("there is memory");
        let (link, bell) = (pair[1].connection.inlet.link().clone(), pair_at(0, "socket")[0].bell());
        while matches!(pair[1].connection.inlet.receive(), Ok(Received::More | Received::Drained)) {}
        pair[1].connection.inlet.next_frame().expect("it is sound").expect("an offer");
        let ring = Ring::new(memory, link, bell).expect("it can be mapped");
        pair[1].connection.upgrade = Upgrade::Agreed(Arc::new(ring));
        pair[1].say(kind::ACCEPT, with);
        assert_declined(what, &mut pair, 0);
    };
    deceive("nothing", None);
    for (what, bell, _pipe) in wrong_bells(&mut pair()[1]) {
        deceive(what, Some((bell, None)));
    }
}
