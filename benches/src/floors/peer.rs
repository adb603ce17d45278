//! A second process for a floor: this executable again, with a private argument.

use crate::failure::Failure;
use crate::floors::role::Role;
use crate::pinning::Pinning;
use nix::sys::prctl::set_pdeathsig;
use nix::sys::signal::Signal;
use nix::unistd::getppid;
use std::env;
use std::io::{self, ErrorKind, Write};
use std::net::Shutdown;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio, exit};

/// The argument that makes this executable a peer; the parent's id and the role follow.
const MARK: &str = "--floor-peer";

/// A running peer; dropping it ends the process.
#[derive(Debug)]
pub struct Peer {
    child: Child,
    /// The bench process's end of the socket.
    pub socket: UnixStream,
}

impl Peer {
    /// Returns the id of the process.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Starts a peer and puts it where the pinning says. To be called by the main thread: the peer dies with its creator.
    ///
    /// # Errors
    ///
    /// Fails if there are no descriptors or processes left.
    pub fn start(role: Role, pinning: &Pinning) -> Result<Self, Failure> {
        let (socket, other) = UnixStream::pair()?;
        Self::start_with(role, pinning, socket, other)
    }

    /// Starts a peer with a socket pair made by the caller.
    ///
    /// # Errors
    ///
    /// Fails if there are no descriptors or processes left.
    pub fn start_with(role: Role, pinning: &Pinning, socket: UnixStream, other: UnixStream) -> Result<Self, Failure> {
        let child = Command::new("/proc/self/exe")
            .args([MARK, &std::process::id().to_string(), role.word])
            .stdin(Stdio::from(OwnedFd::from(other)))
            .stdout(Stdio::null())
            .spawn()?;
        let peer = Peer { child, socket };
        pinning.place_peer(peer.child.id())?;
        Ok(peer)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Each of these fails only if the peer is gone already.
        let _ = self.socket.shutdown(Shutdown::Both);
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Plays the one of the roles that the command line names and never returns, or returns at once if this process is no peer.
pub fn serve_if_asked(roles: &[Role]) {
    let mut arguments = env::args().skip(1);
    if arguments.next().as_deref() != Some(MARK) {
        return;
    }
    let parent = arguments.next();
    let word = arguments.next();
    let role = roles.iter().find(|role| Some(role.word) == word.as_deref());
    let code = match serve(parent.as_deref(), role) {
        Ok(()) => 0,
        // The bench process has closed its end: an end like any other.
        Err(Failure::System(error)) if matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset) => 0,
        Err(failure) => {
            // Nobody is left to tell if this fails too.
            let _ = writeln!(io::stderr(), "floor peer: {failure}");
            1
        }
    };
    exit(code)
}

fn serve(parent: Option<&str>, role: Option<&Role>) -> Result<(), Failure> {
    let parent: i32 = parent.and_then(|word| word.parse().ok()).ok_or_else(|| wrong("no parent"))?;
    let role = role.ok_or_else(|| wrong("no such role"))?;
    die_with_parent(parent)?;
    let socket = io::stdin().as_fd().try_clone_to_owned()?;
    (role.play)(UnixStream::from(socket))
}

/// Makes the kernel kill this process when the one that created it ends.
///
/// # Errors
///
/// Fails if it has ended already.
pub(crate) fn die_with_parent(parent: i32) -> Result<(), Failure> {
    set_pdeathsig(Signal::SIGKILL)?;
    if getppid().as_raw() == parent { Ok(()) } else { Err(wrong("the parent is gone")) }
}

fn wrong(text: &str) -> Failure {
    Failure::Wrong(text.to_string())
}
