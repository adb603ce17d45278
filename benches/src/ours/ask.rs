//! `ask`: 64 bytes there and 64 bytes back.

use super::house;
use crate::contest::Operation;
use crate::failure::Failure;
use crate::link::Link;
use crate::pinning::Pinning;
use procession::prelude::*;

/// 64 bytes.
#[message(reply = [u64; 8])]
struct Ping {
    words: [u64; 8],
}

struct Echo;

#[actor]
impl Actor for Echo {
    type Messages = (Ping,);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Echo)
    }
}

impl Handler<Ping> for Echo {
    fn handle(&mut self, ping: Incoming<'_, Ping>, _: &mut Context<Self>) -> [u64; 8] {
        ping.words.map(|word| word.to_native())
    }
}

struct Asker {
    echo: ActorRef<Echo>,
    _system: System,
}

/// Starts an actor that answers what root asks.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn round_trip(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    round_trip_in(house::start(pinning)?)
}

/// Starts an actor that answers what root asks, over connections of this kind.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn round_trip_over(link: Link, pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    round_trip_in(house::start_over(link, pinning)?)
}

fn round_trip_in(system: System) -> Result<Box<dyn Operation>, Failure> {
    let echo = system.spawn::<Echo>(()).map_err(Failure::side)?;
    Ok(Box::new(Asker { echo, _system: system }))
}

impl Operation for Asker {
    fn run(&mut self) -> Result<(), Failure> {
        let answer = self.echo.ask(&Ping { words: [7; 8] }).map_err(Failure::side)?;
        if answer == [7; 8] { Ok(()) } else { Err(Failure::Wrong("another answer came".to_string())) }
    }
}
