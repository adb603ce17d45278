use procession::prelude::*;

fn run(system: &System) {
    let base = 7u64;
    let _ = system.process(move |number: u64| number + base, 10);
}

fn main() {
    let _ = System::start().map(|system| run(&system));
}
