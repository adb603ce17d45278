//! A value at its host: bytes, and a word that others change in place while it is lent.

use std::os::fd::OwnedFd;

use super::edit::Edit;
use super::fault::Fault;
use super::host::Object;
use super::loan::Loan;
use crate::data;
use crate::primitives::blob::Blob;

/// What can be done with a value.
#[data]
#[derive(Debug, Clone)]
pub(crate) enum HeldOperation {
    Get,
    Set(Blob),
    Replace(Blob),
    Edit(Edit),
}

/// A value at its host.
pub(crate) struct Held {
    value: Blob,
    /// Since somebody wanted to use it where it is.
    loan: Option<Loan>,
}

impl Object for Held {
    type Initial = Blob;
    type Operation = HeldOperation;
    type Answer = Option<Blob>;

    fn new(value: Blob) -> Held {
        Held { value, loan: None }
    }

    fn act(&mut self, operation: HeldOperation) -> Result<Option<Blob>, Fault> {
        if let Some(now) = self.loan.as_mut().and_then(|loan| loan.keep(0, &self.value)) {
            self.value = now;
        }
        let answer = match operation {
            HeldOperation::Get => Ok(Some(self.value.clone())),
            HeldOperation::Set(new) => {
                self.value = new;
                Ok(None)
            }
            HeldOperation::Replace(new) => Ok(Some(std::mem::replace(&mut self.value, new))),
            HeldOperation::Edit(edit) => edit.apply(&mut self.value).map(Some),
        };
        if let Some(loan) = &mut self.loan {
            loan.lend(0, &self.value);
        }
        answer
    }

    fn share(&mut self) -> Option<OwnedFd> {
        Loan::share(&mut self.loan, std::slice::from_ref(&self.value))
    }
}

#[cfg(test)]
mod tests {
    use procession_runtime::{WordClosed, WordShare};

    use super::super::integer;
    use super::*;
    use crate::Data;

    fn held<T: Data>(value: T) -> Held {
        Held::new(Blob::pack(&value).expect("it is small"))
    }

    fn get<T: Data>(held: &mut Held) -> Option<T> {
        let blob = held.act(HeldOperation::Get).expect("it is there").expect("a value");
        blob.open().ok()
    }

    fn load<T: Data>(share: &WordShare) -> Option<T> {
        integer::of_word(share.load(0).expect("it is lent"))
    }

    #[test]
    fn a_lent_value_is_the_one_from_before() {
        let mut held = held(-5_i16);
        let share = WordShare::open(held.share().expect("it can be lent")).expect("it is such memory");
        assert_eq!((load(&share), get(&mut held)), (Some(-5_i16), Some(-5_i16)));
        let value = |number: i16| Blob::pack(&number).expect("it is small");
        held.act(HeldOperation::Set(value(7))).expect("it can be set");
        assert_eq!(share.exchange(0, 7, 8), Ok(true));
        let before = held.act(HeldOperation::Replace(value(9))).expect("it can be set").expect("a value");
        assert_eq!((before.open::<i16>().expect("a number"), share.load(0)), (8, Ok(9)));
        held.act(HeldOperation::Edit(Edit::add(1_i16).expect("it is small"))).expect("there is room");
        assert_eq!(share.load(0), Ok(10));
        // What others write is not believed.
        assert_eq!(share.exchange(0, 10, 1 << 16), Ok(true));
        assert_eq!(get::<i16>(&mut held), None);
        let edit = HeldOperation::Edit(Edit::add(1_i16).expect("it is small"));
        assert!(matches!(held.act(edit), Err(Fault::Unreadable(_))));
        held.act(HeldOperation::Set(value(3))).expect("it can be set");
        assert_eq!((get(&mut held), share.load(0)), (Some(3_i16), Ok(3)));
    }

    #[test]
    fn what_does_not_fit_in_a_word_is_kept_until_it_does() {
        let mut held = held(u64::MAX / 2);
        let share = WordShare::open(held.share().expect("it can be lent")).expect("it is such memory");
        assert_eq!((share.load(0), get(&mut held)), (Err(WordClosed::Kept), Some(u64::MAX / 2)));
        held.act(HeldOperation::Set(Blob::pack(&5_u64).expect("it is small"))).expect("it can be set");
        assert_eq!((load(&share), share.exchange(0, 5, 6)), (Some(5_u64), Ok(true)));
        held.act(HeldOperation::Edit(Edit::add(1_u64 << 62).expect("it is small"))).expect("there is room");
        assert_eq!((share.load(0), get(&mut held)), (Err(WordClosed::Kept), Some((1_u64 << 62) + 6)));
    }

    #[test]
    fn what_is_wider_than_a_word_is_not_lent() {
        assert!(held([1_u8; 9]).share().is_none() && held(1_u128).share().is_none() && held(()).share().is_none());
    }
}
