//! Memory that several processes share: files in memory whose length nobody can change, and whose space is reserved.

mod sys;

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;

use nix::fcntl::{FallocateFlags, FcntlArg, SealFlag, fallocate, fcntl};
use nix::sys::resource::{Resource, getrlimit};
use nix::sys::statfs::{TMPFS_MAGIC, fstatfs};

pub use self::sys::Mapping;

/// Makes a file of a length that nobody can change any more. All of its space is there: no touch of it can fail.
///
/// # Errors
/// The system's, if it has no memory or descriptors left.
pub fn reserve(name: &str, length: usize) -> io::Result<File> {
    reserve_first(name, length, length)
}

/// The same, of which only the first part is there: for the rest, see [`Mapping::populate`].
///
/// # Errors
/// The system's, if it has no memory or descriptors left.
pub fn reserve_first(name: &str, first: usize, length: usize) -> io::Result<File> {
    // The kernel holds such files, too, to the limit, and would send a signal.
    if getrlimit(Resource::RLIMIT_FSIZE)?.0 < length as u64 {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    let file = File::from(crate::memory_file(name)?);
    fallocate(&file, FallocateFlags::empty(), 0, i64::try_from(first).map_err(|_| io::ErrorKind::OutOfMemory)?)?;
    if length > first {
        file.set_len(length as u64)?;
    }
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file)
}

/// Checks that a descriptor from another process is that of a file of at least `least` bytes, whose length nobody can change;
/// gives its length, too.
///
/// # Errors
/// [`InvalidInput`](io::ErrorKind::InvalidInput) if it is not, or the system's.
pub fn check(file: OwnedFd, least: usize) -> io::Result<(File, usize)> {
    let seals = SealFlag::from_bits_truncate(fcntl(&file, FcntlArg::F_GET_SEALS)?);
    let file = File::from(file);
    let length = usize::try_from(file.metadata()?.len()).map_err(|_| io::ErrorKind::InvalidInput)?;
    let is_fixed = seals.contains(SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW);
    // Where a file of huge pages has a hole and there are no more of them, a touch ends the process by SIGBUS.
    let is_sound = length >= least && is_fixed && fstatfs(&file)?.filesystem_type() == TMPFS_MAGIC;
    if is_sound { Ok((file, length)) } else { Err(io::ErrorKind::InvalidInput.into()) }
}
