//! A program that forgets `#[procession::main]`.

use std::io::Write;
use std::process::ExitCode;

use procession::prelude::*;

fn main() -> ExitCode {
    let mut output = std::io::stdout();
    let mut say = |text: String| writeln!(output, "{text}").expect("somebody reads");
    say("main".into());
    match System::start() {
        Ok(_) => ExitCode::SUCCESS,
        Err(error) => {
            say(error.to_string());
            ExitCode::from(3)
        }
    }
}
