//! The fork in the road at the start of every process of the program.

use std::os::fd::OwnedFd;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::entry::build_id;
use crate::{child, supervisor, sys};

/// The variable that tells a started image what it is to be. It is removed before any code of the user runs.
const MARKER: &str = "PROCESSION_PROCESS";

/// Whether this program has the hook at all: without it, starting it again would run its `main` again.
static HOOKED: AtomicBool = AtomicBool::new(false);

/// What the floor above does in the process that actors are copied from.
static PREPARATION: OnceLock<fn()> = OnceLock::new();

/// What an image is started as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Role {
    /// The supervisor of this system.
    Supervisor(u64),
    /// An actor, without a zygote.
    Actor,
}

impl Role {
    /// The variable that marks a process of this role.
    pub(crate) fn marker(self) -> (&'static str, String) {
        let role = match self {
            Role::Supervisor(system) => format!("supervisor:{system:x}"),
            Role::Actor => "actor:0".to_owned(),
        };
        (MARKER, format!("{role}:{:x}:{}", build_id(), std::process::id()))
    }

    fn parse(marker: &str) -> Option<Role> {
        let mut parts = marker.split(':');
        let (role, system) = (parts.next()?, u64::from_str_radix(parts.next()?, 16).ok()?);
        let (build, parent) = (u64::from_str_radix(parts.next()?, 16).ok()?, parts.next()?.parse().ok()?);
        let is_ours = build == build_id() && nix::unistd::getppid().as_raw() == parent && parts.next().is_none();
        match role {
            "supervisor" if is_ours => Some(Role::Supervisor(system)),
            "actor" if is_ours => Some(Role::Actor),
            _ => None,
        }
    }
}

/// Has the process that actors are copied from run this once, before the first copy: what it makes (thread-locals, scratch
/// memory), every actor finds made. To be called before the hook.
pub fn before_copies(prepare: fn()) {
    let _ = PREPARATION.set(prepare);
}

/// Runs what [`before_copies`] was given.
pub(crate) fn prepare_copies() {
    if let Some(prepare) = PREPARATION.get() {
        prepare();
    }
}

/// Becomes the supervisor or an actor if this process was started to be one, and does not return then.
///
/// `#[procession::main]` calls it before `main`. It acts only on a marker whose every part fits: the build, the parent,
/// and a socket at the expected place that the parent has made.
pub fn hook() {
    HOOKED.store(true, Ordering::Relaxed);
    let Ok(marker) = std::env::var(MARKER) else { return };
    sys::remove_variable(MARKER);
    let Some((role, socket)) = Role::parse(&marker).and_then(|role| Some((role, socket()?))) else {
        return;
    };
    match role {
        Role::Supervisor(system) => supervisor::run(system, socket),
        Role::Actor => child::run_image(socket),
    }
}

/// The [`hook`] for an entry of `.init_array`, which is how test binaries get it: their `main` is not ours to wrap.
pub extern "C" fn test_hook() {
    hook();
}

/// Whether the hook has run in this process.
pub(crate) fn is_hooked() -> bool {
    HOOKED.load(Ordering::Relaxed)
}

fn socket() -> Option<OwnedFd> {
    let socket = sys::marked_socket()?;
    (sys::peer(&socket).ok()? == nix::unistd::getppid()).then_some(socket)
}
