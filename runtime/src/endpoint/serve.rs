//! The loop of an actor.

use std::time::{Duration, Instant};

use super::Endpoint;
use super::core::Core;
use super::mailbox::{Down, Item, Origin};
use crate::contents::Payload;
use crate::control::StopReason;
use crate::entry::Ending;
use crate::error::RuntimeError;
use crate::id::TimerId;
use crate::letter::{self, Letter};

/// Most messages seen to before the loop looks at its sockets again.
const ITEMS_PER_TURN: u32 = 256;

/// Exit code of an actor that has seen the supervisor go. Nobody is there to be told of it.
const ORPHANED: i32 = 1;

/// What an actor does with what it is told. No call of it happens while the endpoint is borrowed. Each gives how the actor
/// wants to end, if it does.
pub trait Service {
    /// A message has come. What is left in it is dropped afterwards.
    fn letter(&mut self, letter: &mut Letter) -> Option<Ending>;

    /// A monitored process has ended.
    fn down(&mut self, down: Down) -> Option<Ending>;

    /// A timer is due.
    fn timer(&mut self, timer: TimerId) -> Option<Ending>;

    /// The actor is about to stop because it was asked to; it may still send.
    fn stopping(&mut self);
}

enum Next {
    /// A message, which is in the letter.
    Letter,
    Down(Box<Down>),
    Timer(TimerId),
    Stop(Box<StopReason>),
}

impl Endpoint {
    /// Serves until the service wants to end, or the process is asked to stop.
    pub(crate) fn serve(&self, service: &mut dyn Service) -> Ending {
        letter::note_serving();
        self.go_on(service)
    }

    /// Serves, without a note that this thread does.
    pub(crate) fn go_on(&self, service: &mut dyn Service) -> Ending {
        if let Ok(mut core) = self.core() {
            core.is_serving = true;
        }
        // One letter for all messages: it is filled anew for each, and none is moved on its way to its handler.
        let mut letter = Letter::empty();
        loop {
            let ending = match self.next(&mut letter) {
                Ok(Next::Letter) => service.letter(&mut letter),
                Ok(Next::Down(down)) => service.down(*down),
                Ok(Next::Timer(timer)) => service.timer(timer),
                Ok(Next::Stop(reason)) => {
                    service.stopping();
                    return stopped(*reason);
                }
                // The kernel's signal for that is on its way. The actor is not dropped: to whom it owes answers, that would
                // look as if it refused them.
                Err(RuntimeError::SupervisorLost) => std::process::exit(ORPHANED),
                Err(error) => return Ending::Failed(vec![error.to_string()]),
            };
            letter.spend();
            if let Some(ending) = ending {
                self.put_down();
                return ending;
            }
        }
    }

    /// Notes that the handler has nothing in its hands any more.
    fn put_down(&self) {
        if let Ok(mut core) = self.core() {
            core.put_down();
        }
    }

    /// Says that the answer to the request in hand is deferred: another thread may give it.
    pub fn defer_in_hand(&self) {
        if let Ok(mut core) = self.core() {
            core.inbox.in_hand = None;
        }
    }

    /// Tag of the message in the handler's hands.
    pub(crate) fn tag_in_hand(&self) -> Option<u32> {
        self.0.core.try_borrow().ok().and_then(|core| core.inbox.tag_in_hand)
    }

    #[inline(always)]
    fn next(&self, letter: &mut Letter) -> Result<Next, RuntimeError> {
        let mut core = self.core()?;
        core.put_down();
        loop {
            // However long the backlog is, the supervisor is heard in between: a stop, a death.
            let is_turn_due = core.items_since_turn >= ITEMS_PER_TURN;
            if !is_turn_due && let Some(next) = core.next_waiting(letter) {
                core.items_since_turn += 1;
                return Ok(next);
            }
            // What has been seen to is let go of, so that its memory can be used again.
            letter.payload = Payload::default();
            let timeout = if is_turn_due {
                Some(Duration::ZERO)
            } else {
                core.timers.next_due().map(|at| at.saturating_duration_since(Instant::now()))
            };
            core.turn(timeout)?;
        }
    }
}

impl Core {
    #[inline]
    fn put_down(&mut self) {
        (self.inbox.tag_in_hand, self.inbox.in_hand) = (None, None);
    }

    /// What is there to see to: due timers first, so that a full mailbox does not hold them up, but one at a time, so that
    /// those that are always due hold nothing else up. A message is put into `letter`, and noted as being in the handler's hands.
    #[inline(always)]
    fn next_waiting(&mut self, letter: &mut Letter) -> Option<Next> {
        if !std::mem::take(&mut self.has_fired)
            && self.timers.next_due().is_some()
            && let Some(timer) = self.timers.fire(Instant::now())
        {
            self.has_fired = true;
            return Some(Next::Timer(timer));
        }
        // What is in the mailbox has come before all that is in the receive buffers.
        let origin = match self.inbox.mailbox.pop() {
            Some(Item::Letter { letter: popped, origin }) => {
                *letter = popped;
                origin
            }
            Some(Item::Down(down)) => return Some(Next::Down(down)),
            Some(Item::Stop(reason)) => return Some(Next::Stop(reason)),
            None => self.next_in_backlog(letter)?,
        };
        self.hand_out(letter, origin);
        Some(Next::Letter)
    }

    /// Notes that a message is in the handler's hands.
    #[inline(always)]
    fn hand_out(&mut self, letter: &mut Letter, origin: Origin) {
        self.inbox.tag_in_hand = Some(letter.tag);
        self.inbox.in_hand = Some(origin).filter(|origin| origin.correlation != 0);
        if let Some(reply) = &mut letter.reply
            && !(self.inbox.mailbox.is_empty() && self.backlog.is_empty())
        {
            reply.defer();
        }
    }
}

fn stopped(reason: StopReason) -> Ending {
    match reason {
        StopReason::Asked => Ending::Stopped,
        StopReason::Linked { process, exit } => {
            Ending::Failed(vec![format!("linked actor {process} has ended"), exit.to_string()])
        }
    }
}
