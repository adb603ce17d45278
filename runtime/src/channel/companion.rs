//! What the two ends of a channel say of themselves to each other, beside the data.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use procession_transport::{Header, Inlet, LinkError, Received, Socket, Writer};

use super::peer::{Peer, Word};
use crate::error::RuntimeError;

/// Largest word in bytes.
const WORD_LIMIT_BYTES: usize = 256;

/// An end does not move while this much of what it has said is unheard, as the system counts, in bytes. That is some dozens
/// of words, and well below what a socket takes.
const UNHEARD_LIMIT_BYTES: usize = 96 << 10;

/// A socket beside the data: it says who has an end, and its own end says that an end was dropped. Its words are few and
/// small, so each leaves whole or not at all.
#[derive(Debug)]
pub(super) struct Companion {
    inlet: Inlet,
    socket: Arc<Socket>,
    /// Comes to its end if the other end is lost on its way; there while it is on its way.
    token: Option<OwnedFd>,
}

impl Companion {
    pub(super) fn new(socket: OwnedFd, token: Option<OwnedFd>) -> Companion {
        let socket = Arc::new(Socket::from_nonblocking(socket));
        Companion { inlet: Inlet::new(socket.clone(), WORD_LIMIT_BYTES), socket, token }
    }

    /// Whether there is room for the two words of a move.
    pub(super) fn has_room(&self) -> bool {
        self.socket.unheard_bytes().is_ok_and(|bytes| bytes < UNHEARD_LIMIT_BYTES)
    }

    /// Says something of this end.
    pub(super) fn say(&self, word: Word, token: Option<OwnedFd>) -> Result<(), RuntimeError> {
        let mut writer = Writer::new(WORD_LIMIT_BYTES);
        let payload = postcard::to_stdvec(&word).map_err(|error| RuntimeError::System(error.to_string()))?;
        writer.push(Header::default(), |body| {
            token.map(|token| body.attach(token)).transpose()?;
            body.write(&payload)
        })?;
        let chunk = writer.chunk();
        match self.inlet.link().send(chunk.bytes, chunk.descriptors) {
            Ok(count) if count == chunk.bytes.len() => Ok(()),
            Ok(_) => Err(RuntimeError::System("a word left in part".into())),
            Err(error) => Err(error.into()),
        }
    }

    /// Hears what the other end has said. Gives whether that is all that it ever says.
    pub(super) fn hear(&mut self, peer: &mut Peer) -> Result<(), LinkError> {
        loop {
            let received = self.inlet.receive()?;
            while let Some(frame) = self.inlet.next_frame()? {
                let token = frame.descriptors.arrived().ok().and_then(|mut tokens| tokens.pop());
                let Ok(word) = postcard::from_bytes::<Word>(&frame.payload) else { continue };
                if peer.hear(word) {
                    self.token = token.filter(|_| peer.awaited().is_some());
                }
            }
            match received {
                Received::More => {}
                Received::Drained | Received::Nothing => return Ok(()),
                Received::End => {
                    peer.hang_up();
                    return Ok(());
                }
            }
        }
    }

    pub(super) fn token(&self) -> Option<BorrowedFd<'_>> {
        self.token.as_ref().map(AsFd::as_fd)
    }

    pub(super) fn duplicate(&self) -> std::io::Result<OwnedFd> {
        self.as_fd().try_clone_to_owned()
    }

    /// Says that this end is no more.
    pub(super) fn hang_up(&self) {
        self.inlet.link().hang_up();
    }
}

impl AsFd for Companion {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.inlet.as_fd()
    }
}

/// A token: the end that tells, and the end that is held.
pub(super) fn token() -> Result<(OwnedFd, OwnedFd), RuntimeError> {
    let (telling, held) = procession_transport::Pipe::pair()?;
    Ok((telling.into_descriptor(), held.into_descriptor()))
}
