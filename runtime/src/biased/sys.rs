//! The lock's content, the kernel's barrier, and which thread this is.
#![allow(unsafe_code)]

use std::cell::UnsafeCell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering, compiler_fence, fence};
use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;
use std::time::Duration;

use nix::libc;

use super::{Flags, TIMES_ALONE};

/// The commands of membarrier(2).
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

/// How often somebody looks in vain whether the owner has left, before it sleeps between two looks.
const LOOKS: u32 = 100;

/// How long it sleeps then.
const PAUSE: Duration = Duration::from_micros(50);

/// How long it is waited instead of a barrier that the kernel refuses though it has provided for it.
const REFUSED_PAUSE: Duration = Duration::from_millis(1);

/// Whether owners leave barriers to the others. A copy of this process inherits that, and the kernel's knowledge of it.
static IS_PREPARED: AtomicBool = AtomicBool::new(false);

thread_local! {
    static HERE: u8 = const { 0 };
}

/// A value behind a lock that one thread takes nearly always.
pub(crate) struct Biased<T> {
    /// The thread that has made it.
    owner: usize,
    flags: Flags<AtomicBool>,
    /// How often the owner has queued since somebody else was in.
    queue: Mutex<u32>,
    /// The other thread that has the turn; 0 for none.
    other: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: only who holds the lock gets at the value, from one thread at a time: see `Held`.
unsafe impl<T: Send> Sync for Biased<T> {}

/// The value in its owner's hands: no more than a word, since each message has one.
///
/// `inside` is set, and after a barrier `queues` was not, or `inside` was set while the owner had the turn: whoever else wants the lock
/// sets `queues`, passes a barrier, and waits in its turn until `inside` is not set.
pub(crate) struct Own<'a, T> {
    lock: &'a Biased<T>,
    /// It stays in its thread, and is shared among threads only if the value may be.
    content: PhantomData<(&'a mut T, MutexGuard<'a, ()>)>,
}

/// The value in another thread's hands, which has the turn: the owner is not inside, and cannot come in before this ends, since
/// `queues` is set.
pub(crate) struct Turn<'a, T> {
    lock: &'a Biased<T>,
    _turn: MutexGuard<'a, u32>,
    /// It is shared among threads only if the value may be.
    content: PhantomData<&'a mut T>,
}

/// The value, while the lock is held. There is one at a time that is used.
pub(crate) enum Held<'a, T> {
    Own(Own<'a, T>),
    Turn(Turn<'a, T>),
}

impl<T> Biased<T> {
    /// Makes one that is this thread's.
    pub(crate) fn new(value: T) -> Biased<T> {
        let (owner, flags, queue, other) = (here(), Flags::default(), Mutex::new(0), AtomicUsize::new(0));
        Biased { owner, flags, queue, other, value: UnsafeCell::new(value) }
    }

    /// Takes the lock; `None` for who holds it already.
    pub(crate) fn lock(&self) -> Option<Held<'_, T>> {
        if self.owner == here() { self.lock_own().map(Held::Own) } else { self.lock_as_other().map(Held::Turn) }
    }

    /// The owner takes the lock; `None` if it holds it already, or for others.
    #[inline(always)]
    pub(crate) fn lock_own(&self) -> Option<Own<'_, T>> {
        if self.owner != here() || self.flags.is_inside() {
            return None;
        }
        if !self.flags.come_in(light_barrier) {
            self.queue_up();
        }
        Some(Own { lock: self, content: PhantomData })
    }

    /// Takes the lock unless somebody else holds it.
    pub(crate) fn try_lock(&self) -> Option<Held<'_, T>> {
        if self.owner == here() {
            return self.lock_own().map(Held::Own);
        }
        let turn = match self.queue.try_lock() {
            Ok(turn) => turn,
            Err(TryLockError::Poisoned(turn)) => turn.into_inner(),
            Err(TryLockError::WouldBlock) => return None,
        };
        let held = self.claim(turn);
        self.flags.has_left().then_some(Held::Turn(held))
    }

    /// The owner comes in in its turn, which it need not keep: who has the next one waits until it has left.
    #[cold]
    fn queue_up(&self) {
        let mut turn = self.queue.lock().unwrap_or_else(PoisonError::into_inner);
        self.flags.stay();
        *turn += 1;
        if *turn >= TIMES_ALONE {
            self.flags.dismiss();
        }
    }

    #[cold]
    fn lock_as_other(&self) -> Option<Turn<'_, T>> {
        if self.other.load(Ordering::Relaxed) == here() {
            return None;
        }
        let held = self.claim(self.queue.lock().unwrap_or_else(PoisonError::into_inner));
        let mut looks = 0;
        while !self.flags.has_left() {
            // Only what writes a message may take long; where that matters, the lock is tried. Who kills the owner kills this thread.
            looks += 1;
            if looks < LOOKS { thread::yield_now() } else { thread::sleep(PAUSE) }
        }
        Some(held)
    }

    fn claim<'a>(&'a self, mut turn: MutexGuard<'a, u32>) -> Turn<'a, T> {
        *turn = 0;
        self.other.store(here(), Ordering::Relaxed);
        self.flags.claim(heavy_barrier);
        Turn { lock: self, _turn: turn, content: PhantomData }
    }
}

impl<T> Drop for Own<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.lock.flags.leave();
    }
}

impl<T> Drop for Turn<'_, T> {
    fn drop(&mut self) {
        // The turn itself ends behind that.
        self.lock.other.store(0, Ordering::Relaxed);
    }
}

impl<T> Deref for Own<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: nobody else holds the lock, and this is in one thread's hands, as a guard of a mutex is.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Own<'_, T> {
    #[inline(always)]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as above, and it is borrowed alone.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Deref for Turn<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: as for the owner's.
        unsafe { &*self.lock.value.get() }
    }
}

impl<T> DerefMut for Turn<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as for the owner's.
        unsafe { &mut *self.lock.value.get() }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match self {
            Held::Own(own) => own,
            Held::Turn(turn) => turn,
        }
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match self {
            Held::Own(own) => own,
            Held::Turn(turn) => turn,
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Biased<T> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Biased").field("flags", &self.flags).finish_non_exhaustive()
    }
}

/// Has owners leave barriers to the others from now on, if the kernel provides for that. The first time it takes some 10 ms where
/// there are several threads, less than 50 µs where there is one.
pub(crate) fn prepare() {
    if !IS_PREPARED.load(Ordering::Relaxed) && membarrier(REGISTER_PRIVATE_EXPEDITED) {
        IS_PREPARED.store(true, Ordering::Release);
    }
}

/// Which thread this is, as long as it lives.
#[inline(always)]
fn here() -> usize {
    HERE.with(|here| std::ptr::from_ref(here).addr())
}

/// The owner's barrier.
#[inline(always)]
fn light_barrier() {
    if IS_PREPARED.load(Ordering::Relaxed) {
        compiler_fence(Ordering::SeqCst);
    } else {
        fence(Ordering::SeqCst);
    }
}

/// The others' barrier: for all threads of this process.
fn heavy_barrier() {
    let is_passed =
        membarrier(PRIVATE_EXPEDITED) || membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED);
    if !is_passed && IS_PREPARED.load(Ordering::Relaxed) {
        // System calls are filtered since then. What an owner has written is seen everywhere long before this is over.
        thread::sleep(REFUSED_PAUSE);
    }
    // Where owners are not told to leave it to others, they have one, too.
    fence(Ordering::SeqCst);
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: plain numbers; the kernel writes nothing.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// What loom's cell gives, changed.
#[cfg(test)]
pub(super) fn add_one(value: *mut u32) {
    // SAFETY: loom's cell gives a pointer to its value, and fails if it is used twice at a time.
    unsafe { *value += 1 }
}

#[cfg(test)]
pub(super) fn read(value: *const u32) -> u32 {
    // SAFETY: as above.
    unsafe { *value }
}
