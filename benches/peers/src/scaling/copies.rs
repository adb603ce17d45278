//! The copies that a message is made of, alone: what the sizes of things cost where nothing is sent.

use procession_benches::Burst;
use std::hint::black_box;

/// What the larger buffer of a ring holds, in bytes.
const RING_BYTES: usize = 1 << 20;

/// What goes into a ring at once, in bytes.
const PORTION_BYTES: usize = 32 << 10;

/// One process copies so many bytes from where they are to a buffer, from there through a ring, and into another buffer.
pub(super) fn of_size(size: usize) -> Box<dyn Burst> {
    let message = vec![7_u8; size];
    let [mut sending, mut ring, mut receiving] = [size, RING_BYTES, size].map(|length| vec![1_u8; length]);
    Box::new(move |times: u64| {
        for _ in 0..times {
            sending.copy_from_slice(black_box(&message));
            for start in (0..size).step_by(PORTION_BYTES) {
                let portion = start..size.min(start + PORTION_BYTES);
                let place = &mut ring[start % RING_BYTES..][..portion.len()];
                place.copy_from_slice(&sending[portion.clone()]);
                receiving[portion].copy_from_slice(black_box(place));
            }
            black_box(&receiving);
        }
        Ok(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_need_not_be_multiples_of_portions() {
        for size in [1, PORTION_BYTES + 1, RING_BYTES, RING_BYTES + PORTION_BYTES + 3] {
            assert!(of_size(size).run(2).is_ok());
        }
    }
}
