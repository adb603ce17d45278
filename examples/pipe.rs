//! Two processes that talk over a pipe: each is given one end.
//!
//! `cargo run --release --example pipe`

use procession::prelude::*;

fn send(connection: Connection<String>) -> Result<(), Failure> {
    connection.send(&"Hello from sender".to_owned())?;
    println!("Answer: {}", connection.recv()?);
    Ok(())
}

fn receive(connection: Connection<String>) -> Result<(), Failure> {
    println!("Received: {}", connection.recv()?);
    connection.send(&"Hello from receiver".to_owned())?;
    // The sender has ended when nothing more comes; this needs no sentinel, and works however it ends.
    println!("Messages after that: {}", connection.iter().count());
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let (one, other) = Pipe::duplex()?;
    let sender = system.try_process(send, one).start()?;
    let receiver = system.try_process(receive, other).start()?;
    sender.join()?;
    receiver.join()?;
    system.shutdown()
}
