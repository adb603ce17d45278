//! The robust lock in shared memory.
#![allow(unsafe_code)]

use std::io;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::os::fd::AsFd;
use std::ptr::NonNull;
use std::sync::atomic::Ordering;

use nix::libc;

use super::LOCK_BYTES;
use crate::memory::Mapping;
use crate::sys;

const _: () = assert!(align_of::<libc::pthread_mutex_t>() <= LOCK_BYTES, "the lock's place is a multiple of this");

/// Shared memory, and a lock across its end that this thread holds: the half word that the kernel marks when the thread ends is
/// in that memory, as its last word; all else of the lock, above all its pointers, is in memory of this process's own behind it.
/// So what others write to the shared memory cannot lead the C library astray.
///
/// It relies on that half word being the lock's first (so in the GNU C library for 64-bit machines, in whose first eight
/// bytes is nothing else that is used for a lock of this kind), and checks this when it has locked.
#[derive(Debug)]
pub(super) struct Hold {
    map: ManuallyDrop<Mapping>,
    /// How many bytes of the mapping are before the lock.
    lock_offset: usize,
    lock: NonNull<libc::pthread_mutex_t>,
    /// The lock belongs to one thread.
    thread: PhantomData<*const ()>,
}

impl Hold {
    /// Maps a file of a length that is a multiple of the page size.
    pub(super) fn new(file: impl AsFd, length: usize) -> io::Result<Hold> {
        if cfg!(not(all(target_env = "gnu", target_pointer_width = "64"))) || sys::robust_list().0 == 0 {
            return Err(io::ErrorKind::Unsupported.into());
        }
        let map = Mapping::with_private_page(file, length, crate::sys::page_bytes()?)?;
        let offset = length - LOCK_BYTES;
        let lock = map.address(offset, size_of::<libc::pthread_mutex_t>()).ok_or(io::ErrorKind::Unsupported)?.cast();
        init(lock)?;
        // SAFETY: the lock has just been made, and nobody else knows of it.
        result(unsafe { libc::pthread_mutex_lock(lock.as_ptr()) })?;
        let hold = Hold { map: ManuallyDrop::new(map), lock_offset: offset, lock, thread: PhantomData };
        let holder = hold.map().half_word(offset / size_of::<u32>()).map_or(0, |word| word.load(Ordering::SeqCst));
        // Unlocked by the drop, if it is not so.
        let is_as_known = holder.cast_signed() == nix::unistd::gettid().as_raw();
        if is_as_known { Ok(hold) } else { Err(io::ErrorKind::Unsupported.into()) }
    }

    #[inline]
    pub(super) fn map(&self) -> &Mapping {
        &self.map
    }

    #[inline]
    pub(super) fn lock_offset(&self) -> usize {
        self.lock_offset
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        // SAFETY: the lock was made by `new`, is still mapped, and is unlocked by the thread that locked it, or refused.
        let outcome = unsafe { libc::pthread_mutex_unlock(self.lock.as_ptr()) };
        if outcome == 0 {
            // SAFETY: the drop happens once, and the kernel knows of the lock no more.
            unsafe { ManuallyDrop::drop(&mut self.map) };
        }
        // Refused: somebody has overwritten it, or this is a copy of the process. The thread's list of locks still
        // leads here, so the memory stays until the process ends.
    }
}

/// Makes a lock that processes share, and that says so if its holder ends.
fn init(lock: NonNull<libc::pthread_mutex_t>) -> io::Result<()> {
    let mut attributes = MaybeUninit::<libc::pthread_mutexattr_t>::uninit();
    // SAFETY: it initialises what it is given.
    result(unsafe { libc::pthread_mutexattr_init(attributes.as_mut_ptr()) })?;
    // SAFETY: the attributes are initialised.
    let shared = unsafe { libc::pthread_mutexattr_setpshared(attributes.as_mut_ptr(), libc::PTHREAD_PROCESS_SHARED) };
    // SAFETY: as above.
    let robust = unsafe { libc::pthread_mutexattr_setrobust(attributes.as_mut_ptr(), libc::PTHREAD_MUTEX_ROBUST) };
    // SAFETY: the lock's place lies within a mapping, is aligned, and is used by nobody; the attributes are initialised.
    let made = unsafe { libc::pthread_mutex_init(lock.as_ptr(), attributes.as_ptr()) };
    // SAFETY: the attributes are initialised, and not used afterwards.
    unsafe { libc::pthread_mutexattr_destroy(attributes.as_mut_ptr()) };
    [shared, robust, made].into_iter().try_for_each(result)
}

fn result(code: libc::c_int) -> io::Result<()> {
    if code == 0 { Ok(()) } else { Err(io::Error::from_raw_os_error(code)) }
}
