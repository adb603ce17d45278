//! 1 MiB copied within one process: what no other way of moving it can undercut.

use crate::contest::Operation;
use crate::failure::Failure;
use crate::floors::block_buffer::BlockBuffer;
use crate::pinning::Pinning;
use std::hint::black_box;

/// Prepares the copy.
///
/// # Errors
///
/// Never fails; the signature is that of every floor.
pub fn floor(_pinning: &Pinning) -> Result<Box<dyn Operation>, Failure> {
    let from = BlockBuffer::new();
    let mut to = BlockBuffer::new();
    Ok(Box::new(move || {
        black_box(&mut *to).copy_from_slice(black_box(&*from));
        black_box(&*to);
        Ok(())
    }))
}
