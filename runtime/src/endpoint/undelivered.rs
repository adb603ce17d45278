//! Messages that a process's death has stopped on their way.
//!
//! They are sent again, in order and before any other, if it comes up again.

use super::connection::Direction;
use super::core::Core;
use crate::control::{Question, Request};
use crate::id::ProcessId;
use crate::outbox::Departure;

impl Core {
    /// Keeps the messages that had not left whole when their receiver ended, and asks for a new connection to it.
    pub(crate) fn keep_undelivered(&mut self, key: usize) {
        let Some(connection) = self.connections.get(key) else { return };
        let Direction::To(process) = connection.direction else { return };
        let tells = connection.outbox.close_and_take_tells();
        if tells.is_empty() {
            return;
        }
        self.undelivered.entry(process).or_default().extend(tells);
        if !self.introducing.contains_key(&process) {
            let call = self.number_call();
            self.introducing.insert(process, call);
            let introduce = Request::Ask { call, question: Question::Introduce(process) };
            if let Err(error) = self.upward.send(0, &introduce, Vec::new()) {
                tracing::debug!(%error, "messages to a process that has ended were dropped");
            }
        }
    }

    /// Sends again what had not left whole before.
    pub(super) fn redeliver(&mut self, process: ProcessId, key: usize) {
        for mut frame in self.undelivered.remove(&process).unwrap_or_default() {
            let descriptors = std::mem::take(&mut frame.descriptors);
            // Nothing to be done about one that does not fit any more: it fitted before.
            let _ = self.connections[key].outbox.push_reply(frame.header, Departure::Soon, |body| {
                descriptors.into_iter().try_for_each(|descriptor| body.attach(descriptor).map(drop))?;
                body.write(&frame.payload)
            });
        }
    }

    /// A process does not come up again.
    pub(crate) fn drop_undelivered(&mut self, process: ProcessId) {
        if let Some(dropped) = self.undelivered.remove(&process) {
            tracing::debug!(%process, count = dropped.len(), "messages to a process that has ended were dropped");
        }
    }
}
