//! Waiting for several things at a time.

use std::sync::Arc;
use std::time::Instant;

use procession_transport::Interest;

use super::wait::{List, Places};
use super::{Channel, ChannelError};
use crate::endpoint::{Endpoint, Ticket};
use crate::error::RuntimeError;
use crate::fate::{Fate, Life};
use crate::id::ProcessId;

/// Something to wait for.
#[derive(Debug)]
pub enum Source<'a> {
    /// A message, or that nothing more comes.
    Channel(&'a mut Channel),
    /// The end of a process.
    Process(ProcessId),
    /// An answer, or the word that there is none.
    Answer(&'a Endpoint, &'a Ticket),
}

/// Waits until at least one of these is ready, or `deadline` has passed; gives the places of all that are.
///
/// # Errors
/// [`ChannelError::Runtime`].
pub fn wait_any(sources: &mut [Source<'_>], deadline: Option<Instant>) -> Result<Vec<usize>, ChannelError> {
    let mut endpoint = None;
    let mut fates = Vec::new();
    for source in sources.iter() {
        let fate = match source {
            Source::Process(process) => {
                let own = Endpoint::of(process.system)?;
                let fate = own.learn(Life { process: *process, incarnation: None })?;
                endpoint = Some(own);
                Some(fate)
            }
            Source::Answer(own, _) => {
                endpoint = Some((*own).clone());
                None
            }
            Source::Channel(_) => None,
        };
        fates.push(fate);
    }
    loop {
        let is_last = deadline.is_some_and(|deadline| Instant::now() >= deadline);
        wait_once(sources, endpoint.as_ref(), if is_last { Some(Instant::now()) } else { deadline }, &fates)?;
        let ready = ready(sources, &fates)?;
        if !ready.is_empty() || is_last {
            return Ok(ready);
        }
    }
}

type Fates = [Option<Arc<Fate>>];

fn ready(sources: &mut [Source<'_>], fates: &Fates) -> Result<Vec<usize>, ChannelError> {
    let mut ready = Vec::new();
    for (place, (source, fate)) in sources.iter_mut().zip(fates).enumerate() {
        let is_ready = match source {
            Source::Channel(channel) => channel.is_ready()?,
            Source::Process(_) => fate.as_ref().is_some_and(|fate| fate.has_ended()),
            Source::Answer(endpoint, ticket) => endpoint.has_answer(ticket)?,
        };
        if is_ready {
            ready.push(place);
        }
    }
    Ok(ready)
}

fn wait_once(
    sources: &mut [Source<'_>],
    endpoint: Option<&Endpoint>,
    deadline: Option<Instant>,
    fates: &Fates,
) -> Result<(), ChannelError> {
    let mut own = None;
    for source in sources.iter_mut() {
        if let Source::Channel(channel) = source {
            own = channel.endpoint()?.or(own);
        }
    }
    // What is ready already needs no wait, but is looked at all the same: others may be ready, too.
    let is_ready = !ready(sources, fates)?.is_empty();
    let now = Instant::now();
    let deadline = if is_ready { Some(now) } else { deadline };
    let timeout = deadline.map(|deadline| deadline.saturating_duration_since(now));
    let (mut list, mut places) = (List::default(), Vec::new());
    for source in sources.iter() {
        places.push(match source {
            Source::Channel(channel) => channel.enlist(Interest { read: true, write: false }, &mut list),
            _ => Places::default(),
        });
    }
    match endpoint.or(own.as_ref()) {
        Some(endpoint) => match endpoint.turn_beside(&mut list.beside, timeout) {
            Ok(()) | Err(RuntimeError::SupervisorLost) => {}
            Err(error) => return Err(error.into()),
        },
        None => drop(list.beside.wait(None, timeout)?),
    }
    let found = list.beside.into_found();
    for (source, places) in sources.iter_mut().zip(places) {
        if let Source::Channel(channel) = source {
            channel.digest(places, &found)?;
        }
    }
    Ok(())
}
