//! A name from the bench process to a peer, which tells what to connect to.

use procession_benches::Failure;
use procession_benches::floors::stream::{ended, read_whole};
use std::io::Write;
use std::os::unix::net::UnixStream;

/// Sends a name.
pub(crate) fn send(mut socket: &UnixStream, name: &str) -> Result<(), Failure> {
    socket.write_all(&(name.len() as u64).to_ne_bytes())?;
    Ok(socket.write_all(name.as_bytes())?)
}

/// Waits for a name.
pub(crate) fn receive(socket: &UnixStream) -> Result<String, Failure> {
    receive_if_any(socket)?.ok_or_else(ended)
}

/// Waits for a name; `None` at the end of the stream.
pub(crate) fn receive_if_any(socket: &UnixStream) -> Result<Option<String>, Failure> {
    let mut length = [0; 8];
    if !read_whole(socket, &mut length)? {
        return Ok(None);
    }
    let mut name = vec![0; u64::from_ne_bytes(length) as usize];
    read(socket, &mut name)?;
    String::from_utf8(name).map(Some).map_err(Failure::side)
}

/// Says that this side has connected.
pub(crate) fn confirm(mut socket: &UnixStream) -> Result<(), Failure> {
    Ok(socket.write_all(&[1])?)
}

/// Waits until the other side has connected.
pub(crate) fn await_confirmation(socket: &UnixStream) -> Result<(), Failure> {
    read(socket, &mut [0])
}

fn read(socket: &UnixStream, buffer: &mut [u8]) -> Result<(), Failure> {
    if read_whole(socket, buffer)? { Ok(()) } else { Err(ended()) }
}
