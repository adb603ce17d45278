//! `ask` with 1 MiB that is answered with the sum of it.

use super::house;
use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::block::{BLOCK_BYTES, fill, sum, verify};
use crate::link::Link;
use crate::pinning::Pinning;
use procession::prelude::*;

#[message(reply = u64)]
struct Block {
    bytes: Vec<u8>,
}

struct BlockReader;

#[actor]
impl Actor for BlockReader {
    type Messages = (Block,);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, procession::Failure> {
        Ok(BlockReader)
    }
}

impl Handler<Block> for BlockReader {
    fn handle(&mut self, block: Incoming<'_, Block>, _: &mut Context<Self>) -> u64 {
        sum(&block.bytes)
    }
}

struct BlockWriter {
    number: u8,
    block: Block,
    reader: ActorRef<BlockReader>,
    _system: System,
}

/// Starts an actor that root asks for the sums of blocks, over connections of this kind.
///
/// # Errors
///
/// Fails if the system cannot be started.
pub fn round_trip_over(link: Link, pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let system = house::start_over(link, pinning)?;
    let reader = system.spawn::<BlockReader>(()).map_err(Failure::side)?;
    let block = Block { bytes: vec![0; BLOCK_BYTES] };
    Ok(Box::new(BlockWriter { number: 0, block, reader, _system: system }))
}

impl Operation for BlockWriter {
    fn run(&mut self) -> Result<(), Failure> {
        self.number = self.number.wrapping_add(1);
        fill(&mut self.block.bytes, self.number);
        verify(self.number, self.reader.ask(&self.block).map_err(Failure::side)?)
    }
}
