use procession::prelude::*;

#[data]
struct Tree {
    children: Vec<Tree>,
}

#[data(recursive)]
struct Flat {
    number: u64,
}

fn main() {}
