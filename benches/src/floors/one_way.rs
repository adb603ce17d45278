//! 64-byte messages from one process to another: one per write, or 64 KiB of them.
//!
//! A burst starts with its length in bytes; the receiver reads 64 KiB at a time, counts, and says in one byte when all is there.

use crate::contest::Burst;
use crate::failure::Failure;
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::{ended, read_whole};
use crate::floors::{BATCH_BYTES, MESSAGE_BYTES};
use crate::pinning::Pinning;
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;

/// Starts the floor of one message per write.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn single(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    start(pinning, MESSAGE_BYTES)
}

/// Starts the floor of 64 KiB of messages per write.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn batched(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    start(pinning, BATCH_BYTES)
}

fn start(pinning: &Pinning, write_bytes: usize) -> Result<Box<dyn Burst>, Failure> {
    let mut peer = Peer::start(Role::COUNTER, pinning)?;
    Ok(Box::new(move |messages: u64| {
        let bytes = messages * MESSAGE_BYTES as u64;
        peer.socket.write_all(&bytes.to_ne_bytes())?;
        write_bytes_in_pieces(&mut peer.socket, bytes, write_bytes)?;
        if read_whole(&peer.socket, &mut [0])? { Ok(()) } else { Err(ended()) }
    }))
}

/// Writes `bytes` bytes, `piece_bytes` with each call; the last piece may be shorter.
pub(crate) fn write_bytes_in_pieces(
    socket: &mut UnixStream,
    mut bytes: u64,
    piece_bytes: usize,
) -> Result<(), Failure> {
    let piece = vec![7; piece_bytes];
    while bytes > 0 {
        let length = bytes.min(piece_bytes as u64);
        socket.write_all(&piece[..length as usize])?;
        bytes -= length;
    }
    Ok(())
}

/// Counts bursts until the stream ends.
pub(crate) fn serve(mut socket: UnixStream) -> Result<(), Failure> {
    let mut length = [0; 8];
    let mut buffer = vec![0; BATCH_BYTES];
    while read_whole(&socket, &mut length)? {
        let mut missing = u64::from_ne_bytes(length);
        while missing > 0 {
            let wanted = missing.min(BATCH_BYTES as u64) as usize;
            match socket.read(&mut buffer[..wanted])? {
                0 => return Err(ended()),
                length => missing -= length as u64,
            }
        }
        socket.write_all(&[1])?;
    }
    Ok(())
}
