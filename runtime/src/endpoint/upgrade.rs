//! How a busy connection leaves its socket for shared memory.
//!
//! | frame | from | says | carries |
//! |---|---|---|---|
//! | `OFFER` | the side that sends requests | here is memory for two rings | the memory, its bell |
//! | `ACCEPT` | the other | I have mapped it | its bell |
//! | `SWITCH` | each | this is the last that I send by the socket | nothing |
//! | `DECLINE` | whoever cannot | we stay on the socket | nothing |
//!
//! Each direction switches by itself, so the order of what is sent is kept: what came before a `SWITCH` is read from the socket,
//! what comes after it from the ring. Nothing waits meanwhile. Who has no memory or no descriptors left stays on the socket.

use std::sync::Arc;

use bytes::Bytes;
use procession_transport::{BellShare, Body, Frame, Header, Hub, Refusal, Ring, RingMemory, WireError};

use super::connection::{Connection, Direction};
use super::core::{Core, Subject};
use super::kind;
use crate::outbox::{Departure, Outbox};

/// How far a connection has come on its way to shared memory.
#[derive(Debug, Default)]
pub(crate) enum Upgrade {
    /// It has not set out.
    #[default]
    Socket,
    /// We have offered this memory.
    Offered(RingMemory),
    /// Both have it. The other side still sends by the socket.
    Agreed(Arc<Ring>),
    /// What the other side sends comes by the ring, and so does what we send.
    Done,
    /// One of us could not.
    Declined,
}

impl Core {
    /// Offers shared memory to those whom much is sent.
    pub(crate) fn offer_upgrades(&mut self) {
        for watch in self.departures.take_busy() {
            let Some(readiness) = self.hub.readiness(watch) else { continue };
            let Subject::Connection(key) = readiness.subject else { continue };
            let Some(connection) = self.connections.get_mut(key) else { continue };
            if matches!((connection.direction, &connection.upgrade), (Direction::To(_), Upgrade::Socket)) {
                connection.upgrade = offer(&mut self.hub, connection).unwrap_or_else(|why| declined(connection, &why));
            }
        }
    }
}

/// Acts on a frame that is about the connection itself.
///
/// # Errors
/// A text, if the frame is out of turn; the connection cannot be used any more then.
pub(crate) fn take(hub: &mut Hub<Subject>, connection: &mut Connection, frame: Frame) -> Result<(), String> {
    let (kind, upgrade) = (frame.header.kind, std::mem::take(&mut connection.upgrade));
    // Who has accepted cannot go back: what is sent to it goes by the ring already.
    let has_switched = matches!((connection.direction, &upgrade), (Direction::To(_), Upgrade::Agreed(_)));
    let outcome = match (kind, upgrade) {
        (kind::OFFER, Upgrade::Socket) => accept(hub, connection, frame),
        (kind::ACCEPT, Upgrade::Offered(memory)) => agree(connection, memory, frame),
        (kind::SWITCH, Upgrade::Agreed(ring)) => Ok(switch(hub, connection, ring)),
        (kind::DECLINE, Upgrade::Offered(_) | Upgrade::Agreed(_)) if !has_switched => {
            hub.take_bell_back(connection.watch);
            connection.upgrade = Upgrade::Declined;
            return Ok(());
        }
        _ => return Err(format!("a frame of kind {kind} came out of turn")),
    };
    connection.upgrade = outcome.unwrap_or_else(|why| {
        hub.take_bell_back(connection.watch);
        say(&connection.outbox, kind::DECLINE, None);
        declined(connection, &why)
    });
    Ok(())
}

fn offer(hub: &mut Hub<Subject>, connection: &Connection) -> Result<Upgrade, String> {
    let (memory, descriptor) = RingMemory::make().map_err(text)?;
    let bell = hub.share_bell(connection.watch).map_err(text)?;
    say(&connection.outbox, kind::OFFER, Some((bell, Some(descriptor))));
    Ok(Upgrade::Offered(memory))
}

fn accept(hub: &mut Hub<Subject>, connection: &Connection, frame: Frame) -> Result<Upgrade, String> {
    let (theirs, memory) = open(frame)?;
    let memory = RingMemory::open(memory.ok_or("no memory came with it")?).map_err(text)?;
    let ring = Ring::new(memory, connection.inlet.link().clone(), theirs).map_err(text)?;
    let ours = hub.share_bell(connection.watch).map_err(text)?;
    say(&connection.outbox, kind::ACCEPT, Some((ours, None)));
    Ok(Upgrade::Agreed(Arc::new(ring)))
}

fn agree(connection: &Connection, memory: RingMemory, frame: Frame) -> Result<Upgrade, String> {
    let (theirs, _) = open(frame)?;
    let ring = Arc::new(Ring::new(memory, connection.inlet.link().clone(), theirs).map_err(text)?);
    connection.outbox.switch(header(kind::SWITCH), ring.clone());
    Ok(Upgrade::Agreed(ring))
}

/// What the other side sends from now on comes by the ring. The side that was offered it follows.
fn switch(hub: &mut Hub<Subject>, connection: &mut Connection, ring: Arc<Ring>) -> Upgrade {
    ring.restore(connection.inlet.switch(ring.clone()));
    hub.follow_bell(connection.watch);
    if matches!(connection.direction, Direction::From(_)) {
        connection.outbox.switch(header(kind::SWITCH), ring);
    }
    tracing::debug!(peer = %connection.peer(), "a connection goes by shared memory now");
    Upgrade::Done
}

fn declined(connection: &Connection, why: &str) -> Upgrade {
    tracing::debug!(peer = %connection.peer(), why, "a connection stays on its socket");
    Upgrade::Declined
}

fn header(kind: u8) -> Header {
    Header { kind, ..Header::default() }
}

/// Sends a frame with what is needed to ring, and the memory.
fn say(outbox: &Arc<Outbox>, kind: u8, with: Option<(BellShare, Option<std::os::fd::OwnedFd>)>) {
    // That the connection is closed is said elsewhere.
    let _ = outbox.push_reply(header(kind), Departure::Soon, |body: &mut Body<'_>| {
        let Some((bell, memory)) = with else { return Ok::<(), Refusal>(()) };
        body.write(&[bell.bit])?;
        [Some(bell.page), Some(bell.event), memory].into_iter().flatten().try_for_each(|one| body.attach(one).map(drop))
    });
}

/// Reads what [`say`] has sent.
fn open(frame: Frame) -> Result<(BellShare, Option<std::os::fd::OwnedFd>), String> {
    let descriptors = frame.descriptors.arrived().map_err(|error: WireError| error.to_string())?;
    let mut descriptors = descriptors.into_iter();
    let bit = |payload: Bytes| payload.first().copied();
    match (descriptors.next(), descriptors.next(), bit(frame.payload)) {
        (Some(page), Some(event), Some(bit)) => Ok((BellShare { page, event, bit }, descriptors.next())),
        _ => Err("it lacks descriptors".into()),
    }
}

fn text(error: std::io::Error) -> String {
    error.to_string()
}

#[cfg(test)]
mod tests;
