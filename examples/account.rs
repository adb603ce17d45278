//! An account that is a process of its own: deposits, withdrawals, a refusal.
//!
//! `cargo run --release --example account`

use procession::prelude::*;

#[data]
struct Limits {
    overdraft: u64,
}

#[message(reply = u64)]
struct Deposit {
    cents: u64,
}

#[message(reply = Result<u64, Overdrawn>)]
struct Withdraw {
    cents: u64,
}

#[data]
#[derive(Debug)]
struct Overdrawn {
    missing: u64,
}

struct Account {
    cents: u64,
    limits: Limits,
}

#[actor]
impl Actor for Account {
    type Args = Limits;
    type Messages = (Deposit, Withdraw);

    fn start(limits: Limits, _ctx: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Account { cents: 0, limits })
    }
}

impl Handler<Deposit> for Account {
    fn handle(&mut self, message: Incoming<'_, Deposit>, _ctx: &mut Context<Self>) -> u64 {
        self.cents += message.cents.to_native();
        self.cents
    }
}

impl Handler<Withdraw> for Account {
    fn handle(&mut self, message: Incoming<'_, Withdraw>, _ctx: &mut Context<Self>) -> Result<u64, Overdrawn> {
        let (wanted, there) = (message.cents.to_native(), self.cents + self.limits.overdraft);
        if wanted > there {
            return Err(Overdrawn { missing: wanted - there });
        }
        self.cents = self.cents.saturating_sub(wanted);
        Ok(self.cents)
    }
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let account = system.spawn::<Account>(Limits { overdraft: 50 })?;
    account.tell(&Deposit { cents: 100 })?;
    println!("after two deposits: {}", account.ask(&Deposit { cents: 20 })?);
    let pending = account.request(&Deposit { cents: 1 })?;
    println!("after a third, asked for ahead: {}", pending.wait()?);
    match account.ask(&Withdraw { cents: 500 }) {
        Err(AskError::Refused(overdrawn)) => println!("refused: {} missing", overdrawn.missing),
        other => panic!("expected a refusal, got {other:?}"),
    }
    let child = system.process(count_to, 10).name("counter").start()?;
    println!("a process counted to ten: {}", child.join()?);
    system.shutdown()
}

fn count_to(n: u64) -> u64 {
    (1..=n).sum()
}
