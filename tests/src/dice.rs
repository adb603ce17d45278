//! Seeded randomness.

use std::hash::{BuildHasher, RandomState};

/// The variable that sets the seed of every [`Dice`], to see a failure again.
pub const SEED_VARIABLE: &str = "PROCESSION_TEST_SEED";

/// A small random generator (SplitMix64). A failed round names its seed.
#[derive(Debug, Clone)]
pub struct Dice {
    state: u64,
}

impl Dice {
    /// Makes the dice of one seed.
    pub fn new(seed: u64) -> Dice {
        Dice { state: seed }
    }

    /// Gives a number below `limit`, which is at least 1.
    pub fn roll(&mut self, limit: u64) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.state;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// Picks one of several.
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.roll(from.len() as u64) as usize]
    }

    /// Lets a short random time pass, from nothing to about a millisecond, without sleeping.
    pub fn spin(&mut self) {
        let most = 1 << self.roll(15);
        for _ in 0..self.roll(most) {
            std::hint::spin_loop();
        }
    }
}

/// Gives the seed that was asked for, or another one each time.
pub fn seed() -> u64 {
    let asked = std::env::var(SEED_VARIABLE).ok().and_then(|text| text.parse().ok());
    asked.unwrap_or_else(|| RandomState::new().hash_one(0))
}
