//! `iceoryx2`: publish and subscribe through shared memory. It has no way to sleep for a message itself, so both sides spin.

use super::introduction;
use iceoryx2::port::publisher::Publisher;
use iceoryx2::port::subscriber::Subscriber;
use iceoryx2::prelude::*;
use iceoryx2::service::builder::publish_subscribe::Builder;
use iceoryx2::service::port_factory::publish_subscribe::PortFactory;
use procession_benches::floors::block::{BLOCK_BYTES, sum, verify};
use procession_benches::floors::fan_in::SENDERS;
use procession_benches::floors::peer::Peer;
use procession_benches::floors::role::Role;
use procession_benches::floors::shift::{Shift, Worker};
use procession_benches::floors::stream::{ended, read_whole};
use procession_benches::{Burst, Failure, Operation, Pinning};
use std::fmt::Debug;
use std::hint::spin_loop;
use std::io::Write;
use std::net::Shutdown;
use std::os::unix::net::UnixStream;
use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

const ECHO: Role = Role { word: "iceoryx-echo", play: serve_echo };
const COUNTER: Role = Role { word: "iceoryx-counter", play: serve_counter };
const SENDER: Role = Role { word: "iceoryx-sender", play: serve_sender };
const BLOCK_READER: Role = Role { word: "iceoryx-block-reader", play: serve_blocks };

/// What its peers do.
pub(crate) const ROLES: [Role; 4] = [ECHO, COUNTER, SENDER, BLOCK_READER];

/// 64 bytes.
type Note = [u64; 8];

/// How many messages wait in a connection; of small ones as many as 64 KiB hold.
const NOTES: usize = 1024;
const BLOCKS: usize = 2;

/// A peer that ends by itself, so that it removes its files in `/dev/shm`.
struct Guest {
    peer: Peer,
    _node: Node<ipc::Service>,
}

impl Guest {
    /// Starts a peer; `open` makes the bench process's ports, before the peer is told the name to make its own with.
    fn start<Ports>(
        role: Role,
        pinning: &Pinning,
        open: impl FnOnce(&Node<ipc::Service>, &str) -> Result<Ports, Failure>,
    ) -> Result<(Guest, Ports), Failure> {
        let peer = Peer::start(role, pinning)?;
        let node = node()?;
        let name = fresh_name();
        let ports = open(&node, &name)?;
        introduction::send(&peer.socket, &name)?;
        introduction::await_confirmation(&peer.socket)?;
        Ok((Guest { peer, _node: node }, ports))
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        // If the peer is gone already, there is nothing to wait for.
        let _ = self.peer.socket.shutdown(Shutdown::Write);
        let _ = read_whole(&self.peer.socket, &mut [0]);
    }
}

/// A side whose peer spins shift by shift.
struct Shifts<F> {
    shift: Shift,
    run: F,
    _guest: Guest,
}

impl<F: FnMut() -> Result<(), Failure>> Operation for Shifts<F> {
    fn run(&mut self) -> Result<(), Failure> {
        self.shift.begin()?;
        (self.run)()
    }

    fn settle(&mut self) -> Result<(), Failure> {
        self.shift.end()
    }
}

/// Starts a round trip of 64 bytes.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn round_trip(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let (guest, (requests, answers)) = Guest::start(ECHO, pinning, |node, name| {
        Ok((publisher::<Note>(node, name, "requests", NOTES)?, subscriber::<Note>(node, name, "answers", NOTES)?))
    })?;
    let run = move || {
        publish(&requests, [7; 8])?;
        await_sample(&answers)
    };
    Ok(Box::new(Shifts { shift: Shift::new(&guest.peer.socket)?, run, _guest: guest }))
}

fn serve_echo(socket: UnixStream) -> Result<(), Failure> {
    let (node, name) = (node()?, introduction::receive(&socket)?);
    let requests = subscriber::<Note>(&node, &name, "requests", NOTES)?;
    let answers = publisher::<Note>(&node, &name, "answers", NOTES)?;
    introduction::confirm(&socket)?;
    let mut worker = Worker::new(socket);
    while worker.wait()? {
        while !worker.is_over()? {
            match requests.receive().map_err(Failure::side)? {
                Some(request) => publish(&answers, *request)?,
                None => spin_loop(),
            }
        }
    }
    Ok(())
}

/// Starts one-way messages of 64 bytes.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn one_way(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let (guest, notes) = Guest::start(COUNTER, pinning, |node, name| publisher::<Note>(node, name, "notes", NOTES))?;
    Ok(Box::new(move |messages: u64| {
        let mut socket = &guest.peer.socket;
        socket.write_all(&messages.to_ne_bytes())?;
        (0..messages).try_for_each(|number| publish(&notes, [number; 8]))?;
        if read_whole(socket, &mut [0])? { Ok(()) } else { Err(ended()) }
    }))
}

fn serve_counter(socket: UnixStream) -> Result<(), Failure> {
    let (node, name) = (node()?, introduction::receive(&socket)?);
    let notes = subscriber::<Note>(&node, &name, "notes", NOTES)?;
    introduction::confirm(&socket)?;
    let mut length = [0; 8];
    while read_whole(&socket, &mut length)? {
        (0..u64::from_ne_bytes(length)).try_for_each(|_| await_sample(&notes))?;
        (&socket).write_all(&[1])?;
    }
    Ok(())
}

/// Starts four senders of 64 bytes to the bench process.
///
/// # Errors
///
/// Fails if the peers cannot be started.
pub fn fan_in(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let start = |_| Guest::start(SENDER, pinning, |node, name| subscriber::<Note>(node, name, "notes", NOTES));
    let senders = (0..SENDERS).map(start).collect::<Result<Vec<_>, _>>()?;
    Ok(Box::new(move |messages: u64| {
        let share = messages / SENDERS as u64;
        for (guest, _) in &senders {
            (&guest.peer.socket).write_all(&share.to_ne_bytes())?;
        }
        let mut missing = share * SENDERS as u64;
        while missing > 0 {
            for (_, notes) in &senders {
                while notes.receive().map_err(Failure::side)?.is_some() {
                    missing -= 1;
                }
            }
            spin_loop();
        }
        Ok(())
    }))
}

fn serve_sender(socket: UnixStream) -> Result<(), Failure> {
    let (node, name) = (node()?, introduction::receive(&socket)?);
    let notes = publisher::<Note>(&node, &name, "notes", NOTES)?;
    introduction::confirm(&socket)?;
    let mut length = [0; 8];
    while read_whole(&socket, &mut length)? {
        (0..u64::from_ne_bytes(length)).try_for_each(|number| publish(&notes, [number; 8]))?;
    }
    Ok(())
}

/// Starts blocks of 1 MiB, written and read in place, which are answered with their sum.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn block(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let (guest, (blocks, answers)) = Guest::start(BLOCK_READER, pinning, |node, name| {
        let service = block_service(node, name)?;
        let blocks = service.publisher_builder().initial_max_slice_len(BLOCK_BYTES).create();
        let blocks = blocks.map_err(Failure::side)?;
        Ok((blocks, subscriber::<u64>(node, name, "answers", BLOCKS)?))
    })?;
    let mut number = 0;
    let run = move || {
        number = u8::wrapping_add(number, 1);
        let block = blocks.loan_slice_uninit(BLOCK_BYTES).map_err(Failure::side)?;
        block.write_from_fn(|_| number).send().map_err(Failure::side)?;
        loop {
            match answers.receive().map_err(Failure::side)? {
                Some(answer) => return verify(number, *answer),
                None => spin_loop(),
            }
        }
    };
    Ok(Box::new(Shifts { shift: Shift::new(&guest.peer.socket)?, run, _guest: guest }))
}

fn serve_blocks(socket: UnixStream) -> Result<(), Failure> {
    let (node, name) = (node()?, introduction::receive(&socket)?);
    let blocks = block_service(&node, &name)?.subscriber_builder().create().map_err(Failure::side)?;
    let answers = publisher::<u64>(&node, &name, "answers", BLOCKS)?;
    introduction::confirm(&socket)?;
    let mut worker = Worker::new(socket);
    while worker.wait()? {
        while !worker.is_over()? {
            match blocks.receive().map_err(Failure::side)? {
                Some(block) => {
                    let sum = sum(block.payload());
                    answers.send_copy(sum).map_err(Failure::side)?;
                }
                None => spin_loop(),
            }
        }
    }
    Ok(())
}

fn node() -> Result<Node<ipc::Service>, Failure> {
    set_log_level(LogLevel::Fatal);
    let mode = SignalHandlingMode::Disabled;
    NodeBuilder::new().signal_handling_mode(mode).create::<ipc::Service>().map_err(Failure::side)
}

/// Returns a name that no other side of any process on this host has.
fn fresh_name() -> String {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    format!("procession-peers/{}/{}", process::id(), NUMBER.fetch_add(1, Ordering::Relaxed))
}

/// Says what a service of messages of one type is to be.
fn builder<Payload: Debug + IceoryxSend + ?Sized>(
    node: &Node<ipc::Service>,
    name: &str,
    what: &str,
    limit: usize,
) -> Result<Builder<Payload, (), ipc::Service>, Failure> {
    let name = ServiceName::new(&format!("{name}/{what}")).map_err(Failure::side)?;
    let builder = node.service_builder(&name).publish_subscribe::<Payload>();
    Ok(builder.enable_safe_overflow(false).subscriber_max_buffer_size(limit).history_size(0))
}

fn service<Payload: Debug + ZeroCopySend + 'static>(
    node: &Node<ipc::Service>,
    name: &str,
    what: &str,
    limit: usize,
) -> Result<PortFactory<ipc::Service, Payload, ()>, Failure> {
    builder::<Payload>(node, name, what, limit)?.open_or_create().map_err(Failure::side)
}

fn block_service(node: &Node<ipc::Service>, name: &str) -> Result<PortFactory<ipc::Service, [u8], ()>, Failure> {
    builder::<[u8]>(node, name, "blocks", BLOCKS)?.open_or_create().map_err(Failure::side)
}

fn publisher<Payload: Debug + ZeroCopySend + 'static>(
    node: &Node<ipc::Service>,
    name: &str,
    what: &str,
    limit: usize,
) -> Result<Publisher<ipc::Service, Payload, ()>, Failure> {
    let service = service::<Payload>(node, name, what, limit)?;
    let builder = service.publisher_builder().backpressure_strategy(BackpressureStrategy::RetryUntilDelivered);
    builder.create().map_err(Failure::side)
}

fn subscriber<Payload: Debug + ZeroCopySend + 'static>(
    node: &Node<ipc::Service>,
    name: &str,
    what: &str,
    limit: usize,
) -> Result<Subscriber<ipc::Service, Payload, ()>, Failure> {
    service::<Payload>(node, name, what, limit)?.subscriber_builder().create().map_err(Failure::side)
}

/// Writes a note in place and sends it.
fn publish(to: &Publisher<ipc::Service, Note, ()>, note: Note) -> Result<(), Failure> {
    let sample = to.loan_uninit().map_err(Failure::side)?.write_payload(note);
    sample.send().map_err(Failure::side).map(drop)
}

fn await_sample(from: &Subscriber<ipc::Service, Note, ()>) -> Result<(), Failure> {
    while from.receive().map_err(Failure::side)?.is_none() {
        spin_loop();
    }
    Ok(())
}
