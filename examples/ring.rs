//! N processes in a ring pass a token on, M times in all.
//!
//! `cargo run --release --example ring [N] [M]`

use std::time::Instant;

use procession::prelude::*;

#[message]
struct Join {
    next: ActorRef<Node>,
}

#[message]
struct Token {
    passes_left: u64,
    done: Recipient<Done>,
}

#[message]
struct Done;

#[derive(Default)]
struct Node {
    next: Option<ActorRef<Node>>,
}

#[actor]
impl Actor for Node {
    type Messages = (Join, Token);

    fn start((): (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Node::default())
    }
}

impl Handler<Join> for Node {
    fn handle(&mut self, join: Incoming<'_, Join>, _: &mut Context<Self>) {
        self.next = Some(join.next.to_native());
    }
}

impl Handler<Token> for Node {
    fn handle(&mut self, token: Incoming<'_, Token>, context: &mut Context<Self>) {
        let Token { passes_left, done } = token.open();
        let passed = match &self.next {
            Some(next) if passes_left > 0 => next.tell(&Token { passes_left: passes_left - 1, done }),
            _ => done.tell(&Done),
        };
        passed.unwrap_or_else(|error| context.fail(error));
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let mut arguments = std::env::args().skip(1).map(|argument| argument.parse().expect("N and M are numbers"));
    let (processes, passes) = (arguments.next().unwrap_or(10), arguments.next().unwrap_or(100_000));

    let system = System::start()?;
    let nodes = (0..processes).map(|_| system.spawn::<Node>(())).collect::<Result<Vec<_>, _>>()?;
    for (node, next) in nodes.iter().zip(nodes.iter().cycle().skip(1)) {
        node.ask(&Join { next: next.clone() })?;
    }

    let mailbox = system.mailbox::<Done>()?;
    let start = Instant::now();
    let first = nodes.first().expect("a ring has at least one process");
    first.tell(&Token { passes_left: passes, done: mailbox.recipient() })?;
    mailbox.recv()?;
    let seconds = start.elapsed().as_secs_f64();
    println!("{processes} processes passed the token {passes} times: {:.0} passes/s", passes as f64 / seconds);
    system.shutdown()
}
