//! An actor on a thread of its own, in a process that hosts several.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Duration;

use crate::endpoint::{Endpoint, Service};
use crate::entry::Ending;
use crate::error::RuntimeError;
use crate::exit::Exit;
use crate::id::ProcessId;
use crate::{letter, panic};

/// How long the end of a tenant waits for what it has told to leave.
const FAREWELL: Duration = Duration::from_secs(5);

/// An actor on this thread: it has an address of its own, and ends without its process.
///
/// Its address is a mailbox's: whoever watches it or talks to it is told how it ended, be it by itself, by a panic, or with
/// its process.
#[derive(Debug)]
pub struct Tenant {
    endpoint: Endpoint,
    id: ProcessId,
}

impl Tenant {
    /// Gives this thread an address.
    ///
    /// # Errors
    /// [`RuntimeError`]: there are no descriptors left, for instance.
    pub fn new(system: u64) -> Result<Tenant, RuntimeError> {
        let endpoint = Endpoint::of(system)?;
        let id = endpoint.open(true)?;
        Ok(Tenant { endpoint, id })
    }

    /// Its address.
    pub fn id(&self) -> ProcessId {
        self.id
    }

    /// Its thread's endpoint.
    pub fn endpoint(&self) -> Endpoint {
        self.endpoint.clone()
    }

    /// Serves until the service wants to end, or the actor is asked to stop.
    pub fn serve(&self, service: &mut dyn Service) -> Ending {
        let ending = self.endpoint.serve(service);
        letter::note_thread_end();
        ending
    }

    /// Runs a life to its end, which may be a panic, and tells everybody of it.
    pub fn live(self, name: &str, life: impl FnOnce(&Tenant) -> Ending) -> Exit {
        letter::note_serving();
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            let _span = tracing::info_span!("actor", name, id = %self.id).entered();
            tracing::debug!("starting");
            let ending = life(&self);
            tracing::debug!(exit = %ending.exit(), "ending");
            ending
        }));
        let exit = match outcome {
            Ok(ending) => ending.exit(),
            Err(_) => {
                let panic = panic::last_panic();
                tracing::error!(name, id = %self.id, place = panic.location, "{}", panic.message);
                Exit::Panicked(panic)
            }
        };
        self.endpoint.flush_until_gone(FAREWELL);
        self.endpoint.close(exit.clone());
        exit
    }
}
