//! The start of a process, done for nothing in the process that actors are copied from.
//!
//! What it makes it frees again: memory for it lies ready and near together then, so that a copy of this process has fewer pages
//! of its own to make, which is most of what a start costs.

use std::sync::Arc;

use nix::unistd::Pid;
use procession_transport::{Flushed, Header, Link, Outlet, Refusal, Socket, socket_pair};

use crate::child;
use crate::control::{self, CONTROL_LIMIT_BYTES, Launch, Notice, ProcessOptions, Value};
use crate::endpoint::{Down, Endpoint, Service, kind};
use crate::entry::{Ending, EntryRef};
use crate::error::RuntimeError;
use crate::id::{EndpointId, ProcessId, TimerId};
use crate::letter::Letter;

/// Launches a process that is this one, sends it a request, and forgets it.
pub(crate) fn rehearse(parent: Pid) -> Result<(), RuntimeError> {
    let ((control, supervisor), (visit, visitor)) = (socket_pair()?, socket_pair()?);
    let nobody = ProcessId::root(0);
    let launch = Launch {
        process: nobody,
        incarnation: 0,
        name: "rehearsal".into(),
        title: "procession rehearsal".into(),
        entry: EntryRef::of_nothing(),
        arguments: Value::Inline(Vec::new()),
        straight: false,
        visitor: Some(EndpointId { process: nobody, incarnation: 0, number: 0 }),
        stdout: false,
        stderr: false,
        options: ProcessOptions::default(),
        setup: Vec::new(),
    };
    let mut supervisor = outlet(Socket::from_nonblocking(supervisor));
    control::push(&mut supervisor, 0, &Notice::Launch(Box::new(launch)), vec![visit])?;
    send(&mut supervisor)?;
    let process = child::launch(control, parent, true, |_| {})?;
    process.started();
    let mut visitor = outlet(Socket::from_nonblocking(visitor));
    visitor.push(Header { kind: kind::REQUEST, ..Header::default() }, |_| Ok::<_, Refusal>(()))?;
    send(&mut visitor)?;
    process.endpoint().go_on(&mut Nothing);
    process.endpoint().flush();
    process.leave();
    Endpoint::drop_spent();
    Ok(())
}

/// Is content with one message.
struct Nothing;

impl Service for Nothing {
    fn letter(&mut self, _: &mut Letter) -> Option<Ending> {
        Some(Ending::Normal)
    }

    fn down(&mut self, _: Down) -> Option<Ending> {
        Some(Ending::Normal)
    }

    fn timer(&mut self, _: TimerId) -> Option<Ending> {
        Some(Ending::Normal)
    }

    fn stopping(&mut self) {}
}

/// Sends everything or nothing: what is waited for must be there.
fn send(outlet: &mut Outlet) -> Result<(), RuntimeError> {
    if outlet.flush()? == Flushed::Everything { Ok(()) } else { Err(RuntimeError::NoDescriptors) }
}

fn outlet(socket: Socket) -> Outlet {
    let link: Arc<dyn Link> = Arc::new(socket);
    Outlet::new(link, CONTROL_LIMIT_BYTES)
}
