//! Erlang: processes on two nodes of this host.
//!
//! The other node listens at a port that is found to be free, and the asker is told that port: no daemon that knows names.

use procession_benches::python::Interpreter;
use procession_benches::{Burst, Failure, Pinning};
use std::fs;
use std::net::TcpListener;
use std::process::{Command, Stdio};
use tempfile::TempDir;

/// What both nodes run.
const PROGRAM: &str = include_str!("bench_peer.erl");

/// The nodes' names; the part behind the sign is where they listen.
const ANSWERER: &str = "answerer@127.0.0.1";
const ASKER: &str = "asker@127.0.0.1";

/// Returns the version of Erlang/OTP, if it is installed.
pub fn version() -> Option<String> {
    let code = "io:format(\"~s\", [erlang:system_info(otp_release)]), halt(0).";
    let output = Command::new("erl").args(["-noshell", "-eval", code]).stdin(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_string())
}

/// Starts a round trip of 64 bytes.
///
/// # Errors
///
/// `Unavailable` without Erlang.
pub fn round_trip(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    start("ask", pinning)
}

/// Starts one-way messages of 64 bytes.
///
/// # Errors
///
/// `Unavailable` without Erlang.
pub fn one_way(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    start("tell", pinning)
}

/// Starts four senders of 64 bytes, which are processes of the other node.
///
/// # Errors
///
/// `Unavailable` without Erlang.
pub fn fan_in(pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    start("collect", pinning)
}

/// Two nodes; the asker goes first.
struct Nodes {
    asker: Interpreter,
    _answerer: Interpreter,
    _folder: TempDir,
}

impl Burst for Nodes {
    fn run(&mut self, operations: u64) -> Result<(), Failure> {
        self.asker.run(operations)
    }
}

fn start(function: &str, pinning: &Pinning) -> Result<Box<dyn Burst>, Failure> {
    let folder = compile()?;
    let port = TcpListener::bind("127.0.0.1:0")?.local_addr()?.port();
    let mut answerer = node(&folder, ANSWERER, port);
    answerer.args(["-run", "bench_peer", "answer"]);
    let answerer = Interpreter::start_command(answerer, pinning)?;
    pinning.place_peer(answerer.pid())?;
    let mut asker = node(&folder, ASKER, port);
    asker.args(["-dist_listen", "false", "-run", "bench_peer", function, "-extra", ANSWERER]);
    let asker = Interpreter::start_command(asker, pinning)?;
    Ok(Box::new(Nodes { asker, _answerer: answerer, _folder: folder }))
}

/// Compiles the program into a folder of its own.
fn compile() -> Result<TempDir, Failure> {
    let folder = tempfile::tempdir()?;
    fs::write(folder.path().join("bench_peer.erl"), PROGRAM)?;
    let mut compiler = Command::new("erlc");
    let outcome = compiler.arg("bench_peer.erl").current_dir(folder.path()).stdin(Stdio::null()).status();
    match outcome {
        Ok(status) if status.success() => Ok(folder),
        Ok(_) => Err(Failure::Wrong("erlc does not take the program".to_string())),
        Err(_) => Err(Failure::Unavailable("Erlang is not installed".to_string())),
    }
}

fn node(folder: &TempDir, name: &str, port: u16) -> Command {
    let mut command = Command::new("erl");
    command.current_dir(folder.path()).env("HOME", folder.path());
    command.args(["-noshell", "-name", name, "-setcookie", "peers", "-start_epmd", "false"]);
    command.args(["-erl_epmd_port", &port.to_string(), "-kernel", "inet_dist_use_interface", "{127,0,0,1}"]);
    command
}
