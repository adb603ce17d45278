//! Feeds the reader bytes in cuts: it must give frames or an error, never panic, and never take memory on a header's word.
//!
//! The first two bytes of an input say how long the cuts are, the third whether the headers' checks are made to fit, so that
//! the fuzzer gets past them.
#![no_main]

use libfuzzer_sys::fuzz_target;
use procession_transport::{HEADER_BYTES, Header, Reader};

const LIMIT_BYTES: usize = 1 << 20;

fuzz_target!(|input: &[u8]| {
    let Some(([low, high, mend], rest)) = input.split_first_chunk::<3>() else { return };
    let cut = usize::from(u16::from_le_bytes([*low, *high])).max(1);
    let mut bytes = rest.to_vec();
    if mend % 2 == 0 {
        mend_headers(&mut bytes);
    }
    let mut reader = Reader::new(LIMIT_BYTES);
    let mut given = 0;
    for part in bytes.chunks(cut) {
        reader.push(part, None);
        loop {
            match reader.next_frame() {
                Ok(Some(frame)) => {
                    assert_eq!(frame.payload.len(), frame.header.length as usize);
                    given += frame.header.stride_bytes();
                }
                Ok(None) => break,
                Err(_) => return,
            }
        }
        assert!(given <= bytes.len());
        assert!(reader.space().capacity() <= 2 * (bytes.len() + (256 << 10)));
    }
});

/// Makes the header at the front of every frame check, with what lengths the input gives.
fn mend_headers(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(place) = bytes.get_mut(at..at + HEADER_BYTES) {
        let header = Header {
            length: u32::from_le_bytes([place[0], place[1], 0, 0]),
            tag: u32::from(place[4]),
            correlation: u64::from(place[8]),
            kind: place[16],
            flags: place[17],
            descriptors: u16::from(place[18]),
        };
        place.copy_from_slice(&header.encode());
        at += header.stride_bytes();
    }
}
