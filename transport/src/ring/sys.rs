//! Bytes in memory that another process may write at any time.
//!
//! If it writes to a place while we copy there, that is formally a race between plain accesses, which the language leaves
//! undefined, and no type of it can rule out what another process does. It is tolerated, because nothing follows from the bytes
//! but bytes: places are raw, never behind a reference, so the compiler may conclude nothing about what is there; lengths and
//! places come from words that were read once and bounded; and what was copied out is in memory of this process's own before
//! anything looks at it and validates it. Whatever the copy is of, it is no more than a message that makes no sense.
#![allow(unsafe_code)]

use bytes::{BufMut, BytesMut};

use crate::memory::Mapping;

/// Copies bytes to a place in shared memory. Gives whether it lies within.
///
/// Only one thread of this process writes to a place at a time, and none reads there; [`Ring`](super::Ring) sees to that.
#[inline]
pub(super) fn copy_in(memory: &Mapping, offset: usize, bytes: &[u8]) -> bool {
    let Some(place) = memory.address(offset, bytes.len()) else { return false };
    // SAFETY: the place lies within the mapping; `bytes` is memory of this process's own and does not overlap it. The other process
    // may write, or read, there at the same time; see above.
    unsafe { copy(bytes.as_ptr(), place.as_ptr(), bytes.len()) };
    true
}

/// From this length on the processor's own way of copying strings is used: where the two processes run on processors that are
/// far from each other, it is several times as fast as a loop of loads and stores.
#[cfg(target_arch = "x86_64")]
const STRING_BYTES: usize = 2048;

/// Copies bytes.
///
/// # Safety
/// As [`std::ptr::copy_nonoverlapping`].
#[inline]
unsafe fn copy(from: *const u8, to: *mut u8, length: usize) {
    #[cfg(target_arch = "x86_64")]
    if length >= STRING_BYTES {
        // SAFETY: the caller says that both places have the length and do not overlap; the direction flag is clear on entry, as
        // the ABI has it.
        unsafe {
            std::arch::asm!(
                "rep movsb",
                inout("rcx") length => _,
                inout("rsi") from => _,
                inout("rdi") to => _,
                options(nostack, preserves_flags),
            );
        }
        return;
    }
    // SAFETY: as the caller says.
    unsafe { std::ptr::copy_nonoverlapping(from, to, length) };
}

/// Copies bytes from a place in shared memory behind those of `buffer`, which has the room. Gives whether it lies within.
///
/// If the other process writes there meanwhile, the copy is of whatever was there at any instant: it is validated afterwards.
#[inline]
pub(super) fn copy_out(memory: &Mapping, offset: usize, length: usize, buffer: &mut BytesMut) -> bool {
    let Some(place) = memory.address(offset, length) else { return false };
    let spare = buffer.spare_capacity_mut();
    if spare.len() < length {
        return false;
    }
    // SAFETY: the place lies within the mapping, and the spare capacity, which is this process's own, has the room. The other process
    // may write to the place at the same time; see above.
    unsafe { copy(place.as_ptr(), spare.as_mut_ptr().cast(), length) };
    // SAFETY: `length` bytes of the spare capacity have just been written.
    unsafe { buffer.advance_mut(length) };
    true
}
