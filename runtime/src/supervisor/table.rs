//! The process table.

use rustc_hash::FxHashMap;

use super::record::{Kind, Record};
use crate::id::{ProcessId, THIS_HOST};

/// All addresses of a system. A place is used again under a new generation; the places freed longest ago come first.
#[derive(Debug)]
pub(crate) struct Table {
    system: u64,
    places: Vec<Place>,
    free: std::collections::VecDeque<u32>,
    /// Processes by the kernel's number.
    pids: FxHashMap<i32, u32>,
}

#[derive(Debug)]
struct Place {
    generation: u32,
    record: Option<Box<Record>>,
}

impl Table {
    /// Makes a table that holds root.
    pub(crate) fn new(system: u64) -> Table {
        let mut table =
            Table { system, places: Vec::new(), free: std::collections::VecDeque::new(), pids: FxHashMap::default() };
        table.insert(Kind::Root, None);
        table
    }

    pub(crate) fn insert(&mut self, kind: Kind, owner: Option<u32>) -> u32 {
        let slot = self.free.pop_front().unwrap_or_else(|| {
            self.places.push(Place { generation: 0, record: None });
            (self.places.len() - 1) as u32
        });
        let place = &mut self.places[slot as usize];
        let id = ProcessId { system: self.system, node: THIS_HOST, slot, generation: place.generation };
        place.record = Some(Box::new(Record::new(id, kind, owner)));
        slot
    }

    pub(crate) fn remove(&mut self, slot: u32) -> Option<Box<Record>> {
        let place = self.places.get_mut(slot as usize)?;
        let record = place.record.take()?;
        // A place whose generations are used up is not used again.
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push_back(slot);
        }
        Some(record)
    }

    pub(crate) fn get(&self, slot: u32) -> Option<&Record> {
        self.places.get(slot as usize)?.record.as_deref()
    }

    pub(crate) fn get_mut(&mut self, slot: u32) -> Option<&mut Record> {
        self.places.get_mut(slot as usize)?.record.as_deref_mut()
    }

    /// Finds the present holder of an address.
    pub(crate) fn find(&self, id: ProcessId) -> Option<&Record> {
        self.get(id.slot).filter(|record| record.id == id)
    }

    pub(crate) fn find_mut(&mut self, id: ProcessId) -> Option<&mut Record> {
        self.get_mut(id.slot).filter(|record| record.id == id)
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Record> {
        self.places.iter().filter_map(|place| place.record.as_deref())
    }

    pub(crate) fn set_pid(&mut self, pid: nix::unistd::Pid, slot: u32) {
        self.pids.insert(pid.as_raw(), slot);
    }

    pub(crate) fn take_pid(&mut self, pid: nix::unistd::Pid) -> Option<u32> {
        self.pids.remove(&pid.as_raw())
    }

    pub(crate) fn knows_pid(&self, pid: i32) -> bool {
        self.pids.contains_key(&pid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_is_never_reused() {
        let mut table = Table::new(7);
        let mut seen = std::collections::HashSet::new();
        for _ in 0..100 {
            let slot = table.insert(Kind::Mailbox, None);
            let id = table.get(slot).expect("it was inserted").id;
            assert!(seen.insert(id));
            assert!(table.find(id).is_some());
            table.remove(slot);
            assert!(table.find(id).is_none());
        }
        assert!(table.places.len() < 5);
    }
}
