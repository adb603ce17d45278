use procession::prelude::*;

struct Server;

#[actor]
impl Server {}

#[message(answer = u64)]
struct Question;

#[data]
union Either {
    a: u8,
    b: i8,
}

#[procession::main]
async fn main() {}
