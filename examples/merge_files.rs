//! Several files, each read by a process of its own, merged into one in order.
//!
//! `cargo run --release --example merge_files [OUTPUT FILE...]`

use std::fs::{self, File};
use std::io::Write;
use std::path::PathBuf;

use procession::prelude::*;

fn read((path, contents): (String, Sender<()>)) -> Result<(), Failure> {
    contents.send_bytes(&fs::read(path)?)?;
    Ok(())
}

/// Starts a process that reads a file, and gives the pipe over which the contents come.
fn start(system: &System, path: String) -> procession::Result<(TryChild<(), Failure>, Receiver<()>)> {
    let (receiver, sender) = Pipe::one_way()?;
    Ok((system.try_process(read, (path, sender)).start()?, receiver))
}

fn main_of(output: PathBuf, paths: Vec<String>) -> procession::Result<()> {
    let system = System::start()?;
    let readers = paths.into_iter().map(|path| start(&system, path)).collect::<Result<Vec<_>, _>>()?;
    let (mut merged, mut bytes) = (File::create(output)?, 0);
    for (reader, contents) in &readers {
        // All of them read at the same time; whoever comes too early waits in its pipe.
        match contents.recv_bytes() {
            Ok(contents) => {
                merged.write_all(&contents)?;
                bytes += contents.len();
            }
            // It ended without a word: its end says why.
            Err(_) => drop(reader.join()?),
        }
    }
    println!("Merged {} files of {bytes} bytes", readers.len());
    system.shutdown()
}

#[procession::main]
fn main() -> procession::Result<()> {
    let mut arguments = std::env::args().skip(1);
    if let Some(output) = arguments.next() {
        return main_of(output.into(), arguments.collect());
    }
    let folder = tempfile::tempdir()?;
    let names = ["file1.txt", "file2.txt", "file3.txt"].map(|name| folder.path().join(name));
    for path in &names {
        fs::write(path, "a line of a file\n")?;
    }
    let output = folder.path().join("output.txt");
    main_of(output.clone(), names.iter().map(|path| path.display().to_string()).collect())?;
    print!("{}", fs::read_to_string(output)?);
    Ok(())
}
