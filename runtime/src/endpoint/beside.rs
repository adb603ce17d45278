//! Waiting for what is beside the endpoint: the endpoint goes on being served meanwhile.

use std::sync::Arc;
use std::time::Duration;

use procession_transport::Beside;

use super::{ENDPOINTS, Endpoint, Ticket};
use crate::control::{Question, Request};
use crate::error::RuntimeError;
use crate::fate::{Fate, Life};
use crate::id::EndpointId;
use crate::membership::Membership;

impl Endpoint {
    /// Gives an endpoint of this thread, whichever system it is of; none in a process without a system.
    pub(crate) fn of_any() -> Option<Endpoint> {
        let is_sound = |other: &&Endpoint| other.check().is_ok() && !other.is_cut_off();
        let known = ENDPOINTS.try_with(|endpoints| endpoints.borrow().iter().find(is_sound).cloned());
        known.ok().flatten().or_else(|| Endpoint::of(Membership::first()?.process.system).ok())
    }

    /// Waits until something beside the endpoint is ready, or something has been seen to at it, or the time has passed.
    pub(crate) fn turn_beside(&self, beside: &mut Beside<'_>, timeout: Option<Duration>) -> Result<(), RuntimeError> {
        self.check_may_wait()?;
        let mut core = self.core()?;
        core.is_blocked = true;
        core.settle_backlog();
        let outcome = core.turn_beside(beside, timeout);
        core.is_blocked = false;
        drop(core);
        self.0.departures.leave_to_flusher();
        match outcome {
            Err(RuntimeError::SupervisorLost) => Err(self.0.member.judge_end()),
            outcome => outcome,
        }
    }

    /// Which endpoint it is.
    pub(crate) fn id(&self) -> EndpointId {
        self.0.id
    }

    /// Whether an answer, or the word that there is none, has come.
    pub(crate) fn has_answer(&self, ticket: &Ticket) -> Result<bool, RuntimeError> {
        Ok(self.core()?.inbox.waits.get(&ticket.correlation).is_none_or(|wait| wait.outcome.is_some()))
    }

    /// Follows the fate of a process: does not wait for the supervisor's word on whether there is one.
    pub(crate) fn follow(&self, life: Life) -> Result<Arc<Fate>, RuntimeError> {
        let mut core = self.core()?;
        if let Some(fate) = core.fates.find(life) {
            return Ok(fate);
        }
        let fate = core.fates.add(life, &self.0.member, &self.0.control);
        let call = core.number_call();
        drop(core);
        let question = follow(&fate, life);
        self.request(&Request::Ask { call, question }, Vec::new())?;
        Ok(fate)
    }

    /// Follows the fate of a process, and knows from now on if it has ended.
    pub(crate) fn learn(&self, life: Life) -> Result<Arc<Fate>, RuntimeError> {
        let mut core = self.core()?;
        let fate = core.fates.find(life).unwrap_or_else(|| core.fates.add(life, &self.0.member, &self.0.control));
        drop(core);
        self.done(follow(&fate, life))?;
        Ok(fate)
    }
}

fn follow(fate: &Fate, life: Life) -> Question {
    Question::Monitor { monitor: fate.monitor(), target: life.process, incarnation: life.incarnation }
}
