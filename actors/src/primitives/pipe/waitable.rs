//! Waiting for several things at a time.

use std::cell::RefMut;
use std::time::{Duration, Instant};

use procession_runtime::{self as runtime, Channel, Endpoint, ProcessId, Source, Ticket};

use super::{Connection, PipeError, Receiver};
use crate::{ActorRef, Child, Message, Pending, TryChild};

/// What [`wait_any`] can wait for: a [`Connection`] or [`Receiver`] that has a message or is closed, a [`Child`], [`TryChild`]
/// or [`ActorRef`] whose process has ended, a [`Pending`] whose answer is there.
pub trait Waitable: sealed::Sealed {}

pub(super) mod sealed {
    /// How it is waited for.
    pub trait Sealed {
        #[doc(hidden)]
        fn hold(&self) -> Result<super::Held<'_>, super::PipeError>;
    }
}

use sealed::Sealed;

/// Something that is waited for.
#[doc(hidden)]
#[derive(Debug)]
pub enum Held<'a> {
    Channel(RefMut<'a, Channel>),
    Process(ProcessId),
    Answer(&'a Endpoint, &'a Ticket),
    /// It was ready before.
    Ready,
}

/// Waits until at least one of these is ready, or `timeout` has passed; none waits as long as it takes. Gives the places of
/// all that are ready, in order; none if the time has passed.
///
/// Whatever else arrives at this thread is seen to meanwhile.
///
/// # Errors
/// [`PipeError::Departed`] if an end among them has been sent away; [`PipeError::Runtime`], also if one is there twice.
pub fn wait_any(things: &[&dyn Waitable], timeout: Option<Duration>) -> Result<Vec<usize>, PipeError> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    let mut held = things.iter().map(|thing| thing.hold()).collect::<Result<Vec<_>, _>>()?;
    let (mut sources, mut places, mut ready) = (Vec::new(), Vec::new(), Vec::new());
    for (place, held) in held.iter_mut().enumerate() {
        sources.push(match held {
            Held::Channel(channel) => Source::Channel(channel),
            Held::Process(process) => Source::Process(*process),
            Held::Answer(endpoint, ticket) => Source::Answer(endpoint, ticket),
            Held::Ready => {
                ready.push(place);
                continue;
            }
        });
        places.push(place);
    }
    let deadline = if ready.is_empty() { deadline } else { Some(Instant::now()) };
    let found = runtime::wait_any(&mut sources, deadline).map_err(|error| PipeError::new(error, PipeError::Empty))?;
    ready.extend(found.into_iter().filter_map(|index| places.get(index)));
    ready.sort_unstable();
    Ok(ready)
}

macro_rules! waits_for_channel {
    ($end:ident) => {
        impl<T> Sealed for $end<T> {
            fn hold(&self) -> Result<Held<'_>, PipeError> {
                self.0.channel().map(Held::Channel)
            }
        }

        impl<T> Waitable for $end<T> {}
    };
}

waits_for_channel!(Connection);
waits_for_channel!(Receiver);

impl<T> Sealed for Child<T> {
    fn hold(&self) -> Result<Held<'_>, PipeError> {
        Ok(Held::Process(self.into()))
    }
}

impl<T> Waitable for Child<T> {}

impl<T, E> Sealed for TryChild<T, E> {
    fn hold(&self) -> Result<Held<'_>, PipeError> {
        Ok(Held::Process(self.into()))
    }
}

impl<T, E> Waitable for TryChild<T, E> {}

impl<A> Sealed for ActorRef<A> {
    fn hold(&self) -> Result<Held<'_>, PipeError> {
        Ok(Held::Process(self.id()))
    }
}

impl<A> Waitable for ActorRef<A> {}

impl<M: Message> Sealed for Pending<M> {
    fn hold(&self) -> Result<Held<'_>, PipeError> {
        Ok(self.awaited().map_or(Held::Ready, |(endpoint, ticket)| Held::Answer(endpoint, ticket)))
    }
}

impl<M: Message> Waitable for Pending<M> {}
