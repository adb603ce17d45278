//! The cases: one hot path each.
//!
//! Those with frames have the transport floor alone. In those with messages this process is a whole system's root, whose main
//! thread has a mailbox and sends to itself: everything that a message meets on its way is there, in one thread, where nothing
//! depends on who runs when.

use crate::failure::Failure;
use procession::prelude::*;
use procession::{Mailbox, Recipient, Value};
use procession_transport::{BellShare, Frame, Header, Hub, Inlet, Link, Outlet, Reader, Refusal, Ring, RingMemory};
use procession_transport::{Socket, Writer, socket_pair};
use std::hint::black_box;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

/// Frames that are together in a buffer, as they are where many are sent.
const FRAMES: u64 = 64;

/// The length of a payload, in bytes.
const PAYLOAD_BYTES: usize = 64;

/// Larger than any of these messages.
const LIMIT_BYTES: usize = 1 << 20;

/// Longer than a message waits for others at most.
const PAUSE: Duration = Duration::from_micros(150);

/// A hot path.
#[derive(Debug, Clone, Copy)]
pub struct Case {
    /// What it is called.
    pub name: &'static str,
    /// How many operations are few.
    pub times: u64,
    /// Does so many operations.
    pub run: fn(u64) -> Result<(), Failure>,
}

impl Case {
    /// All cases.
    pub const ALL: [Case; 9] = [
        Case { name: "frame, encode", times: 20_000, run: encode_frames },
        Case { name: "frame, decode", times: 20_000, run: decode_frames },
        Case { name: "frame, through a socket", times: 2_000, run: carry_by_socket },
        Case { name: "frame, through a ring", times: 20_000, run: carry_by_ring },
        Case { name: "message, tell and receive", times: 2_000, run: tell },
        Case { name: "message, tell many and receive", times: 6_400, run: tell_many },
        Case { name: "nested message, tell, receive and open", times: 2_000, run: tell_nested },
        Case { name: "message, request, receive, answer and wait", times: 1_000, run: request },
        Case { name: "value, add", times: 20_000, run: add },
    ];
}

fn write_payload(writer: &mut Writer, number: u64) -> Result<(), Refusal> {
    let header = Header { tag: 1, correlation: number, kind: 1, ..Header::default() };
    writer.push(header, |body| body.write(&[7; PAYLOAD_BYTES])).map(drop)
}

fn encode_frames(times: u64) -> Result<(), Failure> {
    let mut writer = Writer::new(LIMIT_BYTES);
    for number in 0..times {
        write_payload(&mut writer, number).map_err(|_| refused())?;
        if number % FRAMES == FRAMES - 1 {
            let length = black_box(writer.chunk().bytes).len();
            writer.advance(length);
        }
    }
    Ok(())
}

fn decode_frames(times: u64) -> Result<(), Failure> {
    let mut writer = Writer::new(LIMIT_BYTES);
    (0..FRAMES).try_for_each(|number| write_payload(&mut writer, number)).map_err(|_| refused())?;
    let mut reader = Reader::new(LIMIT_BYTES);
    for _ in 0..times.div_ceil(FRAMES) {
        reader.push(writer.chunk().bytes, None);
        while let Some(frame) = reader.next_frame().map_err(Failure::side)? {
            black_box(&frame);
        }
    }
    Ok(())
}

/// Both ends of a connection over a socket.
fn sockets() -> Result<[Arc<dyn Link>; 2], Failure> {
    let (here, there) = socket_pair()?;
    Ok([Arc::new(Socket::new(here)?), Arc::new(Socket::new(there)?)])
}

fn carry_by_socket(times: u64) -> Result<(), Failure> {
    let [here, there] = sockets()?;
    carry_frames(here, there, times)
}

fn carry_by_ring(times: u64) -> Result<(), Failure> {
    let [here, there] = sockets()?;
    let mut hub = Hub::new()?;
    let mut share = |link: &Arc<dyn Link>| -> Result<BellShare, Failure> {
        let watch = hub.watch(link.descriptor(), ())?;
        Ok(hub.share_bell(watch)?)
    };
    let (bell_here, bell_there) = (share(&here)?, share(&there)?);
    let (ours, descriptor) = RingMemory::make()?;
    let theirs = RingMemory::open(descriptor)?;
    let (here, there) = (Ring::new(ours, here, bell_there)?, Ring::new(theirs, there, bell_here)?);
    carry_frames(Arc::new(here), Arc::new(there), times)
}

fn carry_frames(here: Arc<dyn Link>, there: Arc<dyn Link>, times: u64) -> Result<(), Failure> {
    let mut outlet = Outlet::new(here, LIMIT_BYTES);
    let mut inlet = Inlet::new(there, LIMIT_BYTES);
    for number in 0..times {
        let header = Header { tag: 1, correlation: number, kind: 1, ..Header::default() };
        outlet.push(header, |body| body.write(&[7; PAYLOAD_BYTES])).map_err(|_| refused())?;
        outlet.flush().map_err(Failure::side)?;
        black_box(next_frame(&mut inlet)?);
    }
    Ok(())
}

fn next_frame(inlet: &mut Inlet) -> Result<Frame, Failure> {
    loop {
        if let Some(frame) = inlet.next_frame().map_err(Failure::side)? {
            return Ok(frame);
        }
        inlet.receive().map_err(Failure::side)?;
    }
}

fn refused() -> Failure {
    Failure::Wrong("a payload was refused".to_string())
}

/// 64 bytes.
#[message]
struct Note {
    words: [u64; 8],
}

/// Something with parts.
#[message]
struct Letter {
    subject: String,
    lines: Vec<String>,
    copies_to: Option<String>,
}

/// 64 bytes that are answered.
#[message(reply = [u64; 8])]
struct Ping {
    words: [u64; 8],
}

/// Has the main thread of a system's root do something with a mailbox of its own.
fn with_mailbox<M: Message>(
    work: impl FnOnce(&Mailbox<M>, &Recipient<M>) -> Result<(), procession::Error>,
) -> Result<(), Failure> {
    let run = || -> Result<(), procession::Error> {
        let system = System::start()?;
        let mailbox = system.mailbox::<M>()?;
        work(&mailbox, &mailbox.recipient())?;
        drop(mailbox);
        system.shutdown()
    };
    run().map_err(Failure::side)
}

/// Waits longer than a message waits for others: whether the next one does is then not a matter of how fast the machine is.
fn pause() {
    thread::sleep(PAUSE);
}

fn tell(times: u64) -> Result<(), Failure> {
    with_mailbox(|mailbox, to| {
        for number in 0..times {
            pause();
            to.tell(&Note { words: [number; 8] })?;
            black_box(mailbox.recv()?.words);
        }
        Ok(())
    })
}

fn tell_many(times: u64) -> Result<(), Failure> {
    with_mailbox(|mailbox, to| {
        for _ in 0..times / FRAMES {
            to.tell_all((0..FRAMES).map(|number| Note { words: [number; 8] }))?;
            for _ in 0..FRAMES {
                black_box(mailbox.recv()?.words);
            }
        }
        Ok(())
    })
}

fn tell_nested(times: u64) -> Result<(), Failure> {
    let letter = Letter {
        subject: "A subject that does not fit in place".to_string(),
        lines: (0..8).map(|number| format!("line {number} of eight, none of them short")).collect(),
        copies_to: Some("somebody else".to_string()),
    };
    with_mailbox(|mailbox, to| {
        for _ in 0..times {
            pause();
            to.tell(&letter)?;
            black_box(mailbox.recv()?.open());
        }
        Ok(())
    })
}

fn request(times: u64) -> Result<(), Failure> {
    with_mailbox(|mailbox, to| {
        for number in 0..times {
            pause();
            let pending = to.request(&Ping { words: [number; 8] })?;
            let (ping, reply) = mailbox.receive_request()?;
            reply.send(ping.words.map(|word| word.to_native()))?;
            black_box(pending.wait()?);
        }
        Ok(())
    })
}

fn add(times: u64) -> Result<(), Failure> {
    let run = || -> Result<(), procession::Error> {
        let system = System::start()?;
        let value = Value::new(&system, 0u64)?;
        for _ in 0..times {
            value.fetch_add(1)?;
        }
        system.shutdown()
    };
    run().map_err(Failure::side)
}
