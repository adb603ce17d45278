//! The example of the design, but for `main`, which must not start anything here.
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

fn run() -> procession::Result<()> {
    let system = System::start()?;
    let account = system.spawn::<Account>(Limits { overdraft: 50 })?;
    account.tell(&Deposit { cents: 100 })?;
    assert_eq!(account.ask(&Deposit { cents: 20 })?, 120);
    let pending = account.request(&Deposit { cents: 1 })?;
    assert_eq!(pending.wait()?, 121);
    match account.ask(&Withdraw { cents: 500 }) {
        Err(AskError::Refused(overdrawn)) => assert_eq!(overdrawn.missing, 329),
        other => panic!("expected a refusal, got {other:?}"),
    }
    account.ask(&Withdraw { cents: 1 })?;
    account.tell_all((0..10).map(|cents| Deposit { cents }))?;
    account.tell_all([Deposit { cents: 1 }])?;
    let child = system.process(count_to, 10).name("counter").start()?;
    assert_eq!(child.join()?, 55);
    assert_eq!(system.process(add, (1, 2)).start()?.join()?, 3);
    assert_eq!(system.process(nothing, ()).start()?.join()?, 0);
    assert_eq!(system.process(|text: String| text.len(), "four".to_owned()).start()?.join()?, 4);
    assert_eq!(system.try_process(parse, "12".to_owned()).start()?.join()?, 12);
    system.shutdown()
}

fn count_to(n: u64) -> u64 {
    (1..=n).sum()
}

fn add(a: u64, b: u8) -> u64 {
    a + u64::from(b)
}

fn nothing() -> u8 {
    0
}

fn parse(text: String) -> Result<u64, String> {
    text.parse().map_err(|_| format!("{text} is no number"))
}

#[procession::main]
fn main() {
    let _ = run;
}
