//! The unit that travels: a fixed header, a payload, and the descriptors that belong to it.

use std::os::fd::OwnedFd;

use bytes::Bytes;

use crate::WireError;

/// Size of an encoded [`Header`] in bytes.
pub const HEADER_BYTES: usize = 32;

/// Every frame starts at a multiple of this many bytes of its stream, and of the receiver's memory.
pub const ALIGNMENT: usize = 16;

/// Most descriptors that one frame may carry. The kernel takes 253 in one message (`SCM_MAX_FD`).
pub const MAX_DESCRIPTORS: usize = 250;

/// Default limit for the payload of one message: 1 GiB.
pub const DEFAULT_MESSAGE_LIMIT_BYTES: usize = 1 << 30;

/// What a frame is for, as one byte chosen by the floor above; this floor only carries it.
pub type Kind = u8;

/// The fixed part in front of every payload.
///
/// On the wire, little endian: length (4 bytes), tag (4), correlation (8), kind (1), flags (1), descriptor count (2),
/// check (4), then 8 zero bytes. The check is a hash of the others, so that a stream that has lost its step, or a
/// header with any flipped bit, is found before anything is believed. The position of an archive's root is not sent:
/// it always is the payload's length less the size of the root.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Header {
    /// Length of the payload in bytes, without padding.
    pub length: u32,
    /// Which of the receiver's message types the payload is.
    pub tag: u32,
    /// Pairs a reply with its request; 0 where no reply is wanted.
    pub correlation: u64,
    /// What the frame is for.
    pub kind: Kind,
    /// Small facts of the floor above.
    pub flags: u8,
    /// Number of descriptors that came with the frame.
    pub descriptors: u16,
}

impl Header {
    /// Writes the header as it travels.
    #[inline]
    pub fn encode(&self) -> [u8; HEADER_BYTES] {
        let [sizes, correlation, small] = self.words();
        let checked = small | u64::from(check(sizes, correlation, small)) << 32;
        let mut bytes = [0; HEADER_BYTES];
        bytes[0..8].copy_from_slice(&sizes.to_le_bytes());
        bytes[8..16].copy_from_slice(&correlation.to_le_bytes());
        bytes[16..24].copy_from_slice(&checked.to_le_bytes());
        bytes
    }

    /// The fields as words: whole ones pass through registers, where a read of bytes just written one by one would stall.
    #[inline]
    fn words(&self) -> [u64; 3] {
        let sizes = u64::from(self.length) | u64::from(self.tag) << 32;
        let small = u64::from(self.kind) | u64::from(self.flags) << 8 | u64::from(self.descriptors) << 16;
        [sizes, self.correlation, small]
    }

    /// Reads a header and bounds every field.
    ///
    /// # Errors
    /// [`WireError::Corrupt`] if the check or the zero bytes do not fit, [`WireError::TooLarge`] if the length exceeds
    /// `limit_bytes`, [`WireError::TooManyDescriptors`] above [`MAX_DESCRIPTORS`].
    #[inline]
    pub fn decode(bytes: &[u8; HEADER_BYTES], limit_bytes: usize) -> Result<Header, WireError> {
        let [sizes, correlation, checked, zero] = [0, 8, 16, 24].map(|at| word(bytes, at));
        let small = checked & u64::from(u32::MAX);
        if (checked >> 32) as u32 != check(sizes, correlation, small) || zero != 0 {
            return Err(WireError::Corrupt);
        }
        let header = Header {
            length: sizes as u32,
            tag: (sizes >> 32) as u32,
            correlation,
            kind: small as u8,
            flags: (small >> 8) as u8,
            descriptors: (small >> 16) as u16,
        };
        if header.length as usize > limit_bytes {
            return Err(WireError::TooLarge { length_bytes: header.length as usize, limit_bytes });
        }
        if usize::from(header.descriptors) > MAX_DESCRIPTORS {
            return Err(WireError::TooManyDescriptors { count: usize::from(header.descriptors) });
        }
        Ok(header)
    }

    /// Bytes from this frame's start to the next one's.
    #[inline]
    pub fn stride_bytes(&self) -> usize {
        HEADER_BYTES + padded(self.length as usize)
    }
}

/// A multiplicative hash of all fields (the odd constants are the fractional parts of the golden ratio and of the square
/// root of 2). Every step is a bijection of its operand, so no single flipped bit can pass.
#[inline]
fn check(sizes: u64, correlation: u64, small: u64) -> u32 {
    let mut hash = sizes.wrapping_add(0x9E37_79B9_7F4A_7C15).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    hash = (hash ^ hash >> 32 ^ correlation).wrapping_mul(0x6A09_E667_F3BC_C909);
    hash = (hash ^ hash >> 29 ^ small).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (hash >> 32) as u32
}

/// Rounds a payload's length up to [`ALIGNMENT`].
#[inline]
pub(crate) const fn padded(length_bytes: usize) -> usize {
    (length_bytes + ALIGNMENT - 1) & !(ALIGNMENT - 1)
}

#[inline]
fn word(bytes: &[u8; HEADER_BYTES], at: usize) -> u64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    u64::from_le_bytes(word)
}

/// The descriptors that came with a frame.
#[derive(Debug)]
pub enum Descriptors {
    /// As many as the header announced, in the order sent.
    Arrived(Vec<OwnedFd>),
    /// Some were lost on the way, because this process had no free descriptors (`EMFILE`) or the kernel cut them off
    /// (`MSG_CTRUNC`). Those that did arrive are closed; the frame's bytes are whole and the stream is in step.
    Lost,
}

impl Descriptors {
    /// No descriptors.
    pub const fn none() -> Descriptors {
        Descriptors::Arrived(Vec::new())
    }

    /// Gives the descriptors.
    ///
    /// # Errors
    /// [`WireError::DescriptorsLost`] if they did not all arrive.
    #[inline]
    pub fn arrived(self) -> Result<Vec<OwnedFd>, WireError> {
        match self {
            Descriptors::Arrived(descriptors) => Ok(descriptors),
            Descriptors::Lost => Err(WireError::DescriptorsLost),
        }
    }
}

/// A received frame. It owns its share of the receive buffer, so it stays where it is however much is read after it.
#[derive(Debug)]
pub struct Frame {
    /// The fixed part.
    pub header: Header,
    /// The payload, starting at a multiple of [`ALIGNMENT`] in memory.
    pub payload: Bytes,
    /// The descriptors that came along.
    pub descriptors: Descriptors,
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_header() -> impl Strategy<Value = Header> {
        (any::<u32>(), any::<u32>(), any::<u64>(), any::<u8>(), any::<u8>(), 0..=MAX_DESCRIPTORS as u16).prop_map(
            |(length, tag, correlation, kind, flags, descriptors)| Header {
                length,
                tag,
                correlation,
                kind,
                flags,
                descriptors,
            },
        )
    }

    proptest! {
        #[test]
        fn a_header_survives_the_wire(header in any_header()) {
            prop_assert_eq!(Header::decode(&header.encode(), usize::MAX), Ok(header));
        }

        #[test]
        fn a_corrupted_header_is_an_error(header in any_header(), at in 0..HEADER_BYTES, with in 1..=255u8) {
            let mut bytes = header.encode();
            bytes[at] ^= with;
            prop_assert!(Header::decode(&bytes, usize::MAX).is_err());
        }
    }

    #[test]
    fn every_field_is_bounded() {
        let long = Header { length: 11, ..Header::default() };
        assert_eq!(Header::decode(&long.encode(), 10), Err(WireError::TooLarge { length_bytes: 11, limit_bytes: 10 }));
        let many = Header { descriptors: MAX_DESCRIPTORS as u16 + 1, ..Header::default() };
        assert!(matches!(Header::decode(&many.encode(), 10), Err(WireError::TooManyDescriptors { .. })));
    }
}
