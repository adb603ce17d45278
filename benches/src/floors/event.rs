//! A bare wake-up there and back between two processes: two eventfds, each side asleep in a read.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::hand_over::{give, take};
use crate::floors::peer::Peer;
use crate::floors::role::Role;
use crate::floors::stream::{ended, read_whole};
use crate::pinning::Pinning;
use nix::sys::eventfd::EventFd;
use std::fs::File;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

/// Starts the floor of a wake-up there and back.
///
/// # Errors
///
/// Fails if the peer cannot be started.
pub fn floor(pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let peer = Peer::start(Role::EVENT_ECHO, pinning)?;
    let (there, back) = (File::from(OwnedFd::from(EventFd::new()?)), File::from(OwnedFd::from(EventFd::new()?)));
    give(&peer.socket, &there)?;
    give(&peer.socket, &back)?;
    Ok(Box::new(move || {
        let _alive = &peer;
        raise(&there)?;
        wait(&back)
    }))
}

/// Raises the second whenever the first is raised; the bench process ends this process when it is done.
pub(crate) fn serve(socket: UnixStream) -> Result<(), Failure> {
    let (there, back) = (File::from(take(&socket)?), File::from(take(&socket)?));
    loop {
        wait(&there)?;
        raise(&back)?;
    }
}

fn raise(mut event: &File) -> Result<(), Failure> {
    Ok(event.write_all(&1u64.to_ne_bytes())?)
}

fn wait(event: &File) -> Result<(), Failure> {
    if read_whole(event, &mut [0; 8])? { Ok(()) } else { Err(ended()) }
}
