//! The actor that counts small messages.

use crate::failure::Failure;
use procession::prelude::*;

/// 64 bytes.
#[message]
pub(crate) struct Note {
    pub(crate) words: [u64; 8],
}

impl Note {
    /// Makes a note that says something of its own.
    pub(crate) fn new(number: u64) -> Note {
        Note { words: [number; 8] }
    }
}

/// Asks how many notes have come since it was last asked. To be asked by who told them: nobody's else are before it for sure.
#[message(reply = u64)]
pub(crate) struct Count;

/// Counts notes.
#[derive(Default)]
pub(crate) struct Counter {
    count: u64,
    /// Adds up what the notes say, so that they are read.
    sum: u64,
}

#[actor]
impl Actor for Counter {
    type Messages = (Note, Count);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(Counter::default())
    }
}

impl Handler<Note> for Counter {
    fn handle(&mut self, note: Incoming<'_, Note>, _: &mut Context<Self>) {
        self.count += 1;
        self.sum = self.sum.wrapping_add(note.words[0].to_native());
    }
}

impl Handler<Count> for Counter {
    fn handle(&mut self, _: Incoming<'_, Count>, _: &mut Context<Self>) -> u64 {
        std::mem::take(&mut self.count)
    }
}

/// Checks that as many notes have come as were told.
pub(crate) fn verify(told: u64, counted: u64) -> Result<(), Failure> {
    if counted == told { Ok(()) } else { Err(Failure::Wrong(format!("{counted} of {told} messages have come"))) }
}
