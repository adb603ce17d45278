//! Integers of up to 64 bits, in words whose content has a bit less.
//!
//! An integer's *bits* are those that it has, and zeros above. A word holds them if the two topmost of the 64 are the same, and
//! leaves one of those out: so all do that are narrower, and of the others all but those furthest from 0.

use std::any::Any;

use procession_runtime::CONTENT_BITS;

use crate::primitives::blob::Blob;

/// How many bits of a word are left out.
const LEFT_OUT: u32 = u64::BITS - CONTENT_BITS;

/// Gives the content of the word that holds an integer's bits; `None` if none does.
#[inline]
pub(super) fn content(bits: u64) -> Option<u64> {
    let content = bits << LEFT_OUT >> LEFT_OUT;
    (of_content(content) == bits).then_some(content)
}

#[inline]
fn of_content(content: u64) -> u64 {
    ((content << LEFT_OUT).cast_signed() >> LEFT_OUT).cast_unsigned()
}

/// Gives the bits of an integer that a host keeps as so many bytes; `None` if it is none.
pub(super) fn bits(blob: &Blob, width: usize) -> Option<u64> {
    let mut bytes = [0; size_of::<u64>()];
    let place = bytes.get_mut(..width).filter(|place| !place.is_empty() && place.len() == blob.len())?;
    place.copy_from_slice(blob.bytes());
    Some(u64::from_le_bytes(bytes))
}

/// Gives the integer of so many bytes that a word holds; if it holds none, what is of no type.
pub(super) fn blob(content: u64, width: usize) -> Blob {
    let bytes = of_content(content).to_le_bytes();
    let is_of_width = bytes.iter().skip(width).all(|byte| *byte == 0);
    let bytes = bytes.get(..width).filter(|_| is_of_width).unwrap_or_default();
    Blob::of_bytes(bytes::Bytes::copy_from_slice(bytes))
}

macro_rules! integers {
    ($($integer:ty as $bits:ty),*) => {
        /// Gives the content of the word that holds a value, if that is an integer and a word holds it.
        #[inline]
        pub(super) fn to_word<T: 'static>(value: &T) -> Option<u64> {
            let value: &dyn Any = value;
            $(
                if let Some(integer) = value.downcast_ref::<$integer>() {
                    return content(*integer as $bits as u64);
                }
            )*
            None
        }

        /// Gives the value that a word holds; `None` if the word is none of this type's.
        #[inline]
        pub(super) fn of_word<T: 'static>(content: u64) -> Option<T> {
            let mut found = None::<T>;
            let place: &mut dyn Any = &mut found;
            $(
                if let Some(place) = place.downcast_mut::<Option<$integer>>() {
                    *place = <$bits>::try_from(of_content(content)).ok().map(|bits| bits as $integer);
                }
            )*
            found
        }

        /// Whether a type is an integer of up to 64 bits.
        #[inline]
        pub(super) fn is_integer<T: 'static>() -> bool {
            of_word::<T>(0).is_some()
        }

        #[cfg(test)]
        mod tests {
            use super::*;

            #[test]
            fn integers_and_words_go_to_and_fro() {
                $(
                    for integer in [<$integer>::MIN, <$integer>::MAX, 0, 1, <$integer>::MAX / 3] {
                        let Some(word) = to_word(&integer) else {
                            assert!(size_of::<$integer>() == size_of::<u64>() && (integer as $bits).leading_zeros() < 2);
                            continue;
                        };
                        assert_eq!(of_word::<$integer>(word), Some(integer));
                        // The host makes bytes of a word, and a word of bytes, without knowing its type.
                        let bytes = Blob::of_bytes(integer.to_le_bytes().to_vec());
                        assert_eq!(blob(word, size_of::<$integer>()).bytes(), bytes.bytes());
                        assert_eq!(bits(&bytes, size_of::<$integer>()).and_then(content), Some(word));
                    }
                    assert!(is_integer::<$integer>());
                    let is_wide = size_of::<$integer>() == size_of::<u64>();
                    assert_eq!(of_word::<$integer>(u64::MAX >> LEFT_OUT).is_some(), is_wide);
                )*
            }

            #[test]
            fn what_a_word_does_not_hold_is_furthest_from_zero() {
                assert_eq!((to_word(&i64::MAX), to_word(&i64::MIN), to_word(&(u64::MAX / 2))), (None, None, None));
                for integer in [1_i64 << 62, -1 - (1 << 62)] {
                    assert_eq!(to_word(&integer), None);
                    let nearer = integer - integer.signum();
                    assert_eq!(to_word(&nearer).and_then(of_word), Some(nearer));
                }
                assert_eq!(to_word(&u64::MAX).and_then(of_word), Some(u64::MAX));
            }

            #[test]
            fn nothing_else_is_an_integer() {
                assert!(!is_integer::<u128>() && !is_integer::<f64>() && !is_integer::<[u8; 8]>() && !is_integer::<()>());
                assert_eq!((to_word(&1.5_f64), to_word(&1_i128), to_word(&Some(1_u8))), (None, None, None));
                assert_eq!((of_word::<f32>(0), of_word::<(u64,)>(0)), (None, None));
            }
        }
    };
}

integers!(
    i8 as u8,
    i16 as u16,
    i32 as u32,
    i64 as u64,
    isize as usize,
    u8 as u8,
    u16 as u16,
    u32 as u32,
    u64 as u64,
    usize as usize
);
