use std::rc::Rc;

use procession::prelude::*;

#[message]
struct Shared {
    text: Rc<String>,
}

fn main() {}
