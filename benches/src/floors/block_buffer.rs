//! A page-aligned buffer of one block.
//!
//! Copying 1 MiB takes up to a fifth longer or shorter by where in its page it begins, and an allocator begins anywhere.

use crate::floors::block::BLOCK_BYTES;
use std::ops::{Deref, DerefMut};

const PAGE_BYTES: usize = 4096;

/// One block of bytes, the first of them at the start of a page.
#[derive(Debug)]
pub struct BlockBuffer {
    bytes: Vec<u8>,
    start: usize,
}

impl BlockBuffer {
    /// Makes a block of zeros whose pages have all been touched.
    pub fn new() -> Self {
        let bytes = vec![1; BLOCK_BYTES + PAGE_BYTES];
        let start = bytes.as_ptr().align_offset(PAGE_BYTES);
        let mut buffer = BlockBuffer { bytes, start };
        buffer.fill(0);
        buffer
    }
}

impl Default for BlockBuffer {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for BlockBuffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.bytes[self.start..self.start + BLOCK_BYTES]
    }
}

impl DerefMut for BlockBuffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + BLOCK_BYTES]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_start_on_pages() {
        let buffers: Vec<BlockBuffer> = (0..4).map(|_| BlockBuffer::new()).collect();
        for buffer in &buffers {
            assert_eq!((buffer.as_ptr() as usize % PAGE_BYTES, buffer.len()), (0, BLOCK_BYTES));
            assert!(buffer.iter().all(|&byte| byte == 0));
        }
    }
}
