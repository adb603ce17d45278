//! What the supervisor says.

use procession_transport::{Descriptors, Frame};

use super::connection::Direction;
use super::core::{Core, Subject};
use super::mailbox::{Down, DownReason, Item};
use super::upgrade::Upgrade;
use crate::control::{self, Answer, Call, Notice, Question, Request, StopReason};
use crate::error::{RuntimeError, WaitError};
use crate::exit::Exit;
use crate::id::{EndpointId, Incarnation, MonitorId, ProcessId};

impl Core {
    /// Hears what the supervisor had said before what is read now was sent: who has learnt of an end, and sends then, finds it
    /// known here. By sockets one look has found both.
    pub(super) fn hear_supervisor_first(&mut self) -> Result<(), RuntimeError> {
        let mut is_bounded = false;
        for index in 0..self.hub.ready_count() {
            let Some((_, readiness)) = self.hub.ready_at(index) else { continue };
            let Subject::Connection(key) = readiness.subject else { continue };
            if let Some(connection) = self.connections.get(key).filter(|c| matches!(c.upgrade, Upgrade::Done)) {
                connection.inlet.link().bound();
                is_bounded = true;
            }
        }
        if is_bounded && !self.is_silence() {
            self.hub.poll_now()?;
        }
        let has_spoken = self.hub.readiness(self.control_watch).is_some_and(|readiness| readiness.readable);
        if has_spoken { self.read_control() } else { Ok(()) }
    }

    /// Whether the supervisor is known to have said nothing, to anybody, since this was asked last.
    fn is_silence(&mut self) -> bool {
        let Some(voice) = self.member.listen() else { return false };
        std::mem::replace(&mut self.heard, voice) == voice
    }

    /// Acts on one notice.
    pub(crate) fn take_notice(&mut self, frame: Frame) -> Result<(), RuntimeError> {
        let (correlation, notice, descriptors) = control::read::<Notice>(frame)?;
        match notice {
            Notice::Answer(answer) => self.take_answer_notice(correlation as Call, answer, descriptors),
            Notice::Visitor(visitor) => self.welcome(visitor, descriptors),
            Notice::Gone { process, incarnation, exit, monitors } => {
                tracing::debug!(id = %process, incarnation, %exit, "ended");
                self.part_with(process, incarnation, &exit);
                self.tell_down(process, exit, monitors);
            }
            Notice::Closed(endpoint) => self.part_with_endpoint(endpoint),
            Notice::TurnedAway(process) => {
                if let Some(key) = self.outgoing.get(&process).map(|route| route.key) {
                    self.remove_connection(key, &WaitError::Runtime(RuntimeError::NoDescriptors));
                }
            }
            Notice::NobodyThere { monitor, .. } if self.fates.settle(monitor) => {}
            Notice::NobodyThere { monitor, process } => {
                self.take_place(Item::Down(Box::new(Down { monitor, process, reason: DownReason::NoActor })));
            }
            Notice::Stop(reason) => self.take_stop(reason),
            Notice::Launch(_) | Notice::Ready => tracing::warn!("a word out of turn was ignored"),
        }
        Ok(())
    }

    fn take_answer_notice(&mut self, call: Call, answer: Answer, descriptors: Descriptors) {
        let (answer, descriptors) = match answer {
            Answer::Connection { process, incarnation } => {
                self.introducing.remove(&process);
                (self.take_connection(process, incarnation, descriptors), Descriptors::none())
            }
            Answer::Spawned { process, incarnation, connected: true } => {
                (self.take_spawned(process, incarnation, descriptors), Descriptors::none())
            }
            answer => (answer, descriptors),
        };
        if !matches!(answer, Answer::Connection { .. }) {
            self.end_introduction(call);
        }
        if let Some(place) = self.calls.get_mut(&call) {
            *place = Some((answer, descriptors));
        }
    }

    /// Takes the connection to a process that this endpoint has started: now, before anything is heard of its end. Without a
    /// descriptor for it the process is ended.
    fn take_spawned(&mut self, process: ProcessId, incarnation: Incarnation, descriptors: Descriptors) -> Answer {
        let taken = self.take_connection(process, incarnation, descriptors);
        if !matches!(taken, Answer::Refused(_)) {
            return Answer::Spawned { process, incarnation, connected: true };
        }
        let question = Question::Signal { target: process, signal: nix::libc::SIGKILL };
        let request = Request::Ask { call: self.number_call(), question };
        if let Err(error) = self.upward.send(0, &request, Vec::new()) {
            tracing::warn!(%process, %error, "a process that could not be connected was not ended");
        }
        taken
    }

    /// An introduction has come to nothing.
    fn end_introduction(&mut self, call: Call) {
        let found = self.introducing.iter().find(|(_, other)| **other == call).map(|(process, _)| *process);
        if let Some(process) = found {
            self.introducing.remove(&process);
            self.drop_undelivered(process);
        }
    }

    /// Takes one end of a new connection. That it was lost for want of descriptors is the answer then.
    pub(crate) fn take_connection(
        &mut self,
        process: ProcessId,
        incarnation: Incarnation,
        descriptors: Descriptors,
    ) -> Answer {
        let Some(socket) = descriptors.arrived().ok().and_then(|mut descriptors| descriptors.pop()) else {
            return Answer::Refused(RuntimeError::NoDescriptors);
        };
        match self.add_outgoing(process, incarnation, socket) {
            Ok(()) => Answer::Connection { process, incarnation },
            Err(error) => Answer::Refused(error),
        }
    }

    /// Takes a visitor's connection. One that was lost for want of descriptors closes the visitor's end, too.
    fn welcome(&mut self, visitor: EndpointId, descriptors: Descriptors) {
        let socket = descriptors.arrived().ok().and_then(|mut descriptors| descriptors.pop());
        let outcome = socket.ok_or(RuntimeError::NoDescriptors).and_then(|socket| self.add_visitor(visitor, socket));
        let refused = outcome.is_err().then_some(visitor);
        if let Err(error) = outcome {
            tracing::warn!(visitor = %visitor.process, %error, "a visitor was turned away");
        }
        if let Err(error) = self.upward.send(0, &Request::VisitorTaken { refused }, Vec::new()) {
            tracing::warn!(%error, "a visitor was not acknowledged");
        }
    }

    /// A process has ended: everything that it had sent is taken in, then its connections are closed.
    fn part_with(&mut self, process: ProcessId, incarnation: Incarnation, exit: &Exit) {
        let keys: Vec<usize> = self
            .connections
            .iter()
            .filter(|(_, connection)| connection.peer() == process && connection.incarnation == incarnation)
            .map(|(key, _)| key)
            .collect();
        for key in keys {
            self.drain(key);
            self.keep_undelivered(key);
            self.remove_connection(key, &WaitError::Dead(exit.clone()));
        }
    }

    /// A thread of a living process has closed its endpoint.
    fn part_with_endpoint(&mut self, endpoint: EndpointId) {
        let direction = Direction::From(endpoint);
        let found = self.connections.iter().find(|(_, connection)| connection.direction == direction);
        if let Some(key) = found.map(|(key, _)| key) {
            self.drain(key);
            self.remove_connection(key, &WaitError::NoReply);
        }
    }

    fn tell_down(&mut self, process: ProcessId, exit: Exit, monitors: Vec<MonitorId>) {
        for monitor in monitors {
            if self.fates.settle(monitor) {
                continue;
            }
            let reason = DownReason::Ended(exit.clone());
            self.take_place(Item::Down(Box::new(Down { monitor, process, reason })));
        }
    }

    /// A stop takes its place behind every message that has arrived by now.
    fn take_stop(&mut self, reason: StopReason) {
        if self.hub.wait(Some(std::time::Duration::ZERO)).is_ok() {
            let keys: Vec<usize> = self
                .connections
                .iter()
                .filter(|(_, connection)| matches!(connection.direction, Direction::From(_)))
                .map(|(key, _)| key)
                .collect();
            for key in keys {
                self.drain(key);
            }
        }
        self.take_place(Item::Stop(Box::new(reason)));
    }

    /// Gives something its place behind all that has come.
    fn take_place(&mut self, item: Item) {
        self.settle_backlog();
        self.inbox.mailbox.push(item);
    }

    /// Numbers a question to the supervisor.
    pub(crate) fn number_call(&mut self) -> Call {
        self.next_call = self.next_call.wrapping_add(1);
        self.next_call
    }

    /// Numbers a question whose answer will be taken.
    pub(crate) fn register_call(&mut self) -> Call {
        let call = self.number_call();
        self.calls.insert(call, None);
        call
    }

    /// Takes the answer to a question, if it has come.
    pub(crate) fn take_answer(&mut self, call: Call) -> Option<(Answer, Descriptors)> {
        let answer = self.calls.get_mut(&call)?.take()?;
        self.calls.remove(&call);
        Some(answer)
    }
}
