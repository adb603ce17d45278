//! Generic code over actors: generic and test-local actor types, broadcasts, recipients.

use std::fmt::Debug;
use std::marker::PhantomData;

use procession::prelude::*;
use procession::{Accepts, ProcessId, TellError};
use procession_tests::{SOON, eventually};

/// Asks for a total.
#[message(reply = u64)]
struct Total;

#[message]
struct Add {
    number: u64,
}

/// Tells all of them, whatever they are.
fn broadcast<A: Accepts<M>, M: Message>(to: &[ActorRef<A>], message: &M) -> Result<(), TellError> {
    to.iter().try_for_each(|actor| actor.tell(message))
}

fn ask_all<A, M>(of: &[ActorRef<A>], message: &M) -> Vec<M::Value>
where
    A: Accepts<M>,
    M: Message<Refusal: Debug, Value: Debug>,
{
    let pending: Vec<_> = of.iter().map(|actor| actor.request(message).expect("sent")).collect();
    pending.into_iter().map(|pending| pending.wait().expect("an answer")).collect()
}

struct Sum {
    total: u64,
}

#[actor]
impl Actor for Sum {
    type Args = u64;
    type Messages = (Add, Total);

    fn start(total: u64, _: &mut Context<Self>) -> Result<Sum, Failure> {
        Ok(Sum { total })
    }
}

impl Handler<Add> for Sum {
    fn handle(&mut self, add: Incoming<'_, Add>, _: &mut Context<Self>) {
        self.total += add.number.to_native();
    }
}

impl Handler<Total> for Sum {
    fn handle(&mut self, _: Incoming<'_, Total>, _: &mut Context<Self>) -> u64 {
        self.total
    }
}

/// Takes the same messages in another order, and one more.
struct Product {
    total: u64,
    tell: Option<Recipient<Add>>,
}

/// Gives somebody to be told of every factor.
#[message]
struct Tell {
    whom: Option<Recipient<Add>>,
}

#[actor]
impl Actor for Product {
    type Args = u64;
    type Messages = (Total, Tell, Add);

    fn start(total: u64, _: &mut Context<Self>) -> Result<Product, Failure> {
        Ok(Product { total, tell: None })
    }
}

impl Handler<Total> for Product {
    fn handle(&mut self, _: Incoming<'_, Total>, _: &mut Context<Self>) -> u64 {
        self.total
    }
}

impl Handler<Tell> for Product {
    fn handle(&mut self, tell: Incoming<'_, Tell>, _: &mut Context<Self>) {
        self.tell = tell.open().whom;
    }
}

impl Handler<Add> for Product {
    fn handle(&mut self, add: Incoming<'_, Add>, _: &mut Context<Self>) {
        let number = add.number.to_native();
        self.total *= number;
        if let Some(whom) = &self.tell {
            whom.tell(&Add { number }).expect("told");
        }
    }
}

#[procession::test]
fn a_broadcast_reaches_actors_of_any_type() {
    let system = System::start().expect("a system");
    let sums: Vec<_> = (1..=3).map(|start| system.spawn::<Sum>(start).expect("an actor")).collect();
    let products: Vec<_> = (1..=3).map(|start| system.spawn::<Product>(start).expect("an actor")).collect();
    broadcast(&sums, &Add { number: 10 }).expect("told");
    broadcast(&products, &Add { number: 10 }).expect("told");
    assert_eq!(ask_all(&sums, &Total), [11, 12, 13]);
    assert_eq!(ask_all(&products, &Total), [10, 20, 30]);
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn a_recipient_stands_for_whatever_takes_the_message() {
    let system = System::start().expect("a system");
    let (sum, product) = (system.spawn::<Sum>(0).expect("an actor"), system.spawn::<Product>(1).expect("an actor"));
    let mailbox = system.mailbox::<Add>().expect("a mailbox");
    let all: Vec<Recipient<Add>> = vec![(&sum).into(), product.clone().into(), mailbox.recipient()];
    for recipient in &all {
        recipient.tell(&Add { number: 6 }).expect("told");
        recipient.tell_all([Add { number: 7 }]).expect("told");
    }
    assert_eq!((sum.ask(&Total), product.ask(&Total)), (Ok(13), Ok(42)));
    let received = [6, 7].map(|_| mailbox.recv_within(SOON).expect("a message").number.to_native());
    assert_eq!(received, [6, 7]);
    assert_eq!(all.iter().map(Recipient::id).collect::<Vec<ProcessId>>()[..2], [sum.id(), product.id()]);

    // As data: in a message, to an actor, which uses it.
    product.ask(&Tell { whom: Some(sum.recipient()) }).expect("handled");
    product.ask(&Add { number: 2 }).expect("handled");
    product.ask(&Tell { whom: Some(mailbox.recipient()) }).expect("handled");
    product.tell(&Add { number: 3 }).expect("told");
    let message = mailbox.recv_within(SOON).expect("a message");
    assert_eq!((message.number.to_native(), message.sender()), (3, product.id()));
    // Two senders: what the product told the sum may arrive after root's question.
    eventually("it is told", || sum.ask(&Total) == Ok(15));
    assert_eq!(product.ask(&Tell { whom: None }), Ok(()));
    system.shutdown().expect("an orderly end");
}

/// Says how something is shown.
trait Style: 'static {
    fn show(number: u64) -> String;
}

struct Decimal;
struct Binary;

impl Style for Decimal {
    fn show(number: u64) -> String {
        number.to_string()
    }
}

impl Style for Binary {
    fn show(number: u64) -> String {
        format!("{number:b}")
    }
}

/// Generic over a type that never travels.
struct Printer<S> {
    prefix: String,
    style: PhantomData<fn() -> S>,
}

#[message(reply = String)]
struct Print {
    number: u64,
}

#[actor]
impl<S: Style> Actor for Printer<S> {
    type Args = String;
    type Messages = (Print,);

    fn start(prefix: String, _: &mut Context<Self>) -> Result<Printer<S>, Failure> {
        Ok(Printer { prefix, style: PhantomData })
    }
}

impl<S: Style> Handler<Print> for Printer<S> {
    fn handle(&mut self, print: Incoming<'_, Print>, _: &mut Context<Self>) -> String {
        format!("{}{}", self.prefix, S::show(print.number.to_native()))
    }
}

#[procession::test]
fn generic_actors_run_the_code_of_their_own_type() {
    let system = System::start().expect("a system");
    let decimal = system.spawn::<Printer<Decimal>>("10: ".into()).expect("an actor");
    let binary = system.spawn::<Printer<Binary>>("2: ".into()).expect("an actor");
    assert_eq!(decimal.ask(&Print { number: 6 }).as_deref(), Ok("10: 6"));
    assert_eq!(binary.ask(&Print { number: 6 }).as_deref(), Ok("2: 110"));
    system.shutdown().expect("an orderly end");
}

#[procession::test]
fn an_actor_type_may_be_local_to_a_test_and_generic() {
    #[message(reply = Vec<T>)]
    struct Push<T: Data + Clone> {
        item: T,
    }

    struct Stack<T> {
        items: Vec<T>,
    }

    #[actor]
    impl<T: Data + Clone> Actor for Stack<T> {
        type Args = Vec<T>;
        type Messages = (Push<T>,);

        fn start(items: Vec<T>, _: &mut Context<Self>) -> Result<Stack<T>, Failure> {
            Ok(Stack { items })
        }
    }

    impl<T: Data + Clone> Handler<Push<T>> for Stack<T> {
        fn handle(&mut self, push: Incoming<'_, Push<T>>, _: &mut Context<Self>) -> Vec<T> {
            self.items.push(push.open().item);
            self.items.clone()
        }
    }

    let system = System::start().expect("a system");
    let numbers = system.spawn::<Stack<u8>>(vec![1]).expect("an actor");
    let texts = system.spawn::<Stack<String>>(vec![]).expect("an actor");
    assert_eq!(numbers.ask(&Push { item: 2 }), Ok(vec![1, 2]));
    assert_eq!(texts.ask(&Push { item: "a".to_owned() }), Ok(vec!["a".to_owned()]));
    let nested = system.spawn::<Stack<Option<(ActorRef<Stack<u8>>, f64)>>>(vec![None]).expect("an actor");
    assert_eq!(nested.ask(&Push { item: Some((numbers.clone(), 0.5)) }), Ok(vec![None, Some((numbers, 0.5))]));
    system.shutdown().expect("an orderly end");
}
