use procession::prelude::*;

struct Plain {
    number: u64,
}

#[message(reply = Plain)]
struct Question;

#[data]
struct Holder {
    plain: Plain,
}

fn main() {}
