use procession::prelude::*;

fn add(a: u64, b: u64) -> u64 {
    a + b
}

fn run(system: &System) {
    let _ = system.process(add, 10u64);
}

fn main() {}
