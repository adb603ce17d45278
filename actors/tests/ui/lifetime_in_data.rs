use procession::prelude::*;

#[data]
struct Borrowed<'a> {
    text: &'a str,
}

#[message]
struct Static {
    text: Option<&'static str>,
}

fn main() {}
