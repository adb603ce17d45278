use procession::prelude::*;

struct Server;

impl Actor for Server {
    type Args = ();
    type Messages = ();

    fn start(_: (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Server)
    }
}

fn main() {}
