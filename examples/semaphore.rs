//! Ten processes share three permits; how many are inside at a time is counted, not assumed.
//!
//! `cargo run --release --example semaphore`

use std::thread::sleep;
use std::time::Duration;

use procession::Semaphore;
use procession::prelude::*;

#[message]
struct Entered;

#[message]
struct Leaving;

#[message(reply = (u64, u64))]
struct Report;

#[derive(Default)]
struct Room {
    inside: u64,
    most: u64,
    visits: u64,
}

#[actor]
impl Actor for Room {
    type Messages = (Entered, Leaving, Report);

    fn start((): (), _ctx: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Room::default())
    }
}

impl Handler<Entered> for Room {
    fn handle(&mut self, _: Incoming<'_, Entered>, _ctx: &mut Context<Self>) {
        self.inside += 1;
        self.visits += 1;
        self.most = self.most.max(self.inside);
    }
}

impl Handler<Leaving> for Room {
    fn handle(&mut self, _: Incoming<'_, Leaving>, _ctx: &mut Context<Self>) {
        self.inside -= 1;
    }
}

impl Handler<Report> for Room {
    fn handle(&mut self, _: Incoming<'_, Report>, _ctx: &mut Context<Self>) -> (u64, u64) {
        (self.visits, self.most)
    }
}

fn visit(semaphore: Semaphore, room: ActorRef<Room>) -> Result<(), Failure> {
    let _permit = semaphore.acquire()?;
    room.ask(&Entered)?;
    sleep(Duration::from_millis(50));
    room.ask(&Leaving)?;
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let (semaphore, room) = (Semaphore::new(&system, 3)?, system.spawn::<Room>(())?);
    let start = |_| system.try_process(visit, (semaphore.clone(), room.clone())).start();
    let children = (0..10).map(start).collect::<Result<Vec<_>, _>>()?;
    children.iter().try_for_each(|child| child.join())?;
    let (visits, most) = room.ask(&Report)?;
    println!("{visits} processes were inside, at most {most} at a time");
    system.shutdown()
}
