//! `ipc-channel`: typed channels over Unix sockets.

use super::introduction;
use ipc_channel::ipc::{self, IpcBytesSender, IpcOneShotServer, IpcReceiver, IpcSender};
use procession_benches::floors::block::{BLOCK_BYTES, fill, sum, verify};
use procession_benches::floors::fan_in::SENDERS;
use procession_benches::floors::peer::Peer;
use procession_benches::floors::role::Role;
use procession_benches::{Burst, Failure, Operation, Pinning};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::os::unix::net::UnixStream;

const ECHO: Role = Role { word: "ipc-channel-echo", play: serve_echo };
const COUNTER: Role = Role { word: "ipc-channel-counter", play: serve_counter };
const SENDER: Role = Role { word: "ipc-channel-sender", play: serve_sender };
const BLOCK_READER: Role = Role { word: "ipc-channel-block-reader", play: serve_blocks };

/// What its peers do.
pub(crate) const ROLES: [Role; 4] = [ECHO, COUNTER, SENDER, BLOCK_READER];

/// 64 bytes.
type Note = [u64; 8];

/// What goes to a counter.
#[derive(Debug, Serialize, Deserialize)]
enum Word {
    Note(Note),
    /// The burst is over.
    End,
}

/// Starts a round trip of 64 bytes.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn round_trip(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let (peer, (requests, answers)) = start::<(IpcSender<Note>, IpcReceiver<Note>)>(ECHO, pinning)?;
    Ok(Box::new(move || {
        let _alive = &peer;
        requests.send([7; 8]).map_err(Failure::side)?;
        answers.recv().map_err(Failure::side).map(drop)
    }))
}

fn serve_echo(socket: UnixStream) -> Result<(), Failure> {
    let (requests_in, requests) = ipc::channel::<Note>()?;
    let (answers, answers_out) = ipc::channel::<Note>()?;
    connect(&socket, (requests_in, answers_out))?;
    while let Ok(note) = requests.recv() {
        answers.send(note).map_err(Failure::side)?;
    }
    Ok(())
}

/// Starts one-way messages of 64 bytes.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn one_way(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let (peer, (notes, ends)) = start::<(IpcSender<Word>, IpcReceiver<u64>)>(COUNTER, pinning)?;
    Ok(Box::new(move |messages: u64| {
        let _alive = &peer;
        for number in 0..messages {
            notes.send(Word::Note([number; 8])).map_err(Failure::side)?;
        }
        notes.send(Word::End).map_err(Failure::side)?;
        counted(messages, ends.recv().map_err(Failure::side)?)
    }))
}

fn serve_counter(socket: UnixStream) -> Result<(), Failure> {
    let (notes_in, notes) = ipc::channel::<Word>()?;
    let (ends, ends_out) = ipc::channel::<u64>()?;
    connect(&socket, (notes_in, ends_out))?;
    let mut count = 0;
    while let Ok(word) = notes.recv() {
        match word {
            Word::Note(_) => count += 1,
            Word::End => ends.send(std::mem::take(&mut count)).map_err(Failure::side)?,
        }
    }
    Ok(())
}

/// How many notes to send, and where to.
type Order = (u64, IpcSender<Note>);

/// Starts four senders of 64 bytes to the bench process.
///
/// # Errors
///
/// Fails if the peers cannot be started.
pub fn fan_in(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let starts = (0..SENDERS).map(|_| start::<IpcSender<Order>>(SENDER, pinning));
    let senders = starts.collect::<Result<Vec<_>, _>>()?;
    let (notes_in, notes) = ipc::channel::<Note>()?;
    Ok(Box::new(move |messages: u64| {
        let share = messages / SENDERS as u64;
        for (_, orders) in &senders {
            orders.send((share, notes_in.clone())).map_err(Failure::side)?;
        }
        (0..share * SENDERS as u64).try_for_each(|_| notes.recv().map_err(Failure::side).map(drop))
    }))
}

fn serve_sender(socket: UnixStream) -> Result<(), Failure> {
    let (orders_in, orders) = ipc::channel::<Order>()?;
    connect(&socket, orders_in)?;
    while let Ok((count, notes)) = orders.recv() {
        (0..count).try_for_each(|number| notes.send([number; 8])).map_err(Failure::side)?;
    }
    Ok(())
}

/// Starts blocks of 1 MiB, which are answered with their sum.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn block(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let (peer, (blocks, answers)) = start::<(IpcBytesSender, IpcReceiver<u64>)>(BLOCK_READER, pinning)?;
    let mut bytes = vec![0; BLOCK_BYTES];
    let mut number = 0;
    Ok(Box::new(move || {
        let _alive = &peer;
        number = u8::wrapping_add(number, 1);
        fill(&mut bytes, number);
        blocks.send(&bytes)?;
        verify(number, answers.recv().map_err(Failure::side)?)
    }))
}

fn serve_blocks(socket: UnixStream) -> Result<(), Failure> {
    let (blocks_in, blocks) = ipc::bytes_channel()?;
    let (answers, answers_out) = ipc::channel::<u64>()?;
    connect(&socket, (blocks_in, answers_out))?;
    while let Ok(bytes) = blocks.recv() {
        answers.send(sum(&bytes)).map_err(Failure::side)?;
    }
    Ok(())
}

/// Starts a peer and takes its ends of channels.
fn start<Ends: Serialize + DeserializeOwned>(role: Role, pinning: &Pinning) -> Result<(Peer, Ends), Failure> {
    let peer = Peer::start(role, pinning)?;
    let (server, name) = IpcOneShotServer::<Ends>::new()?;
    introduction::send(&peer.socket, &name)?;
    let (_, ends) = server.accept().map_err(Failure::side)?;
    Ok((peer, ends))
}

/// Gives the bench process its ends of channels.
fn connect<Ends: Serialize + DeserializeOwned>(socket: &UnixStream, ends: Ends) -> Result<(), Failure> {
    let server = IpcSender::connect(introduction::receive(socket)?)?;
    server.send(ends).map_err(Failure::side)
}

fn counted(told: u64, count: u64) -> Result<(), Failure> {
    if count == told { Ok(()) } else { Err(Failure::Wrong(format!("{count} of {told} messages have come"))) }
}
