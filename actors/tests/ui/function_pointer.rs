use procession::prelude::*;

fn run(system: &System) {
    let function: fn(u64) -> u64 = |number| number + 1;
    let _ = system.process(function, 10);
}

fn main() {
    let _ = System::start().map(|system| run(&system));
}
