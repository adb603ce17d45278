use procession::prelude::*;

#[message]
#[rkyv(attr(repr(align(64))))]
struct Wide {
    number: u64,
}

fn main() {
    let actor: Option<Recipient<Wide>> = None;
    let _ = actor.map(|actor| actor.tell(&Wide { number: 1 }));
}
