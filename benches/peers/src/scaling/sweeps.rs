//! The sweeps and their points.

use super::{copies, work};
use crate::line::Line;
use crate::side::Side;
use procession_benches::Burst;
use procession_benches::comparison::Part;
use procession_benches::ours::fan_in;
use procession_benches::pinning::Placement::{self, Free, Split};
use procession_benches::{Failure, Pinning};
use std::iter;

/// How far the sweeps go.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reach {
    /// All points.
    Whole,
    /// Only small ones, to see that everything runs.
    Small,
}

impl Reach {
    fn up_to(self, whole: usize, small: usize) -> usize {
        match self {
            Reach::Whole => whole,
            Reach::Small => small,
        }
    }
}

const MIB: usize = 1 << 20;

/// Returns all sweeps.
pub fn all(reach: Reach) -> Vec<Line> {
    let sizes = || doubling(64, reach.up_to(16 * MIB, 64 << 10));
    vec![
        // First, since others are held against it.
        sweep("copies alone, by size in bytes", Split, sizes(), |size| {
            Side::burst(Part::Floor, size.to_string(), move |_| Ok(copies::of_size(size)))
        }),
        sweep("ask, by size in bytes", Split, sizes(), |size| {
            point(size, move |pinning| work::ask_of_size(size, pinning))
        }),
        sweep("tell, by size in bytes", Split, sizes(), |size| {
            point(size, move |pinning| work::tell_of_size(size, pinning))
        }),
        sweep("tell, by number of senders", Split, doubling(1, reach.up_to(64, 4)), |senders| {
            point(senders, move |pinning| fan_in::from_handlers_of(senders, pinning)).in_steps_of(senders as u64)
        }),
        sweep("ask, by number of actors", Split, doubling(2, reach.up_to(1_000, 16)), |actors| {
            point(actors, move |pinning| work::ask_of_many(actors, pinning))
        }),
        // As much goes over each link in a burst wherever on the sweep, so that its messages share system calls alike.
        sweep("tell among 64 actors, by links of each", Free, doubling(1, reach.up_to(63, 4)), |links| {
            let burst = work::messages_over(links);
            point(links, move |pinning| work::tell_neighbours(links, pinning)).in_steps_of(burst).at_most(burst)
        }),
    ]
}

/// Powers of two times the first, and the last.
fn doubling(first: usize, last: usize) -> Vec<usize> {
    let powers = iter::successors(Some(first), |point| Some(point * 2));
    powers.take_while(|&point| point < last).chain([last]).collect()
}

fn sweep(name: &'static str, placement: Placement, points: Vec<usize>, side: impl Fn(usize) -> Side) -> Line {
    Line::times(name, placement, points.into_iter().map(side).collect())
}

fn point(at: usize, make: impl Fn(&Pinning) -> Result<Box<dyn Burst>, Failure> + 'static) -> Side {
    Side::burst(Part::Ours, at.to_string(), make)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sweeps_go_as_far_as_they_are_to() {
        let ends = |line: &Line| Some((line.sides.first()?.name.clone(), line.sides.last()?.name.clone()));
        let ends: Vec<_> = all(Reach::Whole).iter().filter_map(ends).collect();
        let sizes = ("64", "16777216");
        let expected = [sizes, sizes, sizes, ("1", "64"), ("2", "1000"), ("1", "63")];
        assert_eq!(ends, expected.map(|(first, last)| (first.to_string(), last.to_string())));
    }

    #[test]
    fn points_double_and_end_with_the_last() {
        assert_eq!(doubling(2, 1_000), [2, 4, 8, 16, 32, 64, 128, 256, 512, 1_000]);
        assert_eq!(doubling(1, 64), [1, 2, 4, 8, 16, 32, 64]);
        assert_eq!(doubling(1, 1), [1]);
    }
}
