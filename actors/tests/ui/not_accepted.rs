use procession::prelude::*;

#[message]
struct Ping;

#[message]
struct Pong;

#[message]
struct Other;

struct Server;

#[actor]
impl Actor for Server {
    type Messages = (Ping, Pong);

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Server)
    }
}

impl Handler<Ping> for Server {
    fn handle(&mut self, _: Incoming<'_, Ping>, _: &mut Context<Self>) {}
}

impl Handler<Pong> for Server {
    fn handle(&mut self, _: Incoming<'_, Pong>, _: &mut Context<Self>) {}
}

fn send(server: &ActorRef<Server>) {
    let _ = server.tell(&Other);
}

fn main() {}
