//! Supervision in OTP's words, as pure rules: which child is started or stopped next, and when a group gives up.
//!
//! A group is a list of children, left to right. Its [`Rules`] take in what has happened ("this child's process is
//! gone") and hand out what is to be done ([`Action`]); the owner of the rules does it. Nothing in here makes a system
//! call, reads a clock, or knows what a child is: a process, or a group of its own.
//!
//! * `strategy`: whom a failure takes along ([`Strategy`]), and which ends are failures ([`Restart`])
//! * `intensity`: how many restarts within how long are still in order ([`Intensity`])
//! * `rules`: the state machine, and the order in which everything happens ([`Rules`])
//! * `child`: one child's process, and what is wanted of it next ([`ChildKey`])
//! * `action`: what the owner is told ([`Action`], [`Reason`])
//! * `status`: what callers are told about children ([`ChildStatus`], [`Counts`])
//! * `error`: what callers are refused
//!
//! It differs from OTP's `supervisor` in this: OTP finishes an operation before it looks at anything else, so that a
//! start which never returns holds up even the group's end. Here a failure, a caller or the group's stop takes effect
//! at once, and a start that is under way is stopped where it is in the way. If nothing happens meanwhile, the two do
//! the same.
//!
//! Deliberately absent: delays between restarts (OTP has none; [`Intensity`] bounds a loop), stop deadlines (the owner
//! turns a stop that takes too long into a kill), and `simple_one_for_one` (a group without children that
//! [`Rules::start_child`] fills).

mod action;
mod child;
mod error;
mod intensity;
mod rules;
mod status;
mod strategy;

#[cfg(test)]
mod tests;

pub use action::{Action, Reason};
pub use child::ChildKey;
pub use error::{DeleteChildError, RestartChildError, StartChildError, TerminateChildError};
pub use intensity::Intensity;
pub use rules::Rules;
pub use status::ChildState;
pub use status::{ChildStatus, Counts};
pub use strategy::{Restart, Strategy};
