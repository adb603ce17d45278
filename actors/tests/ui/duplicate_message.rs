use procession::prelude::*;

#[message]
struct Ping;

struct Server;

#[actor]
impl Actor for Server {
    type Messages = (Ping, Ping);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Server)
    }
}

impl Handler<Ping> for Server {
    fn handle(&mut self, _: Incoming<'_, Ping>, _: &mut Context<Self>) {}
}

fn main() {}
