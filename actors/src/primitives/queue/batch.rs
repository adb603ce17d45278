//! Items that travel to a queue together.

use super::{BATCH_BYTES, BATCH_ITEMS, QueueError};
use crate::Data;
use crate::primitives::blob::Blob;

/// Items, and the same packed.
#[derive(Debug)]
pub(super) struct Batch<T> {
    pub(super) items: Vec<T>,
    pub(super) blobs: Vec<Blob>,
    bytes: usize,
}

impl<T: Data> Batch<T> {
    /// Takes as many items as travel together; ends at one that cannot be packed, which it gives, too.
    pub(super) fn fill(from: &mut impl Iterator<Item = T>) -> (Batch<T>, Option<(T, QueueError)>) {
        let mut batch = Batch { items: Vec::new(), blobs: Vec::new(), bytes: 0 };
        while batch.items.len() < BATCH_ITEMS && batch.bytes < BATCH_BYTES {
            let Some(item) = from.next() else { break };
            match Blob::pack(&item) {
                Ok(blob) => batch.push(item, blob),
                Err(error) => return (batch, Some((item, error.into()))),
            }
        }
        (batch, None)
    }

    fn push(&mut self, item: T, blob: Blob) {
        self.bytes += blob.len();
        self.items.push(item);
        self.blobs.push(blob);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
}
