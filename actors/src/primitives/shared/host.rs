//! The actor that hosts one shared object, and its protocol.
//!
//! | message | answer |
//! |---|---|
//! | [`Greet`] | the host's epoch, which a handle is bound to |
//! | [`Act`] | what comes of one operation, which is done whole or not at all |
//! | [`Share`] | the memory that the object is in, if others can use it there |

use std::marker::PhantomData;
use std::os::fd::OwnedFd;

use super::fault::Fault;
use crate::primitives::epoch::new_epoch;
use crate::{Actor, Context, Data, Descriptor, Failure, Handler, Incoming, actor, message};

/// Asks for the host's epoch.
#[message(reply = u64)]
pub(crate) struct Greet;

/// Asks for one operation.
#[message(reply = Result<T, Fault>)]
pub(crate) struct Act<D: Data, T: Data> {
    pub(super) epoch: u64,
    pub(super) operation: D,
    pub(super) answer: PhantomData<fn() -> T>,
}

/// Asks for the memory that the object is in.
#[message(reply = Result<Option<Descriptor>, Fault>)]
pub(crate) struct Share {
    pub(super) epoch: u64,
}

/// What a host holds: a state without I/O, clock or processes.
pub(crate) trait Object: Sized + 'static {
    /// What a new one is made of, also after a restart.
    type Initial: Data;
    /// What can be done with it.
    type Operation: Data;
    /// What comes of that.
    type Answer: Data;

    fn new(initial: Self::Initial) -> Self;

    /// Does something, whole or not at all.
    fn act(&mut self, operation: Self::Operation) -> Result<Self::Answer, Fault>;

    /// Gives the memory that it is in, if others can use it there.
    fn share(&mut self) -> Option<OwnedFd> {
        None
    }
}

/// Hosts one object.
pub(crate) struct Host<O: Object> {
    object: O,
    /// Differs from one life of the host to the next.
    epoch: u64,
}

#[actor]
impl<O: Object> Actor for Host<O> {
    type Args = O::Initial;
    type Messages = (Act<O::Operation, O::Answer>, Greet, Share);

    fn start(initial: O::Initial, context: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Host { object: O::new(initial), epoch: new_epoch(context.this().id()) })
    }
}

impl<O: Object> Handler<Greet> for Host<O> {
    fn handle(&mut self, _: Incoming<'_, Greet>, _: &mut Context<Self>) -> u64 {
        self.epoch
    }
}

impl<O: Object> Handler<Act<O::Operation, O::Answer>> for Host<O> {
    fn handle(
        &mut self,
        act: Incoming<'_, Act<O::Operation, O::Answer>>,
        _: &mut Context<Self>,
    ) -> Result<O::Answer, Fault> {
        if act.epoch.to_native() != self.epoch {
            return Err(Fault::Restarted);
        }
        self.object.act(act.open().operation)
    }
}

impl<O: Object> Handler<Share> for Host<O> {
    fn handle(&mut self, share: Incoming<'_, Share>, _: &mut Context<Self>) -> Result<Option<Descriptor>, Fault> {
        if share.epoch.to_native() != self.epoch {
            return Err(Fault::Restarted);
        }
        Ok(self.object.share().map(Descriptor::new))
    }
}
