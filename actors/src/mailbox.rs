//! A place for messages outside any actor.

use std::any::type_name;
use std::cell::RefCell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use procession_runtime::{Endpoint, Letter, ProcessId, WireError};

use crate::{Kept, Message, ReceiveError, Recipient, Reply, ReplyTo, RuntimeError};

/// Each mailbox of this process takes only its own tag, so that what was sent to an earlier one is not taken for the
/// messages of a later one.
static LAST_TAG: AtomicU32 = AtomicU32::new(0);

thread_local! {
    /// The systems whose messages to this thread somebody receives already.
    static CLAIMED: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

/// Makes this thread's list of claims.
pub(crate) fn prepare_thread() {
    let _ = CLAIMED.try_with(|_| ());
}

/// A mailbox for messages of one type, for a thread that is no actor, such as root's `main`.
///
/// [`System::mailbox`](crate::System::mailbox) makes it. It belongs to the thread that made it, which can have one at a
/// time; the main thread of an actor has the actor's. Messages are queued up to the mailbox limit while nobody receives.
///
/// # Example
/// ```no_run
/// use procession::prelude::*;
///
/// #[message]
/// struct Progress { percent: u8 }
///
/// # fn main() -> procession::Result<()> {
/// # let system = System::start()?;
/// let mailbox = system.mailbox::<Progress>()?;
/// let work = system.process(
///     |tell: Recipient<Progress>| tell.tell(&Progress { percent: 100 }).is_ok(),
///     mailbox.recipient(),
/// );
/// let child = work.start()?;
/// while mailbox.recv()?.percent < 100 {}
/// assert!(child.join()?);
/// # Ok(()) }
/// ```
pub struct Mailbox<M> {
    endpoint: Endpoint,
    id: ProcessId,
    tag: u32,
    _claim: Claim,
    message: PhantomData<fn() -> M>,
}

impl<M: Message> Mailbox<M> {
    pub(crate) fn open(endpoint: Endpoint) -> Result<Mailbox<M>, RuntimeError> {
        let claim = Claim::new(endpoint.process().system)?;
        let id = endpoint.open_mailbox()?;
        let tag = LAST_TAG.fetch_add(1, Ordering::Relaxed);
        Ok(Mailbox { endpoint, id, tag, _claim: claim, message: PhantomData })
    }

    /// Gives the mailbox's address, for others to send to.
    pub fn recipient(&self) -> Recipient<M> {
        Recipient::new(self.id, self.tag)
    }

    /// Waits for a message that is to be answered, until `deadline`.
    fn next(&self, deadline: Option<Instant>) -> Result<Received<M>, ReceiveError> {
        loop {
            if let Some(received) = accept::<M>(self.endpoint.receive(deadline)?, self.tag) {
                return Ok(received);
            }
        }
    }

    /// Waits for a message and gives it with the way back to its asker, however long that takes.
    ///
    /// # Errors
    /// [`ReceiveError::Runtime`].
    pub fn receive_request(&self) -> Result<Received<M>, ReceiveError> {
        self.next(None)
    }

    /// Waits for a message and gives it with the way back to its asker, for up to `timeout`.
    ///
    /// # Errors
    /// [`ReceiveError::Timeout`] if none came.
    pub fn receive_request_within(&self, timeout: Duration) -> Result<Received<M>, ReceiveError> {
        self.next(Instant::now().checked_add(timeout))
    }
}

/// A message from a [`Mailbox`], and the way back to its asker.
pub type Received<M> = (Kept<M>, ReplyTo<<<M as Message>::Reply as Reply>::Data>);

impl<M: Message<Reply = ()>> Mailbox<M> {
    /// Waits for a message, however long that takes. Whoever asked, rather than told, is answered now.
    ///
    /// # Errors
    /// [`ReceiveError::Runtime`].
    pub fn recv(&self) -> Result<Kept<M>, ReceiveError> {
        self.next(None).map(acknowledge)
    }

    /// Waits for a message, for up to `timeout`.
    ///
    /// # Errors
    /// [`ReceiveError::Timeout`] if none came.
    pub fn recv_within(&self, timeout: Duration) -> Result<Kept<M>, ReceiveError> {
        self.next(Instant::now().checked_add(timeout)).map(acknowledge)
    }
}

fn acknowledge<M: Message<Reply = ()>>((message, reply): Received<M>) -> Kept<M> {
    if let Err(error) = reply.send(()) {
        tracing::error!(message = type_name::<M>(), %error, "a reply cannot be sent");
    }
    message
}

/// Takes in a letter; `None` if it is no message for this mailbox, which its sender is told.
fn accept<M: Message>(mut letter: Letter, tag: u32) -> Option<Received<M>> {
    let path = letter.take_reply();
    if letter.tag != tag {
        tracing::warn!(tag = letter.tag, sender = %letter.sender, "a message is not accepted");
        path.into_iter().for_each(|path| path.not_accepted());
        return None;
    }
    let sender = letter.sender;
    let outcome = if letter.arrived.are_lost() {
        Err(WireError::DescriptorsLost.to_string())
    } else {
        Kept::new(letter).map_err(|error| error.to_string())
    };
    match outcome {
        Ok(message) => Some((message, ReplyTo::new(path))),
        Err(why) => {
            tracing::warn!(message = type_name::<M>(), %sender, %why, "a message cannot be read");
            path.into_iter().for_each(|path| path.invalid(&why));
            None
        }
    }
}

impl<M> Drop for Mailbox<M> {
    fn drop(&mut self) {
        self.endpoint.close_mailbox();
    }
}

impl<M> fmt::Debug for Mailbox<M> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Mailbox").field("id", &self.id).finish_non_exhaustive()
    }
}

/// The right to receive a system's messages to this thread.
#[derive(Debug)]
pub(crate) struct Claim {
    system: u64,
    /// It belongs to the thread.
    thread: PhantomData<*const ()>,
}

impl Claim {
    pub(crate) fn new(system: u64) -> Result<Claim, RuntimeError> {
        CLAIMED.with_borrow_mut(|claimed| {
            if claimed.contains(&system) {
                let text = "this thread has a mailbox already; open this one in another thread";
                return Err(RuntimeError::WrongKind(text.into()));
            }
            claimed.push(system);
            Ok(Claim { system, thread: PhantomData })
        })
    }
}

impl Drop for Claim {
    fn drop(&mut self) {
        // In a thread that is ending there is nothing to give back to.
        let _ = CLAIMED.try_with(|claimed| claimed.borrow_mut().retain(|system| *system != self.system));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thread_has_one_mailbox_of_a_system_at_a_time() {
        let first = Claim::new(1).expect("it is free");
        assert!(Claim::new(1).is_err());
        assert!(Claim::new(2).is_ok());
        drop(first);
        assert!(Claim::new(1).is_ok());
    }
}
