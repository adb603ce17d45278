//! The supervisor process: parent and only reaper of every process of a system.
//!
//! It has one thread, never runs code of its user, never blocks, and owes nobody more than that endpoint has asked for.
//!
//! | file | what of it |
//! |---|---|
//! | `office.rs` | its state, its loop, and what it says to whom |
//! | `table.rs`, `record.rs` | the process table and what is in it |
//! | `station.rs` | its end of each control socket |
//! | `desk.rs` | what it is asked |
//! | `introductions.rs` | connecting processes with each other |
//! | `launching.rs`, `workshop.rs` | making processes; the zygote and its clones |
//! | `deaths.rs` | what happens when one has ended |
//! | `stopping.rs` | stopping them, with deadlines; the system's end |
//! | `group.rs`, `groups.rs` | supervisors in OTP's sense: their state, and carrying out their rules |
//! | `tail.rs` | the last lines of a standard error |

mod deaths;
mod desk;
mod group;
mod groups;
mod introductions;
mod launching;
mod office;
mod record;
mod station;
mod stopping;
mod table;
mod tail;
mod workshop;

use std::os::fd::{AsFd, OwnedFd};

use crate::{sys, voice, zygote};

use self::office::Office;

/// Becomes the supervisor of a system. Its last act is to end everything that is left of it.
pub(crate) fn run(system: u64, socket: OwnedFd) -> ! {
    let root = nix::unistd::getppid();
    sys::reset_signals();
    sys::close_above(sys::MARKED_DESCRIPTOR);
    sys::find_title();
    if let Ok(null) = std::fs::File::open("/dev/null") {
        let _ = sys::replace_standard(null.as_fd(), 0);
    }
    let code = match supervise(system, socket, root) {
        Ok(()) => 0,
        Err(error) => {
            tracing::error!(%error, "the supervisor failed");
            1
        }
    };
    stopping::clear_the_house();
    std::process::exit(code)
}

fn supervise(system: u64, socket: OwnedFd, root: nix::unistd::Pid) -> Result<(), crate::error::RuntimeError> {
    let allowance = sys::allowance()?;
    voice::prepare();
    // The zygote is made before there is anything else to copy. Other threads would be missing in its copies.
    let zygote = if sys::thread_count() == 1 { Some(zygote::start(&allowance)?) } else { None };
    sys::set_title("supervisor", "procession supervisor");
    allowance.raise_descriptors();
    sys::adopt_orphans()?;
    preside(system, socket, root, allowance, zygote)
}

/// Not a part of its caller, whose stack the zygote has, too, and all its clones.
#[inline(never)]
fn preside(
    system: u64,
    socket: OwnedFd,
    root: nix::unistd::Pid,
    allowance: sys::Allowance,
    zygote: Option<zygote::Zygote>,
) -> Result<(), crate::error::RuntimeError> {
    Office::new(system, socket, root, allowance, zygote)?.run()
}
