//! The unsafe code of this floor: a value as its bytes.
#![allow(unsafe_code)]

use std::slice;

use rkyv::Archive;

/// Whether a value is its own archive, byte by byte, and has some: numbers are, and structs of them without gaps.
pub(crate) const fn is_plain<T: Archive>() -> bool {
    let size = size_of::<T::Archived>();
    T::COPY_OPTIMIZATION.is_enabled() && size > 0 && size == size_of::<T>()
}

/// Gives the archives of values that are [plain](is_plain), one behind the other.
#[inline(always)]
pub(crate) fn plain_bytes<T: Archive>(values: &[T]) -> Option<&[u8]> {
    if const { !is_plain::<T>() } {
        return None;
    }
    // SAFETY: the bytes are those of the slice. All of them have values: who enables `COPY_OPTIMIZATION`, which is unsafe, attests
    // that the type has no uninitialised bytes. Nobody changes them meanwhile: the slice is borrowed, and a type that changes
    // behind a shared reference is not its own archive.
    Some(unsafe { slice::from_raw_parts(values.as_ptr().cast(), size_of_val(values)) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data;

    #[data]
    struct Numbers {
        one: u64,
        two: [u16; 4],
    }

    #[data]
    struct Gapped {
        one: u64,
        two: u16,
    }

    #[test]
    fn what_is_plain_is_its_own_archive() {
        let values = [Numbers { one: 1, two: [2, 3, 4, 5] }, Numbers { one: 6, two: [7, 8, 9, 10] }];
        let archive = rkyv::to_bytes::<rkyv::rancor::Error>(&values).expect("it has one");
        assert_eq!(plain_bytes(&values), Some(&archive[..]));
        assert_eq!(plain_bytes(&[0x0102_u16]), Some(&[2, 1][..]));
        assert_eq!(plain_bytes::<u64>(&[]), Some(&[][..]));
    }

    #[test]
    fn what_has_gaps_or_points_elsewhere_is_not() {
        assert!(!is_plain::<Gapped>() && !is_plain::<(u64, u16)>() && !is_plain::<Option<u8>>());
        assert!(!is_plain::<String>() && !is_plain::<Vec<u8>>() && !is_plain::<Box<u64>>());
        assert!(!is_plain::<()>() && !is_plain::<[u64; 0]>(), "nothing is no bytes");
        assert_eq!(plain_bytes(&[Gapped { one: 1, two: 2 }]), None);
    }
}
