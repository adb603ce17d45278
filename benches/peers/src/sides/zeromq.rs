//! ZeroMQ: sockets of the `ipc` kind, each with a thread of its own that moves the bytes.

use super::introduction;
use super::sys::{self, Kind, Socket};
use procession_benches::floors::MESSAGE_BYTES;
use procession_benches::floors::block::{BLOCK_BYTES, fill, sum, verify};
use procession_benches::floors::fan_in::SENDERS;
use procession_benches::floors::peer::Peer;
use procession_benches::floors::role::Role;
use procession_benches::{Burst, Failure, Operation, Pinning};
use std::os::unix::net::UnixStream;
use tempfile::TempDir;

const ECHO: Role = Role { word: "zeromq-echo", play: serve_echo };
const COUNTER: Role = Role { word: "zeromq-counter", play: serve_counter };
const SENDER: Role = Role { word: "zeromq-sender", play: serve_sender };
const BLOCK_READER: Role = Role { word: "zeromq-block-reader", play: serve_blocks };

/// What its peers do.
pub(crate) const ROLES: [Role; 4] = [ECHO, COUNTER, SENDER, BLOCK_READER];

/// Returns the version of the library, if it is installed.
pub fn version() -> Option<String> {
    sys::version()
}

/// A pair of sockets with a peer.
struct Meeting {
    socket: Socket,
    /// Where the peers connect to.
    _folder: TempDir,
    peers: Vec<Peer>,
}

impl Meeting {
    fn new(kind: Kind, role: Role, peers: usize, pinning: &Pinning) -> Result<Meeting, Failure> {
        let folder = tempfile::tempdir()?;
        let address = format!("ipc://{}/socket", folder.path().display());
        let socket = Socket::bind(kind, &address)?;
        let start = |_| -> Result<Peer, Failure> {
            let peer = Peer::start(role, pinning)?;
            introduction::send(&peer.socket, &address)?;
            introduction::await_confirmation(&peer.socket)?;
            // Its thread is there only now.
            pinning.place_peer(peer.id())?;
            Ok(peer)
        };
        let peers = (0..peers).map(start).collect::<Result<Vec<_>, _>>()?;
        Ok(Meeting { socket, _folder: folder, peers })
    }

    /// A closure that calls this owns the whole.
    fn socket(&self) -> &Socket {
        &self.socket
    }
}

/// Connects a peer's socket to the bench process's.
fn connect(kind: Kind, socket: &UnixStream) -> Result<Socket, Failure> {
    let connected = Socket::connect(kind, &introduction::receive(socket)?)?;
    introduction::confirm(socket)?;
    Ok(connected)
}

/// Starts a round trip of 64 bytes.
///
/// # Errors
///
/// `Unavailable` without the library.
pub fn round_trip(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let meeting = Meeting::new(Kind::Pair, ECHO, 1, pinning)?;
    let mut answer = [0; MESSAGE_BYTES];
    Ok(Box::new(move || {
        meeting.socket().send(&[7; MESSAGE_BYTES])?;
        meeting.socket().receive(&mut answer).map(drop)
    }))
}

fn serve_echo(socket: UnixStream) -> Result<(), Failure> {
    let socket = connect(Kind::Pair, &socket)?;
    let mut message = [0; MESSAGE_BYTES];
    loop {
        socket.receive(&mut message)?;
        socket.send(&message)?;
    }
}

/// Starts one-way messages of 64 bytes; an empty one asks for the end to be said.
///
/// # Errors
///
/// `Unavailable` without the library.
pub fn one_way(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let meeting = Meeting::new(Kind::Pair, COUNTER, 1, pinning)?;
    Ok(Box::new(move |messages: u64| {
        (0..messages).try_for_each(|number| meeting.socket().send(&[number as u8; MESSAGE_BYTES]))?;
        meeting.socket().send(&[])?;
        let mut count = [0; 8];
        meeting.socket().receive(&mut count)?;
        let count = u64::from_ne_bytes(count);
        if count == messages { Ok(()) } else { Err(Failure::Wrong(format!("{count} of {messages} have come"))) }
    }))
}

fn serve_counter(socket: UnixStream) -> Result<(), Failure> {
    let socket = connect(Kind::Pair, &socket)?;
    let mut message = [0; MESSAGE_BYTES];
    let mut count = 0u64;
    loop {
        match socket.receive(&mut message)? {
            0 => socket.send(&std::mem::take(&mut count).to_ne_bytes())?,
            _ => count += 1,
        }
    }
}

/// Starts four senders of 64 bytes to the bench process.
///
/// # Errors
///
/// `Unavailable` without the library.
pub fn fan_in(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let meeting = Meeting::new(Kind::Pull, SENDER, SENDERS, pinning)?;
    let mut message = [0; MESSAGE_BYTES];
    Ok(Box::new(move |messages: u64| {
        let share = messages / SENDERS as u64;
        for peer in &meeting.peers {
            introduction::send(&peer.socket, &share.to_string())?;
        }
        (0..share * SENDERS as u64).try_for_each(|_| meeting.socket().receive(&mut message).map(drop))
    }))
}

fn serve_sender(control: UnixStream) -> Result<(), Failure> {
    let socket = connect(Kind::Push, &control)?;
    while let Some(share) = introduction::receive_if_any(&control)? {
        let share: u64 = share.parse().map_err(Failure::side)?;
        (0..share).try_for_each(|number| socket.send(&[number as u8; MESSAGE_BYTES]))?;
    }
    Ok(())
}

/// Starts blocks of 1 MiB, which are answered with their sum.
///
/// # Errors
///
/// `Unavailable` without the library.
pub fn block(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let meeting = Meeting::new(Kind::Pair, BLOCK_READER, 1, pinning)?;
    let mut bytes = vec![0; BLOCK_BYTES];
    let mut number = 0;
    Ok(Box::new(move || {
        number = u8::wrapping_add(number, 1);
        fill(&mut bytes, number);
        meeting.socket().send(&bytes)?;
        let mut answer = [0; 8];
        meeting.socket().receive(&mut answer)?;
        verify(number, u64::from_ne_bytes(answer))
    }))
}

fn serve_blocks(socket: UnixStream) -> Result<(), Failure> {
    let socket = connect(Kind::Pair, &socket)?;
    let mut bytes = vec![0; BLOCK_BYTES];
    loop {
        socket.receive(&mut bytes)?;
        socket.send(&sum(&bytes).to_ne_bytes())?;
    }
}
