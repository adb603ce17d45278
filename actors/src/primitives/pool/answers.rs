//! What the foreman owes to its users: answers, in several messages if they are too large for one.

use std::collections::{HashMap, VecDeque};

use super::messages::{Answer, Outcome, Piece, Portion};
use crate::ReplyTo;
use crate::primitives::blob::Blob;

/// What a message takes beside results, in bytes: more than its fields, and what stands around each piece.
pub(super) const MARGIN_BYTES: usize = 256;

/// What a piece takes beside its results, in bytes.
const PIECE_BYTES: usize = 64;

/// A lane of a client.
pub(super) type Lane = (u64, u64);

/// The answers that are owed.
#[derive(Debug)]
pub(super) struct Answers {
    /// Who waits, first come first served.
    lanes: HashMap<Lane, VecDeque<ReplyTo<Answer>>>,
    /// What did not fit into the answers that were given: by lane, job and batch.
    rests: HashMap<(Lane, u64, u64), VecDeque<Piece>>,
    /// Largest message.
    limit_bytes: usize,
}

impl Answers {
    pub(super) fn new(limit_bytes: usize) -> Answers {
        Answers { lanes: HashMap::new(), rests: HashMap::new(), limit_bytes }
    }

    /// Somebody waits for an answer along a lane.
    pub(super) fn owe(&mut self, lane: Lane, reply: ReplyTo<Answer>) {
        self.lanes.entry(lane).or_default().push_back(reply);
    }

    /// Gives an answer to who has waited longest along the lane.
    pub(super) fn give(&mut self, lane: Lane, job: u64, index: u64, outcome: Outcome) {
        let Some(waiting) = self.lanes.get_mut(&lane) else { return };
        if let Some(reply) = waiting.pop_front() {
            send(reply, Answer { job, index, outcome });
        }
        if waiting.is_empty() {
            self.lanes.remove(&lane);
        }
    }

    /// Gives what has become of a batch. If nobody wants it any more, nothing is kept.
    pub(super) fn give_pieces(&mut self, lane: Lane, job: u64, index: u64, pieces: Vec<Piece>, is_wanted: bool) {
        let mut rest = VecDeque::from(pieces);
        let portion = self.portion(&mut rest);
        if portion.has_more && is_wanted {
            self.rests.insert((lane, job, index), rest);
        }
        self.give(lane, job, index, Outcome::Pieces(portion));
    }

    /// Gives more of an answer.
    pub(super) fn more(&mut self, lane: Lane, job: u64, index: u64) -> Portion {
        let mut rest = self.rests.remove(&(lane, job, index)).unwrap_or_default();
        let portion = self.portion(&mut rest);
        if portion.has_more {
            self.rests.insert((lane, job, index), rest);
        }
        portion
    }

    /// A job is of no interest any more.
    pub(super) fn forget_job(&mut self, lane: Lane, job: u64) {
        self.rests.retain(|(other, number, _), _| (*other, *number) != (lane, job));
    }

    /// A client has ended.
    pub(super) fn forget_client(&mut self, client: u64) {
        self.lanes.retain(|(other, _), _| *other != client);
        self.rests.retain(|((other, _), ..), _| *other != client);
    }

    /// Takes as many pieces as fit into one message, at least one.
    fn portion(&self, rest: &mut VecDeque<Piece>) -> Portion {
        let mut left_bytes = self.limit_bytes.saturating_sub(MARGIN_BYTES);
        let mut fits = |piece: &Piece| match left_bytes.checked_sub(length(piece)) {
            Some(left) => {
                left_bytes = left;
                true
            }
            None => false,
        };
        let count = rest.iter().map_while(|piece| Some(piece).filter(|piece| fits(piece))).count();
        let pieces = rest.drain(..count.max(1).min(rest.len())).collect();
        Portion { pieces, has_more: !rest.is_empty() }
    }
}

/// About what a piece takes in a message.
fn length(piece: &Piece) -> usize {
    PIECE_BYTES
        + match piece {
            Piece::Results { results, .. } => results.len(),
            // Its text may be long.
            Piece::Died(exit) => Blob::pack(exit).map_or(0, |packed| packed.len()),
            Piece::TimedOut | Piece::Cancelled { .. } => 0,
        }
}

pub(super) fn send<R: crate::Data>(reply: ReplyTo<R>, answer: R) {
    if let Err(error) = reply.send(answer) {
        tracing::error!(%error, "an answer of a pool cannot be sent");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn results(bytes: usize) -> Piece {
        Piece::Results { count: 1, results: Blob::of_bytes(vec![0; bytes]) }
    }

    #[test]
    fn what_does_not_fit_is_given_on_demand() {
        let mut answers = Answers::new(4096);
        let pieces = [1000, 1000, 2000, 5000, 10].map(results).into_iter().collect();
        answers.give_pieces((1, 2), 3, 4, pieces, true);
        assert_eq!(answers.more((1, 2), 3, 5).pieces.len(), 0);
        // The first has been given, with the second.
        let counts = [(); 4].map(|()| {
            let portion = answers.more((1, 2), 3, 4);
            (portion.pieces.len(), portion.has_more)
        });
        assert_eq!(counts, [(1, true), (1, true), (1, false), (0, false)]);
        assert!(answers.rests.is_empty());
    }

    #[test]
    fn nothing_is_kept_for_nobody() {
        let mut answers = Answers::new(1000);
        let pieces = || [900, 900].map(results).into_iter().collect();
        answers.give_pieces((1, 1), 1, 1, pieces(), false);
        assert!(answers.rests.is_empty());
        answers.give_pieces((1, 1), 1, 1, pieces(), true);
        answers.give_pieces((1, 1), 2, 1, pieces(), true);
        answers.forget_job((1, 1), 1);
        assert_eq!(answers.rests.len(), 1);
        answers.forget_client(1);
        assert!(answers.rests.is_empty());
    }
}
