//! Lets one side of a ring write whatever it likes into the shared memory and the socket: the other side's outcome is frames or an
//! error, within its bounds, whatever it was doing.
//!
//! An input is a list of steps, each of one byte that says what happens and up to ten that say where and what.
#![no_main]

use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use bytes::BytesMut;
use libfuzzer_sys::fuzz_target;
use procession_transport::{Hub, Inlet, Link, RING_BYTES, Ring, RingMemory, Socket, WIDE_RING_BYTES, socket_pair};

const LIMIT_BYTES: usize = 1 << 20;

/// The buffers of a stream, in bytes.
const STREAM_BYTES: usize = RING_BYTES + WIDE_RING_BYTES;

/// Where the words that both sides use lie, in bytes.
const WORDS_BYTES: u64 = 4096;

fuzz_target!(|input: &[u8]| {
    let Ok((ours, theirs)) = socket_pair() else { return };
    let socket: Arc<dyn Link> = Arc::new(Socket::from_nonblocking(ours));
    let hostile: Arc<dyn Link> = Arc::new(Socket::from_nonblocking(theirs));
    let (Ok(mut hub), Ok((_, descriptor))) = (Hub::new(), RingMemory::make()) else { return };
    let Ok(memory) = descriptor.try_clone() else { return };
    let memory = File::from(memory);
    let Ok(watch) = hub.watch(socket.descriptor(), ()) else { return };
    let (Ok(bell), Ok(opened)) = (hub.share_bell(watch), RingMemory::open(descriptor)) else { return };
    let Ok(ring) = Ring::new(opened, socket, bell) else { return };
    let ring = Arc::new(ring);
    let mut inlet = Inlet::new(ring.clone(), LIMIT_BYTES);
    for step in input.chunks(11) {
        let Some((what, rest)) = step.split_first() else { return };
        let mut bytes = [0; 10];
        bytes[..rest.len()].copy_from_slice(rest);
        let place = u64::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        match what % 6 {
            // A word that both sides use.
            0 => drop(memory.write_all_at(&bytes[2..], place % WORDS_BYTES)),
            // A place in one of the buffers.
            1 => drop(memory.write_all_at(&bytes[2..], WORDS_BYTES + 8 * place % (2 * STREAM_BYTES as u64 - 8))),
            // A position, with a descriptor or without.
            2 => {
                let descriptors: Vec<OwnedFd> = memory.try_clone().into_iter().map(OwnedFd::from).collect();
                let _ = hostile.send(&bytes[2..], &descriptors[..usize::from(bytes[0] % 2).min(descriptors.len())]);
            }
            3 => {
                let _ = inlet.receive();
                while let Ok(Some(frame)) = inlet.next_frame() {
                    assert_eq!(frame.payload.len(), frame.header.length as usize);
                }
            }
            4 => drop(ring.send(&bytes, &[])),
            _ => {
                let mut buffer = BytesMut::with_capacity(place as usize);
                if let Ok((count, _)) = ring.receive(&mut buffer) {
                    assert!(count <= place as usize && count == buffer.len());
                }
                let _ = ring.attend();
            }
        }
        assert!(inlet.unread_bytes() <= STREAM_BYTES);
    }
});
