//! Generic data, messages, actors and functions.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::collections::HashMap;

use procession::prelude::*;
use procession::TellError;

/// Data.
#[data]
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Pair<T> {
    /// One.
    pub left: T,
    /// Other.
    pub right: Vec<T>,
}

/// Data that contains itself.
#[data(recursive)]
pub enum Tree<T> {
    /// End.
    Leaf(T),
    /// More.
    Node(Vec<Self>),
}

/// A message with a bound.
#[message]
pub struct Put<T: Data> {
    /// Value.
    pub value: Pair<T>,
}

/// A message without one.
#[message(reply = Option<T>)]
pub struct Get<T> {
    /// Key.
    pub key: T,
}

/// A refusal.
#[message(reply = Result<Vec<T>, String>)]
pub struct All<T>
where
    T: Data,
{
    /// Default.
    pub default: T,
    /// Fields may be called what the wrappers' fields are called.
    pub archived: u8,
    /// Same.
    pub parcel: u8,
}

/// An answer for later.
#[message(reply = Later<Result<T, u8>>)]
pub struct Wait<T: Data> {
    /// Whom to tell, too.
    pub tell: Recipient<Put<T>>,
    /// The store itself.
    pub store: ActorRef<Store<T>>,
}

/// A generic actor.
#[derive(Debug)]
pub struct Store<T> {
    values: HashMap<u64, Pair<T>>,
    waiting: Vec<ReplyTo<Result<T, u8>>>,
}

#[actor]
impl<T: Data + Clone> Actor for Store<T>
where
    T: PartialEq,
{
    type Messages = (Put<T>, Get<T>, All<T>, Wait<T>);

    fn start((): (), context: &mut Context<Self>) -> Result<Self, Failure> {
        let _ = context.this();
        Ok(Store { values: HashMap::new(), waiting: Vec::new() })
    }
}

impl<T: Data + Clone + PartialEq> Handler<Put<T>> for Store<T> {
    fn handle(&mut self, message: Incoming<'_, Put<T>>, _: &mut Context<Self>) {
        let value = message.open().value;
        for reply in self.waiting.drain(..) {
            let _ = reply.send(Ok(value.left.clone()));
        }
        self.values.insert(1, value);
    }
}

impl<T: Data + Clone + PartialEq> Handler<Get<T>> for Store<T> {
    fn handle(&mut self, message: Incoming<'_, Get<T>>, _: &mut Context<Self>) -> Option<T> {
        let Get { key } = message.open();
        self.values.values().find(|value| value.left == key).map(|value| value.left.clone())
    }
}

impl<T: Data + Clone + PartialEq> Handler<All<T>> for Store<T> {
    fn handle(&mut self, message: Incoming<'_, All<T>>, _: &mut Context<Self>) -> Result<Vec<T>, String> {
        let _: (u8, u8) = (message.archived, message.parcel);
        let kept: Kept<All<T>> = message.keep();
        Ok(vec![kept.open().default])
    }
}

impl<T: Data + Clone + PartialEq> Handler<Wait<T>> for Store<T> {
    fn handle(&mut self, message: Incoming<'_, Wait<T>>, context: &mut Context<Self>) -> Later<Result<T, u8>> {
        let _: (Recipient<Put<T>>, ActorRef<Self>) = (message.tell.to_native(), message.store.to_native());
        let reply = context.reply_later();
        let later = reply.later();
        self.waiting.push(reply);
        later
    }
}

fn broadcast<A: Accepts<M>, M: Message>(to: &[ActorRef<A>], message: &M) -> Result<(), TellError> {
    to.iter().try_for_each(|actor| actor.tell(message))
}

fn ask_anything<A, T>(actor: &ActorRef<A>, key: T) -> Result<Option<T>, AskError>
where
    A: Accepts<Get<T>>,
    T: Data,
{
    actor.ask(&Get { key })
}

fn use_them(system: &System, text: String) -> procession::Result<()> {
    let store = system.actor::<Store<String>>(()).name("store").start()?;
    let put = || Put { value: Pair { left: text.clone(), right: vec![] } };
    broadcast(&[store.clone()], &put())?;
    let recipient: Recipient<Put<String>> = store.clone().into();
    recipient.ask(&put())?;
    ask_anything(&store, text.clone())?;
    let pending = store.request(&Wait { tell: (&store).into(), store: store.clone() })?;
    let _: String = pending.wait()?;
    let _ = store.ask(&All { default: text.clone(), archived: 1, parcel: 2 })?;
    Ok(())
}

fn is_sendable<T: Send + Sync>() {}

#[procession::main]
fn main() -> std::process::ExitCode {
    is_sendable::<ActorRef<std::rc::Rc<u8>>>();
    is_sendable::<Recipient<std::rc::Rc<u8>>>();
    is_sendable::<System>();
    is_sendable::<procession::Error>();
    fn is_movable<T: Send>() {}
    is_movable::<Kept<Put<u8>>>();
    is_movable::<ReplyTo<u8>>();
    let _ = use_them;
    std::process::ExitCode::SUCCESS
}
