//! 1 MiB written by one process and read by another, which answers with the sum of it.
//!
//! "Written" and "read" mean every byte: the sender fills the block before it sends it, the receiver adds it up.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::block_buffer::BlockBuffer;
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::{ended, read_whole};
use crate::pinning::Pinning;
use nix::sys::socket::{getsockopt, setsockopt, sockopt};
use std::io::Write;
use std::os::unix::net::UnixStream;

/// The length of a block, in bytes.
pub const BLOCK_BYTES: usize = 1024 * 1024;

/// The length of large socket buffers, in bytes.
const LARGE_BUFFER_BYTES: usize = 4 * 1024 * 1024;

/// Starts the floor with the socket buffers that the system gives.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn default_buffers(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let (socket, other) = UnixStream::pair()?;
    start(pinning, socket, other)
}

/// Starts the floor with socket buffers of 4 MiB.
///
/// # Errors
///
/// `Unavailable` if the system's limit is lower and the user may not exceed it.
pub fn large_buffers(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let (socket, other) = UnixStream::pair()?;
    for end in [&socket, &other] {
        enlarge(end)?;
    }
    start(pinning, socket, other)
}

/// Privileged users may exceed the system's limit; for others the kernel cuts the request down to it without a word.
fn enlarge(end: &UnixStream) -> Result<(), Failure> {
    if setsockopt(end, sockopt::SndBufForce, &LARGE_BUFFER_BYTES).is_err() {
        setsockopt(end, sockopt::SndBuf, &LARGE_BUFFER_BYTES)?;
    }
    let granted = getsockopt(end, sockopt::SndBuf)?;
    if granted < LARGE_BUFFER_BYTES {
        return Err(Failure::Unavailable(format!("socket buffers of 4 MiB; the limit is {} KiB", granted / 1024)));
    }
    Ok(())
}

fn start(pinning: &Pinning, socket: UnixStream, other: UnixStream) -> Result<Box<dyn Operation>, Failure> {
    let mut peer = Peer::start_with(Role::BLOCK_READER, pinning, socket, other)?;
    let mut block = BlockBuffer::new();
    let mut number = 0;
    Ok(Box::new(move || {
        number = u8::wrapping_add(number, 1);
        fill(&mut block, number);
        peer.socket.write_all(&block)?;
        let mut answer = [0; 8];
        if !read_whole(&peer.socket, &mut answer)? {
            return Err(ended());
        }
        verify(number, u64::from_ne_bytes(answer))
    }))
}

/// Reads and answers blocks until the stream ends.
pub(crate) fn serve(mut socket: UnixStream) -> Result<(), Failure> {
    let mut block = BlockBuffer::new();
    while read_whole(&socket, &mut block)? {
        socket.write_all(&sum(&block).to_ne_bytes())?;
    }
    Ok(())
}

/// Writes every byte of a block.
pub fn fill(block: &mut [u8], number: u8) {
    block.fill(number);
}

/// Reads every byte of a block.
pub fn sum(block: &[u8]) -> u64 {
    let (words, _) = block.as_chunks::<8>();
    words.iter().fold(0, |sum, word| sum.wrapping_add(u64::from_ne_bytes(*word)))
}

/// Checks the answer to a block that was filled with `number`.
///
/// # Errors
///
/// Fails if the sum is that of another block.
pub fn verify(number: u8, answer: u64) -> Result<(), Failure> {
    let expected = u64::from_ne_bytes([number; 8]).wrapping_mul(BLOCK_BYTES as u64 / 8);
    if answer == expected { Ok(()) } else { Err(Failure::Wrong("the sum of a block is wrong".to_string())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sum_tells_blocks_apart() {
        let mut block = vec![0; BLOCK_BYTES];
        for number in [0, 1, 200, 255] {
            fill(&mut block, number);
            assert!(verify(number, sum(&block)).is_ok());
            block[BLOCK_BYTES - 1] ^= 1;
            assert!(verify(number, sum(&block)).is_err());
        }
    }
}
