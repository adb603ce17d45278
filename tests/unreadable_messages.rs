//! Bytes that are no message: they are answered, and the actor lives.

use procession::prelude::*;
use procession::{Restart, Stdio, Strategy};

/// The same shape of payload under a message of another actor: an address that was cast wrongly.
struct Reader;

#[message(reply = u64)]
struct Read {
    text: String,
}

#[actor]
impl Actor for Reader {
    type Messages = (Read,);

    fn start((): (), _: &mut Context<Self>) -> Result<Reader, Failure> {
        Ok(Reader)
    }
}

impl Handler<Read> for Reader {
    fn handle(&mut self, read: Incoming<'_, Read>, _: &mut Context<Self>) -> u64 {
        read.text.len() as u64
    }
}

/// Its first message has the reader's tag, and bytes that are no text.
struct Other;

#[message(reply = u64)]
struct Bytes {
    first: [u8; 8],
}

#[actor]
impl Actor for Other {
    type Messages = (Bytes,);

    fn start((): (), _: &mut Context<Self>) -> Result<Other, Failure> {
        Ok(Other)
    }
}

impl Handler<Bytes> for Other {
    fn handle(&mut self, _: Incoming<'_, Bytes>, _: &mut Context<Self>) -> u64 {
        0
    }
}

#[procession::test]
fn bytes_that_are_no_message_are_answered_and_the_actor_lives() {
    let system = System::start().expect("a system");
    let supervisor = Supervisor::new(Strategy::OneForOne);
    let supervisor = supervisor.child("reader", Restart::Permanent, system.actor::<Reader>(()).stderr(Stdio::Null));
    let supervisor = supervisor.start(&system).expect("a supervisor");
    // The type of a child is the caller's word.
    let reader = supervisor.child::<Reader>("reader").expect("a child");
    let mistaken = supervisor.child::<Other>("reader").expect("a child");
    for first in [[0xff; 8], [0x80, 0, 0, 0, 0x10, 0, 0, 0x80], [9, 0, 0, 0, 0x88, 0xff, 0xff, 0x7f]] {
        match mistaken.ask(&Bytes { first }) {
            Err(AskError::Invalid(why)) => assert!(!why.is_empty()),
            other => panic!("{first:x?}: {other:?}"),
        }
        mistaken.tell(&Bytes { first }).expect("told, and dropped there");
        assert_eq!(reader.ask(&Read { text: "abc".into() }), Ok(3), "it lives on");
    }
    system.shutdown().expect("an orderly end");
}
