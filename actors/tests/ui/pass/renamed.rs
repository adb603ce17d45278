//! Under another name, and with attributes of all kinds.
#![allow(dead_code)]

mod house {
    pub use procession as renamed;
}

use house::renamed::prelude::*;

#[data(crate = house::renamed)]
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
enum Colour {
    #[default]
    Red,
    Green(u8),
    Blue {
        depth: u16,
    },
}

#[message(reply = Colour, crate = house::renamed)]
struct Paint(Colour, Vec<Colour>);

#[message(recursive, crate = house::renamed)]
struct Nested {
    inner: Option<Box<Nested>>,
    #[rkyv(with = house::renamed::Address)]
    process: house::renamed::ProcessId,
    colours: std::collections::HashMap<String, Colour>,
}

struct Painter;

#[house::renamed::actor(crate = house::renamed)]
impl Actor for Painter {
    type Messages = (Paint, Nested);

    fn start((): (), _: &mut Context<Self>) -> Result<Self, Failure> {
        Ok(Painter)
    }
}

impl Handler<Paint> for Painter {
    fn handle(&mut self, message: Incoming<'_, Paint>, _: &mut Context<Self>) -> Colour {
        message.open().0
    }
}

impl Handler<Nested> for Painter {
    fn handle(&mut self, message: Incoming<'_, Nested>, _: &mut Context<Self>) {
        let _ = message.process.to_native();
        assert!(message.inner.as_ref().is_none_or(|inner| inner.colours.is_empty()));
    }
}

/// Documented, and with a lint.
#[house::renamed::main(crate = house::renamed)]
#[allow(unused_variables, clippy::needless_return)]
fn main() -> Result<(), String> {
    let unused = 1;
    return Ok(());
}
