//! Integers that fit in a word.

use std::any::Any;

macro_rules! integers {
    ($($integer:ty as $bits:ty),*) => {
        /// Gives the word that holds a value, if that is an integer of up to 64 bits: its bits, and zeros above.
        #[inline]
        pub(super) fn to_word<T: 'static>(value: &T) -> Option<u64> {
            let value: &dyn Any = value;
            $(
                if let Some(integer) = value.downcast_ref::<$integer>() {
                    return Some(*integer as $bits as u64);
                }
            )*
            None
        }

        /// Gives the value that a word holds; `None` if the word is none of this type's.
        #[inline]
        pub(super) fn of_word<T: 'static>(word: u64) -> Option<T> {
            let mut found = None::<T>;
            let place: &mut dyn Any = &mut found;
            $(
                if let Some(place) = place.downcast_mut::<Option<$integer>>() {
                    *place = <$bits>::try_from(word).ok().map(|bits| bits as $integer);
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
                        let word = to_word(&integer).expect("it is an integer");
                        assert_eq!(of_word::<$integer>(word), Some(integer));
                        // The host makes bytes of a word without knowing its type.
                        assert_eq!(word.to_le_bytes()[..size_of::<$integer>()], integer.to_le_bytes());
                    }
                    assert!(is_integer::<$integer>());
                    let is_wide = size_of::<$integer>() == size_of::<u64>();
                    assert_eq!(of_word::<$integer>(u64::MAX).is_some(), is_wide);
                )*
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
