//! The actor that does the work.

use procession_runtime::{Arrived, Endpoint, RecordWriter};

use super::errand::{Desk, Errand, Solo};
use super::foreman::Foreman;
use super::messages::{Failed, Prepare, Prepared, Retire, Task, Unprepared, Work};
use crate::primitives::blob::Blob;
use crate::routine::Routine;
use crate::{Actor, ActorRef, Context, Descriptor, Down, Failure, Handler, Incoming, Later, actor, data, payload};

/// What a worker is made of.
#[data]
pub(super) struct Place {
    pub(super) foreman: ActorRef<Foreman>,
    /// The file with the records of all workers, which of them is this one's, and how large each is.
    pub(super) records: Descriptor,
    pub(super) slot: usize,
    pub(super) record_bytes: usize,
    pub(super) initializer: Option<Initializer>,
}

/// What a worker runs before its first task.
#[data]
#[derive(Debug, Clone)]
pub(super) struct Initializer {
    pub(super) routine: Routine,
    pub(super) arguments: Blob,
}

/// Does what it is given, one item after the other.
pub(super) struct Worker {
    foreman: ActorRef<Foreman>,
    /// With the errand while there is one.
    desk: Option<Desk>,
    initializer: Option<Initializer>,
    /// Whether it has answered a client since it last saw to it that answers leave. When the next client's turn comes, they have.
    has_answered: bool,
}

#[actor]
impl Actor for Worker {
    type Args = Place;
    type Messages = (Work, Task, Prepare, Retire);

    fn start(place: Place, _: &mut Context<Self>) -> Result<Worker, Failure> {
        let Place { foreman, records, slot, record_bytes, initializer } = place;
        let record = RecordWriter::open(records.into_owned()?, slot, record_bytes)?;
        let limit_bytes = Endpoint::of(foreman.id().system)?.message_limit_bytes();
        let desk = Some(Desk::new(record, record_bytes, foreman.clone(), limit_bytes));
        Ok(Worker { foreman, desk, initializer, has_answered: false })
    }

    /// The foreman has ended. Its process may live on, if that hosts others, too.
    fn down(&mut self, _: Down, context: &mut Context<Self>) {
        context.stop();
    }
}

impl Worker {
    fn initialize(&mut self) -> Result<(), String> {
        let Some(Initializer { routine, arguments }) = self.initializer.take() else { return Ok(()) };
        let run = routine.find::<Blob, Result<(), String>>().ok_or("the initializer is not in this program")?;
        run(arguments)
    }

    /// Sees to it that an answer that waits for others leaves: it is not lost with what is begun next.
    #[inline]
    fn send_off(&mut self, context: &Context<Self>) {
        if std::mem::take(&mut self.has_answered) {
            context.flush();
        }
    }
}

impl Handler<Prepare> for Worker {
    fn handle(&mut self, _: Incoming<'_, Prepare>, context: &mut Context<Self>) {
        if let Err(error) = context.monitor(&self.foreman) {
            return context.fail(error);
        }
        let told = match self.initialize() {
            Ok(()) => self.foreman.tell(&Prepared { pid: std::process::id().cast_signed() }),
            Err(why) => {
                context.stop();
                self.foreman.tell(&Unprepared { why })
            }
        };
        if let Err(error) = told {
            context.fail(error);
        }
    }
}

impl Handler<Work> for Worker {
    fn handle(&mut self, work: Incoming<'_, Work>, context: &mut Context<Self>) {
        let Some(mut desk) = self.desk.take() else { return };
        let (assignment, first, end) = (work.assignment.to_native(), work.first.to_native(), work.end.to_native());
        self.send_off(context);
        desk.make_room();
        let end = desk.begin_chunk(assignment, first, end);
        if end <= first {
            self.desk = Some(desk);
            return;
        }
        let routine = payload::open::<Routine>(&work.routine, &Arrived::default());
        let Some(run) = routine.ok().and_then(Routine::find::<Errand, Desk>) else {
            return context.fail(Failure::new("the function of a task is not in this program"));
        };
        let items = work.lot().slice_ref(work.items.as_slice());
        let (chunk, timed) = (work.chunk.to_native().max(1), work.timed);
        self.desk = Some(run(Errand { desk, items, assignment, first, end, chunk, timed }));
    }
}

impl Handler<Task> for Worker {
    fn handle(&mut self, task: Incoming<'_, Task>, context: &mut Context<Self>) -> Later<Result<Blob, Failed>> {
        let reply = context.reply_now();
        let (later, number) = (reply.later(), task.number.to_native());
        // Nobody waits for what is to be passed over.
        let Some(desk) = self.desk.as_ref().filter(|desk| desk.begin_alone(number)) else { return later };
        let routine = payload::open::<Routine>(&task.routine, &Arrived::default());
        let Some(run) = routine.ok().and_then(Routine::find::<Solo, ()>) else {
            context.fail(Failure::new("the function of a task is not in this program"));
            return later;
        };
        run(Solo { arguments: task.lot().slice_ref(task.arguments.as_slice()), reply });
        desk.end_alone(number);
        self.has_answered = true;
        later
    }
}

impl Handler<Retire> for Worker {
    fn handle(&mut self, _: Incoming<'_, Retire>, context: &mut Context<Self>) {
        context.stop();
    }
}
