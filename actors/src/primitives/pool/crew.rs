//! The workers' processes, as the foreman sees them.

use std::collections::HashMap;
use std::time::Duration;

use procession_runtime::RecordFile;

use super::errand::{ALONE, AT, HALT, VOID, alone, end_word, place};
use super::foreman::{Foreman, Settings};
use super::machine::{Assignment, Slot, Take};
use super::messages::{Prepare, Retire, Work};
use super::sequence::Sequence;
use super::worker::{Place, Worker};
use crate::primitives::blob::Blob;
use crate::{ActorRef, Context, Descriptor, MonitorId, ProcessId, SpawnError};

/// How long a worker may take to stop when the whole pool is stopped: what it does then is lost anyway, and workers are stopped
/// one after the other.
const STOP_DEADLINE: Duration = Duration::from_millis(1);

/// The workers' processes, and their records.
pub(super) struct Crew {
    records: RecordFile,
    settings: Settings,
    members: Vec<Option<Member>>,
    slots: HashMap<ProcessId, Slot>,
    monitors: HashMap<MonitorId, Slot>,
    started: u64,
}

struct Member {
    worker: ActorRef<Worker>,
    /// Once it is ready.
    pid: Option<i32>,
}

impl Crew {
    pub(super) fn new(workers: usize, records: RecordFile, settings: Settings) -> Crew {
        let members = (0..workers).map(|_| None).collect();
        Crew { records, settings, members, slots: HashMap::new(), monitors: HashMap::new(), started: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.members.len()
    }

    /// How many workers were started, all in all.
    pub(super) fn started(&self) -> u64 {
        self.started
    }

    /// The process ids of those that are ready.
    pub(super) fn pids(&self) -> Vec<i32> {
        self.members.iter().flatten().filter_map(|member| member.pid).collect()
    }

    /// Which process the worker of a place is.
    pub(super) fn process(&self, slot: Slot) -> Option<ProcessId> {
        Some(self.members.get(slot)?.as_ref()?.worker.id())
    }

    /// Finds the place of a worker.
    pub(super) fn slot(&self, process: ProcessId) -> Option<Slot> {
        self.slots.get(&process).copied()
    }

    pub(super) fn note_pid(&mut self, slot: Slot, pid: i32) {
        if let Some(member) = &mut self.members[slot] {
            member.pid = Some(pid);
        }
    }

    /// Starts workers, many at a time, and gives what has come of each.
    pub(super) fn start(&mut self, slots: &[Slot], context: &Context<Foreman>) -> Vec<(Slot, Result<(), String>)> {
        let mut outcomes = Vec::new();
        let (mut able, mut builders) = (Vec::new(), Vec::new());
        for slot in slots.iter().copied() {
            self.records.clear(slot);
            match self.place(slot, context) {
                Ok(place) => {
                    let name = format!("{}-{}", self.settings.name, slot + 1);
                    let builder = context.actor::<Worker>(place).name(name).daemon(true).stop_deadline(STOP_DEADLINE);
                    able.push(slot);
                    builders.push(builder);
                }
                Err(error) => outcomes.push((slot, Err(error.to_string()))),
            }
        }
        for (slot, started) in able.into_iter().zip(context.start_each(builders)) {
            outcomes.push((slot, self.admit(slot, started, context)));
        }
        outcomes
    }

    fn place(&self, slot: Slot, context: &Context<Foreman>) -> std::io::Result<Place> {
        Ok(Place {
            foreman: context.this(),
            records: Descriptor::new(self.records.descriptor()?),
            slot,
            record_bytes: self.records.record_bytes(),
            initializer: self.settings.initializer.clone(),
        })
    }

    /// Takes in a worker that has started.
    fn admit(
        &mut self,
        slot: Slot,
        started: Result<ActorRef<Worker>, SpawnError>,
        context: &Context<Foreman>,
    ) -> Result<(), String> {
        self.started += 1;
        let worker = started.map_err(|error| error.to_string())?;
        let monitor = context.monitor(&worker).map_err(|error| {
            let _ = context.kill(worker.id());
            error.to_string()
        })?;
        self.monitors.insert(monitor, slot);
        self.slots.insert(worker.id(), slot);
        // If it is gone already, its end is on its way.
        let _ = worker.try_tell(&Prepare);
        self.members[slot] = Some(Member { worker, pid: None });
        Ok(())
    }

    /// A monitored process has ended: gives its place if it was a worker.
    pub(super) fn leave(&mut self, monitor: MonitorId) -> Option<Slot> {
        let slot = self.monitors.remove(&monitor)?;
        if let Some(member) = self.members[slot].take() {
            self.slots.remove(&member.worker.id());
        }
        Some(slot)
    }

    /// Gives a worker something to do. Gives whether it can be told.
    pub(super) fn tell(&self, slot: Slot, work: &Work) -> bool {
        let told = self.members[slot].as_ref().map(|member| member.worker.try_tell(work));
        if let Some(Err(error)) = &told {
            tracing::warn!(slot, %error, "a worker cannot be given work");
        }
        matches!(told, Some(Ok(())))
    }

    /// Lets a worker end when it has done what it has. Gives whether it can be told.
    pub(super) fn retire(&self, slot: Slot) -> bool {
        self.members[slot].as_ref().is_some_and(|member| member.worker.try_tell(&Retire).is_ok())
    }

    /// Ends a worker at once. If it has ended already, word of it is on its way.
    pub(super) fn kill(&self, slot: Slot, context: &Context<Foreman>) {
        if let Some(member) = &self.members[slot] {
            let _ = context.kill(member.worker.id());
        }
    }

    /// The assignment and item that a worker has begun last.
    pub(super) fn at(&self, slot: Slot) -> Option<(u32, u32)> {
        let at = self.records.word(slot, AT);
        (at != 0).then_some(((at >> 32) as u32, at as u32))
    }

    /// Has a worker pass over chunks of an assignment that it has not begun. Gives the first item that it will not do.
    ///
    /// The worker says what it begins, then looks whether it is to halt; this has it halt, then looks what it has begun. So at
    /// least one of them sees the other. One that is condemned goes on halting.
    pub(super) fn recall(&self, slot: Slot, assignment: Assignment, chunk: u32, take: Take) -> Option<u32> {
        let before = self.records.word(slot, HALT);
        self.records.set_word(slot, HALT, 1);
        let from = first_to_take(self.at(slot), assignment, chunk, take);
        if let Some(from) = from {
            let number = assignment.number;
            self.records.set_word(slot, end_word(number), place(number, from));
        }
        self.records.set_word(slot, HALT, before);
        from
    }

    /// Kills a worker if it has this in hand. Gives whether it had. It does not go on to anything else then.
    pub(super) fn condemn(&self, slot: Slot, number: u32, item: Option<u32>, context: &Context<Foreman>) -> bool {
        let before = self.records.word(slot, HALT);
        self.records.set_word(slot, HALT, 1);
        let was_it = self.at(slot).is_some_and(|(at, other)| at == number && item.is_none_or(|item| item == other));
        if was_it {
            self.kill(slot, context);
        } else {
            self.records.set_word(slot, HALT, before);
        }
        was_it
    }

    /// The turn whose task a worker has begun last.
    pub(super) fn alone(&self, slot: Slot) -> Option<u64> {
        let alone = self.records.word(slot, ALONE);
        (alone != 0).then_some(alone >> 1)
    }

    /// Kills a worker if it has the task of this turn in hand, or has it pass over it should it come yet. Gives whether it had.
    pub(super) fn revoke(&self, slot: Slot, number: u64, context: &Context<Foreman>) -> bool {
        let before = self.records.word(slot, HALT);
        self.records.set_word(slot, HALT, 1);
        let was_it = self.records.word(slot, ALONE) == alone(number, true);
        if was_it {
            self.kill(slot, context);
        } else {
            self.records.set_word(slot, VOID, number);
            self.records.set_word(slot, HALT, before);
        }
        was_it
    }

    /// What a dead worker had finished of its assignments and not told: for each, the number of items and their results.
    pub(super) fn recover(&self, slot: Slot, assigned: &[Assignment]) -> Vec<(Assignment, u32, Blob)> {
        let entries = self.records.entries(slot).unwrap_or_else(|error| {
            tracing::error!(%error, "the record of a worker cannot be read");
            Vec::new()
        });
        let mut found = Vec::new();
        for assignment in assigned {
            let mut results = Sequence::default();
            let mut next = assignment.share.first;
            for entry in &entries {
                if next < assignment.share.end && entry.tag == place(assignment.number, next) {
                    results.push_raw(entry.kind, &entry.bytes);
                    next += 1;
                }
            }
            if next > assignment.share.first {
                found.push((*assignment, next - assignment.share.first, results.finish()));
            }
        }
        found
    }
}

/// From which item on an assignment can be taken back whose worker is at an item of an assignment.
fn first_to_take(at: Option<(u32, u32)>, assignment: Assignment, chunk: u32, take: Take) -> Option<u32> {
    let Assignment { number, share } = assignment;
    let chunk = chunk.max(1);
    let behind = |item: u32| item.saturating_sub(item % chunk).saturating_add(chunk);
    let (is_whole, first) = match at {
        Some((at, _)) if at > number => return None,
        Some((at, item)) if at == number => (false, behind(item)),
        _ => (true, share.first),
    };
    if first >= share.end {
        return None;
    }
    match take {
        Take::Whole => is_whole.then_some(first),
        Take::Rest => Some(first),
        Take::Half => {
            let middle = first + (share.end - first) / 2;
            Some(if middle - middle % chunk >= first { middle - middle % chunk } else { first })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::machine::Share;
    use super::*;

    #[test]
    fn who_is_condemned_does_not_go_on_because_something_else_is_taken_back() {
        let records = RecordFile::new(1, 1).expect("there is memory");
        let settings = Settings { workers: 1, name: "pool".into(), initializer: None, lifetime: None };
        let crew = Crew::new(1, records, settings);
        assert_eq!(crew.recall(0, assignment(5), 1, Take::Whole), Some(10));
        assert_eq!(crew.records.word(0, HALT), 0);
        crew.records.set_word(0, HALT, 1);
        assert_eq!(crew.recall(0, assignment(6), 1, Take::Whole), Some(10));
        assert_eq!(crew.records.word(0, HALT), 1);
    }

    fn assignment(number: u32) -> Assignment {
        Assignment { number, share: Share { batch: 1, first: 10, end: 18, deaths: 0 } }
    }

    #[test]
    fn chunks_are_taken_that_have_not_begun() {
        let taken = |at, chunk, take| first_to_take(at, assignment(5), chunk, take);
        for (at, chunk, whole, rest, half) in [
            (None, 1, Some(10), Some(10), Some(14)),
            (Some((4, 99)), 4, Some(10), Some(10), Some(12)),
            (Some((5, 10)), 1, None, Some(11), Some(14)),
            (Some((5, 10)), 4, None, Some(12), Some(12)),
            (Some((5, 15)), 1, None, Some(16), Some(17)),
            (Some((5, 16)), 1, None, Some(17), Some(17)),
            (Some((5, 16)), 4, None, None, None),
            (Some((5, 17)), 1, None, None, None),
            (Some((6, 0)), 1, None, None, None),
        ] {
            let found = [Take::Whole, Take::Rest, Take::Half].map(|take| taken(at, chunk, take));
            assert_eq!(found, [whole, rest, half], "at {at:?}, chunks of {chunk}");
        }
    }
}
