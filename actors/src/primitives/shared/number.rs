//! Numbers that can be added to at a host.

use crate::Data;

/// A number whose sums and differences are checked: all integers, and floats.
///
/// A sum of finite floats that is not finite counts as an overflow.
pub trait Number: Data + Copy + sealed::Sealed {
    #[doc(hidden)]
    fn sum(self, other: Self) -> Option<Self>;

    #[doc(hidden)]
    fn difference(self, other: Self) -> Option<Self>;
}

mod sealed {
    /// Keeps others from implementing [`Number`](super::Number).
    pub trait Sealed {}
}

macro_rules! integers {
    ($($integer:ty),*) => {
        $(
            impl sealed::Sealed for $integer {}
            impl Number for $integer {
                fn sum(self, other: $integer) -> Option<$integer> {
                    self.checked_add(other)
                }

                fn difference(self, other: $integer) -> Option<$integer> {
                    self.checked_sub(other)
                }
            }
        )*
    };
}

integers!(i8, i16, i32, i64, i128, isize, u8, u16, u32, u64, u128, usize);

macro_rules! floats {
    ($($float:ty),*) => {
        $(
            impl sealed::Sealed for $float {}
            impl Number for $float {
                fn sum(self, other: $float) -> Option<$float> {
                    let sum = self + other;
                    (sum.is_finite() || !self.is_finite() || !other.is_finite()).then_some(sum)
                }

                fn difference(self, other: $float) -> Option<$float> {
                    self.sum(-other)
                }
            }
        )*
    };
}

floats!(f32, f64);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_kept() {
        assert_eq!(i128::MAX.sum(1), None);
        assert_eq!(i128::MIN.difference(1), None);
        assert_eq!(0_u8.difference(1), None);
        assert_eq!(254_u8.sum(1), Some(255));
        assert_eq!(f64::MAX.sum(f64::MAX), None);
        assert_eq!(f64::INFINITY.sum(1.0), Some(f64::INFINITY));
        assert_eq!(1.5_f32.difference(2.0), Some(-0.5));
    }
}
