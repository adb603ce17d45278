//! A program whose `main` has another attribute below the hook's, as `#[tokio::main]` would be; and threads.

use std::io::Write;

use procession::prelude::*;
use procession_tests::worker::{Echo, Worker};

#[procession::main]
#[tracing::instrument]
fn main() -> procession::Result<()> {
    let mut output = std::io::stdout();
    writeln!(output, "main {:?}", std::env::args().skip(1).collect::<Vec<_>>())?;
    let thread = std::thread::spawn(|| {
        let system = System::start()?;
        let answer = system.spawn::<Worker>(())?.ask(&Echo { number: 7 })?;
        system.shutdown().map(|()| answer)
    });
    let answer: procession::Result<u64> = thread.join().expect("no panic");
    writeln!(output, "answer {}", answer?)?;
    if std::env::args().nth(1).as_deref() == Some("fail") {
        let system = System::start()?;
        let child: Child<()> = system.process(|| std::process::exit(9), ()).start()?;
        child.join()?;
    }
    Ok(())
}
