//! What a side is to a comparison.

/// What a side is to a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Part {
    /// The same work by hand, with bare system calls or in shared memory: nothing with as much to promise is faster.
    Floor,
    /// procession; in tables, figures are held against those of the first of these.
    Ours,
    /// Somebody else's library or language.
    Peer,
}

impl Part {
    /// Returns the word for it in tables.
    pub fn word(self) -> &'static str {
        match self {
            Part::Floor => "floor",
            Part::Ours => "ours",
            Part::Peer => "peer",
        }
    }
}
