//! Who has the other end.

use serde::{Deserialize, Serialize};

use crate::fate::Life;

/// Who has the other end, as far as this end knows. Pure.
///
/// An end is *held* by a process, or *on its way* in a message, or *gone*. Each move has a serial number, so that of two
/// processes which both say that they took the end (one that was restarted with the arguments of the first) only one is
/// believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Peer {
    /// After so many moves, this process has it; none where nobody needs to follow its fate.
    Held { serial: u32, by: Option<Life> },
    /// It is in a message, on this move.
    OnItsWay { serial: u32 },
    /// Nobody has it, nor ever will.
    Gone,
}

/// What one end says of itself to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Word {
    /// It is about to go, on this move. A token comes along, whose end says that the end was lost on its way.
    Leaving { serial: u32 },
    /// This process has taken it, after this move.
    Taken { serial: u32, by: Option<Life> },
}

impl Peer {
    /// Takes the other end's word. Gives whether it is believed.
    pub(crate) fn hear(&mut self, word: Word) -> bool {
        let next = match (*self, word) {
            (Peer::Held { serial: held, .. }, Word::Leaving { serial }) if serial == held.wrapping_add(1) => {
                Peer::OnItsWay { serial }
            }
            (Peer::OnItsWay { serial: awaited }, Word::Taken { serial, by }) if serial == awaited => {
                Peer::Held { serial, by }
            }
            _ => return false,
        };
        *self = next;
        true
    }

    /// A process has ended. All that it had said has been heard before.
    pub(crate) fn end(&mut self, life: Life) {
        if self.holder() == Some(life) {
            *self = Peer::Gone;
        }
    }

    /// The token of this move has come to its end. All that the other end had said before that has been heard.
    pub(crate) fn lose(&mut self, lost: u32) {
        if self.awaited() == Some(lost) {
            *self = Peer::Gone;
        }
    }

    /// The other end has hung up.
    pub(crate) fn hang_up(&mut self) {
        *self = Peer::Gone;
    }

    pub(crate) fn holder(&self) -> Option<Life> {
        if let Peer::Held { by, .. } = self { *by } else { None }
    }

    /// The move that it is on.
    pub(crate) fn awaited(&self) -> Option<u32> {
        if let Peer::OnItsWay { serial } = self { Some(*serial) } else { None }
    }

    pub(crate) fn is_gone(&self) -> bool {
        *self == Peer::Gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::ProcessId;
    use proptest::prelude::*;

    fn life(number: u8) -> Life {
        let process = ProcessId { slot: u32::from(number), ..ProcessId::root(1) };
        Life { process, incarnation: Some(0) }
    }

    /// The truth of one end: who has it, and what it has said that was not heard yet.
    #[derive(Debug)]
    struct Truth {
        holder: Option<u8>,
        is_lost: bool,
        serial: u32,
        unheard: Vec<Word>,
        ended: Vec<u8>,
    }

    #[derive(Debug, Clone)]
    enum Step {
        Leave,
        Arrive(u8),
        /// A restarted process takes the end of the last arguments once more.
        ArriveAgain(u8),
        LoseOnItsWay,
        EndHolder,
        EndOther(u8),
        Look,
    }

    fn steps() -> impl Strategy<Value = Vec<Step>> {
        let step = prop_oneof![
            4 => Just(Step::Leave),
            4 => (1..5u8).prop_map(Step::Arrive),
            1 => (5..9u8).prop_map(Step::ArriveAgain),
            1 => Just(Step::LoseOnItsWay),
            1 => Just(Step::EndHolder),
            2 => (1..9u8).prop_map(Step::EndOther),
            4 => Just(Step::Look),
        ];
        prop::collection::vec(step, 0..40)
    }

    impl Truth {
        fn step(&mut self, step: &Step) {
            let is_alive = |number: u8, ended: &[u8]| !ended.contains(&number);
            match *step {
                Step::Leave if self.holder.is_some_and(|holder| is_alive(holder, &self.ended)) => {
                    (self.holder, self.serial) = (None, self.serial + 1);
                    self.unheard.push(Word::Leaving { serial: self.serial });
                }
                Step::Arrive(number) if self.holder.is_none() && !self.is_lost && is_alive(number, &self.ended) => {
                    self.holder = Some(number);
                    self.unheard.push(Word::Taken { serial: self.serial, by: Some(life(number)) });
                }
                Step::ArriveAgain(number) if self.holder.is_some() && self.serial > 0 => {
                    self.unheard.push(Word::Taken { serial: self.serial, by: Some(life(number)) });
                }
                Step::LoseOnItsWay if self.holder.is_none() => self.is_lost = true,
                Step::EndHolder => self.ended.extend(self.holder),
                Step::EndOther(number) if self.holder != Some(number) => self.ended.push(number),
                _ => {}
            }
        }

        fn is_gone(&self) -> bool {
            self.is_lost || self.holder.is_some_and(|holder| self.ended.contains(&holder))
        }
    }

    proptest! {
        #[test]
        fn it_is_gone_exactly_when_nobody_has_it(steps in steps()) {
            let mut truth = Truth { holder: Some(1), is_lost: false, serial: 0, unheard: Vec::new(), ended: Vec::new() };
            let mut peer = Peer::Held { serial: 0, by: Some(life(1)) };
            for step in &steps {
                truth.step(step);
                if !matches!(step, Step::Look) {
                    continue;
                }
                truth.unheard.drain(..).for_each(|word| {
                    peer.hear(word);
                });
                truth.ended.iter().for_each(|number| peer.end(life(*number)));
                // Tokens of moves that are over have come to their ends, too.
                (0..truth.serial).for_each(|over| peer.lose(over));
                if truth.is_lost {
                    peer.lose(truth.serial);
                }
                prop_assert_eq!(peer.is_gone(), truth.is_gone());
                if !peer.is_gone() {
                    prop_assert_eq!(peer.holder(), truth.holder.map(life));
                    prop_assert_eq!(peer.awaited().is_some(), truth.holder.is_none());
                }
            }
        }
    }

    #[test]
    fn who_has_hung_up_is_gone_for_good() {
        let mut peer = Peer::Held { serial: 0, by: None };
        peer.hang_up();
        assert!(!peer.hear(Word::Leaving { serial: 1 }) && peer.is_gone());
    }
}
