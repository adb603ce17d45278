//! Answers that are given after the handler has returned.

use std::thread;
use std::time::Duration;

use procession::Exit;
use procession::prelude::*;
use procession_tests::SOON;

/// A question that says how it is to be answered.
#[message(reply = Later<String>)]
struct Question {
    text: String,
    by: By,
}

#[data]
#[derive(Debug, Clone, Copy, PartialEq)]
enum By {
    /// This handler, before it returns.
    ThisHandler,
    OtherHandler,
    Timer,
    Thread,
    Nobody,
}

#[message]
struct Answer;

#[message]
struct Ring;

/// Ends the actor while it owes answers.
#[message]
struct Quit;

#[message(reply = Later<Result<u64, String>>)]
struct Divide {
    by: u64,
}

#[derive(Default)]
struct Oracle {
    owed: Vec<(String, ReplyTo<String>)>,
    wrong: usize,
}

#[actor]
impl Actor for Oracle {
    type Messages = (Question, Answer, Ring, Quit, Divide);

    fn start((): (), _: &mut Context<Self>) -> Result<Oracle, Failure> {
        Ok(Oracle::default())
    }
}

impl Handler<Question> for Oracle {
    fn handle(&mut self, question: Incoming<'_, Question>, context: &mut Context<Self>) -> Later<String> {
        let Question { text, by } = question.open();
        let of_another_type: ReplyTo<u64> = context.reply_later();
        self.wrong += usize::from(of_another_type.is_wanted());
        let reply = context.reply_later();
        let later = reply.later();
        let second: ReplyTo<String> = context.reply_later();
        self.wrong += usize::from(second.is_wanted());
        match by {
            By::ThisHandler => reply.send(text).expect("it fits"),
            By::OtherHandler => self.owed.push((text, reply)),
            By::Timer => {
                context.send_after(Duration::from_millis(20), Ring).expect("a timer");
                self.owed.push((text, reply));
            }
            By::Thread => drop(thread::spawn(move || reply.send(text).expect("it fits"))),
            By::Nobody => drop(reply),
        }
        later
    }
}

impl Oracle {
    fn answer_all(&mut self) {
        assert_eq!(self.wrong, 0, "there was one way back");
        for (text, reply) in self.owed.drain(..).rev() {
            reply.send(text).expect("it fits");
        }
    }
}

impl Handler<Answer> for Oracle {
    fn handle(&mut self, _: Incoming<'_, Answer>, _: &mut Context<Self>) {
        self.answer_all();
    }
}

impl Handler<Ring> for Oracle {
    fn handle(&mut self, _: Incoming<'_, Ring>, _: &mut Context<Self>) {
        self.answer_all();
    }
}

impl Handler<Quit> for Oracle {
    fn handle(&mut self, _: Incoming<'_, Quit>, context: &mut Context<Self>) {
        context.fail(Failure::new("enough"));
    }
}

impl Handler<Divide> for Oracle {
    fn handle(&mut self, divide: Incoming<'_, Divide>, context: &mut Context<Self>) -> Later<Result<u64, String>> {
        let reply = context.reply_later();
        let later = reply.later();
        let quotient = 100_u64.checked_div(divide.by.to_native()).ok_or_else(|| "by nothing".to_owned());
        thread::spawn(move || reply.send(quotient).expect("it fits"));
        later
    }
}

fn question(text: &str, by: By) -> Question {
    Question { text: text.to_owned(), by }
}

#[procession::test]
fn an_answer_comes_from_wherever_it_is_given() {
    let system = System::start().expect("a system");
    let oracle = system.spawn::<Oracle>(()).expect("an actor");
    for by in [By::ThisHandler, By::Timer, By::Thread] {
        for text in ["", "short", &"long ".repeat(100_000)] {
            assert!(oracle.ask(&question(text, by)).as_deref() == Ok(text), "{by:?}, {} bytes", text.len());
        }
    }
    let pending: Vec<_> = (0..100)
        .map(|number| oracle.request(&question(&number.to_string(), By::OtherHandler)).expect("sent"))
        .collect();
    oracle.tell(&Answer).expect("told");
    for (number, pending) in pending.into_iter().enumerate() {
        assert_eq!(pending.wait(), Ok(number.to_string()), "each its own, though answered in another order");
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_answer_may_be_a_refusal() {
    let system = System::start().expect("a system");
    let oracle = system.spawn::<Oracle>(()).expect("an actor");
    assert_eq!(oracle.ask(&Divide { by: 5 }), Ok(20));
    assert_eq!(oracle.ask(&Divide { by: 0 }), Err(AskError::Refused("by nothing".to_owned())));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_way_back_that_is_dropped_says_so() {
    let system = System::start().expect("a system");
    let oracle = system.spawn::<Oracle>(()).expect("an actor");
    assert_eq!(oracle.ask(&question("", By::Nobody)), Err(AskError::NoReply));
    oracle.tell(&question("nobody asked", By::OtherHandler)).expect("told");
    oracle.tell(&Answer).expect("an answer that nobody wants is no error");
    assert_eq!(oracle.ask(&question("still there", By::ThisHandler)).as_deref(), Ok("still there"));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_actor_that_ends_owes_nothing() {
    let system = System::start().expect("a system");
    let failed = Exit::Failed(vec!["enough".into()]);
    type Act = fn(&ActorRef<Oracle>);
    type Fits = fn(&Exit) -> bool;
    let table: [(&str, Act, Fits); 3] = [
        ("fails", |oracle| oracle.tell(&Quit).expect("told"), |exit| matches!(exit, Exit::Failed(_))),
        ("is killed", |oracle| oracle.kill().expect("it runs"), |exit| matches!(exit, Exit::Signal { signal: 9, .. })),
        ("is stopped", |oracle| oracle.stop().expect("it runs"), |exit| *exit == Exit::Stopped),
    ];
    for (way, act, fits) in table {
        let oracle = system.spawn::<Oracle>(()).expect("an actor");
        let pending = oracle.request(&question("", By::OtherHandler)).expect("sent");
        assert_eq!(oracle.ask(&question("it has it", By::ThisHandler)).as_deref(), Ok("it has it"));
        act(&oracle);
        match pending.wait_within(SOON) {
            Err(AskError::Dead(exit)) => assert!(fits(&exit) && (way != "fails" || exit == failed), "{way}: {exit:?}"),
            other => panic!("{way}: {other:?}"),
        }
    }
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_asker_that_has_stopped_waiting_is_no_error() {
    let system = System::start().expect("a system");
    let oracle = system.spawn::<Oracle>(()).expect("an actor");
    let late = oracle.ask_within(&question("late", By::OtherHandler), Duration::from_millis(20));
    assert_eq!(late, Err(AskError::Timeout));
    drop(oracle.request(&question("dropped", By::OtherHandler)).expect("sent"));
    let gone = oracle.clone();
    let ask_and_end = move || drop(gone.request(&question("gone", By::OtherHandler)).expect("sent"));
    thread::spawn(ask_and_end).join().expect("no panic");
    let asker = system.process(
        |oracle: ActorRef<Oracle>| {
            let _forgotten = oracle.request(&question("killed", By::OtherHandler)).expect("sent");
            oracle.ask(&question("", By::ThisHandler)).expect("an answer");
            std::process::abort()
        },
        oracle.clone(),
    );
    let asker: Child<()> = asker.start().expect("a process");
    asker.join_within(SOON).expect_err("it aborts");
    oracle.tell(&Answer).expect("told");
    let answer = oracle.ask(&question("fresh", By::ThisHandler));
    assert_eq!(answer.as_deref(), Ok("fresh"), "and no late answer is taken for it");
    system.shutdown().expect("an orderly end");
}
