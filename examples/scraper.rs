//! Processes that fetch pages at the same time, from a server on this host, and put what they find into a shared list.
//!
//! `cargo run --release --example scraper`

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::thread;

use procession::prelude::*;
use procession::{JoinError, List};

/// A page, or nothing.
fn answer(stream: TcpStream) -> std::io::Result<()> {
    let mut lines = BufReader::new(&stream).lines();
    let request = lines.next().transpose()?.unwrap_or_default();
    lines.find(|line| line.as_ref().map_or(true, String::is_empty));
    let path = request.split(' ').nth(1).unwrap_or("/");
    let (status, page) = match path {
        "/missing" => ("404 Not Found", String::new()),
        path => ("200 OK", format!("This is the page {path}. ").repeat(50)),
    };
    write!(&stream, "HTTP/1.1 {status}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{page}", page.len())
}

fn serve() -> std::io::Result<SocketAddr> {
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || listener.incoming().flatten().try_for_each(answer));
    Ok(address)
}

fn fetch((url, pages): (String, List<String>)) -> Result<(), Failure> {
    let text = ureq::get(&url).call()?.body_mut().read_to_string()?;
    pages.append(text.chars().take(100).collect())?;
    Ok(())
}

#[procession::main]
fn main() -> procession::Result<()> {
    let system = System::start()?;
    let (address, pages) = (serve()?, List::new(&system, Vec::new())?);
    let mut processes = Vec::new();
    for path in ["one", "two", "missing", "three"] {
        let url = format!("http://{address}/{path}");
        processes.push((path, system.try_process(fetch, (url, pages.clone())).start()?));
    }
    for (path, process) in processes {
        match process.join() {
            Ok(()) => {}
            Err(JoinError::Refused(failure)) => println!("/{path} failed: {failure}"),
            Err(error) => println!("/{path} failed: {error}"),
        }
    }
    for page in pages.iter()? {
        println!("Fetched: {page}");
    }
    system.shutdown()
}
