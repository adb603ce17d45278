//! The system calls of this crate, and its only unsafe code.
#![allow(unsafe_code)]

use std::any::TypeId;
use std::ffi::{CString, OsStr};
use std::fs::File;
use std::io;
use std::marker::PhantomData;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bytes::Bytes;
use nix::fcntl::{FcntlArg, SealFlag, fcntl};
use nix::libc;
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::spawn::{PosixSpawnAttr, PosixSpawnFileActions, PosixSpawnFlags, posix_spawn};
use nix::sys::resource::{Resource, getrlimit, setrlimit};
use nix::sys::signal::{SigSet, SigmaskHow, Signal, sigprocmask};
use nix::sys::signalfd::{SfdFlags, SignalFd};
use nix::unistd::{ForkResult, Pid};

use crate::entry::{Call, Entry, Run};

// SAFETY: the linker defines both; their addresses alone are used, never what is there.
unsafe extern "C" {
    /// First byte of the image that this code is linked into; defined by the linker.
    static __ehdr_start: u8;
    /// First byte after that image; defined by the linker.
    static _end: u8;
}

/// Where the image starts in memory.
pub(crate) fn image_start() -> usize {
    (&raw const __ehdr_start).addr()
}

/// Size of the image in memory, in bytes.
pub(crate) fn image_bytes() -> usize {
    (&raw const _end).addr() - image_start()
}

/// Whether `length` bytes from `address` on lie inside the image.
pub(crate) fn image_contains(address: usize, length: usize) -> bool {
    let end = (&raw const _end).addr();
    address >= image_start() && address <= end.saturating_sub(length)
}

/// The part of an [`Entry`] that says what it is, whatever its code.
#[repr(C)]
struct EntryHead {
    magic: u64,
    code_type: TypeId,
}

/// Reads what should be an [`Entry`] at an aligned address inside the image; `None` if its magic number is not there, or if
/// its code is of another type.
pub(crate) fn entry_at<C: Copy + 'static>(address: usize, magic: u64) -> Option<&'static Entry<C>> {
    let start: *const u64 = std::ptr::with_exposed_provenance(address);
    // SAFETY: the caller has checked that the address is aligned and lies inside the image, whose segments stay mapped
    // for the process's life. Any eight bytes are a valid `u64`; nothing writes to a static without interior mutability.
    let found = unsafe { start.read_volatile() };
    if found != magic {
        return None;
    }
    // SAFETY: only `Entry::of_code` makes this magic number, in statics that begin like this whatever the type of their code.
    let head = unsafe { &*start.cast::<EntryHead>() };
    // SAFETY: it is the head of an entry, and its maker has put down that its code is of this type; the hash of what the entry
    // is for is compared by the caller as data before the code is called.
    (head.code_type == TypeId::of::<C>()).then(|| unsafe { &*start.cast::<Entry<C>>() })
}

type RoutineEntry<F, R> = Entry<fn(<R as Call<F>>::Input) -> <R as Call<F>>::Output>;

/// The entries of a function: an item, or a closure that captures nothing, whose type has no bytes.
///
/// Only [`Entry::of_function`] and [`Entry::of_routine`] give them out, to somebody who holds a value of the type.
#[derive(Debug)]
pub(crate) struct FunctionEntry<F, R>(PhantomData<fn(F) -> R>);

impl<F: Copy + 'static, R> FunctionEntry<F, R> {
    const HAS_NO_BYTES: () = assert!(
        size_of::<F>() == 0,
        "a process function must not capture anything: give it its data as arguments (function pointers do not do either)"
    );

    fn summon() -> F {
        const { Self::HAS_NO_BYTES };
        // SAFETY: the type has no bytes, so any aligned non-null pointer is valid for reading it. That a value may exist was
        // shown where this process was asked for: `of_function` or `of_routine` took one, and the type is `Copy`.
        unsafe { std::ptr::NonNull::<F>::dangling().read() }
    }
}

impl<F: Copy + 'static, R: Run<F>> FunctionEntry<F, R> {
    pub(crate) const MAIN: &'static Entry = &Entry::new::<(F, R)>(|process| R::run(Self::summon(), process));
}

impl<F: Copy + 'static, R: Call<F>> FunctionEntry<F, R> {
    pub(crate) const ROUTINE: &'static RoutineEntry<F, R> =
        &Entry::of_code::<(F, R)>(|input| R::call(Self::summon(), input));
}

/// Puts bytes in an anonymous file that nobody can change any more.
pub(crate) fn sealed_file(bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = std::fs::File::from(procession_transport::memory_file("procession-value")?);
    file.write_all_at(bytes, 0)?;
    let seals = SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_WRITE | SealFlag::F_SEAL_SEAL;
    fcntl(&file, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(file.into())
}

/// Reads a sealed file whole, into aligned memory.
pub(crate) fn read_sealed(file: OwnedFd) -> Result<Bytes, crate::error::RuntimeError> {
    let file = std::fs::File::from(file);
    let length = usize::try_from(file.metadata()?.len()).map_err(|_| crate::error::RuntimeError::TooLarge)?;
    let mut buffer = procession_transport::aligned_buffer(length);
    buffer.resize(length, 0);
    file.read_exact_at(&mut buffer, 0)?;
    Ok(buffer.freeze())
}

/// Room that a new image leaves for its title in `argv[0]`, in bytes.
const TITLE_BYTES: usize = 96;

/// Starts this program again, as a process group of its own if asked, with `socket` as descriptor 3 and the variable
/// `marker` set. `posix_spawn` neither copies this process's memory map nor runs code of ours in between.
pub(crate) fn spawn_self(
    socket: BorrowedFd<'_>,
    title: &str,
    marker: (&str, &str),
    own_group: bool,
) -> io::Result<Pid> {
    let mut actions = PosixSpawnFileActions::init()?;
    actions.add_dup2(socket.as_raw_fd(), MARKED_DESCRIPTOR)?;
    let mut attributes = PosixSpawnAttr::init()?;
    let mut flags = PosixSpawnFlags::POSIX_SPAWN_SETSIGMASK;
    attributes.set_sigmask(&SigSet::empty())?;
    if own_group {
        flags |= PosixSpawnFlags::POSIX_SPAWN_SETPGROUP;
        attributes.set_pgroup(Pid::from_raw(0))?;
    }
    attributes.set_flags(flags)?;
    let mut arguments = vec![c_string(OsStr::new(&format!("{title:<TITLE_BYTES$}")))?];
    for argument in std::env::args_os().skip(1) {
        arguments.push(c_string(&argument)?);
    }
    let mut environment = vec![c_string(OsStr::new(&format!("{}={}", marker.0, marker.1)))?];
    for (name, value) in std::env::vars_os().filter(|(name, _)| name != marker.0) {
        let mut entry = name;
        entry.push("=");
        entry.push(value);
        environment.push(c_string(&entry)?);
    }
    // Opened here, and not left to `posix_spawn`: under valgrind, that would find valgrind.
    let image = File::open("/proc/self/exe")?;
    let image = if image.as_raw_fd() == MARKED_DESCRIPTOR { &image.try_clone()? } else { &image };
    let path = format!("/proc/self/fd/{}", image.as_raw_fd());
    // A descriptor 3 that is the socket itself would keep its close-on-exec flag; `add_dup2` clears it also then.
    Ok(posix_spawn(path.as_str(), &actions, &attributes, &arguments, &environment)?)
}

/// The descriptor that a started image finds its socket at.
pub(crate) const MARKED_DESCRIPTOR: RawFd = 3;

fn c_string(text: &OsStr) -> io::Result<CString> {
    Ok(CString::new(text.as_bytes())?)
}

/// Takes possession of the descriptor that the marker named.
pub(crate) fn marked_socket() -> Option<OwnedFd> {
    let kind = nix::sys::stat::fstat(raw(MARKED_DESCRIPTOR)).ok()?.st_mode & libc::S_IFMT;
    if kind != libc::S_IFSOCK {
        return None;
    }
    // SAFETY: the descriptor is open, the marker says that it was put there for us, and the marker is taken once.
    let socket = unsafe { OwnedFd::from_raw_fd(MARKED_DESCRIPTOR) };
    fcntl(&socket, FcntlArg::F_SETFD(nix::fcntl::FdFlag::FD_CLOEXEC)).ok()?;
    Some(socket)
}

fn raw(descriptor: RawFd) -> BorrowedFd<'static> {
    // SAFETY: used for calls that answer EBADF if the descriptor is not open; never -1.
    unsafe { BorrowedFd::borrow_raw(descriptor) }
}

/// Which process made this socket pair.
pub(crate) fn peer(socket: impl AsFd) -> nix::Result<Pid> {
    let credentials = nix::sys::socket::getsockopt(&socket, nix::sys::socket::sockopt::PeerCredentials)?;
    Ok(Pid::from_raw(credentials.pid()))
}

/// Removes a variable from the environment.
pub(crate) fn remove_variable(name: &str) {
    // SAFETY: called by the hook, before `main`'s own code and before this program has started any thread.
    unsafe { std::env::remove_var(name) }
}

/// Sets a variable in the environment.
pub(crate) fn set_variable(name: &str, value: &str) {
    // SAFETY: called in a new process that has one thread and runs no code of its user yet.
    unsafe { std::env::set_var(name, value) }
}

/// Number of threads of this process.
pub(crate) fn thread_count() -> usize {
    std::fs::read_dir("/proc/self/task").map_or(1, Iterator::count)
}

/// Which child a clone is in.
#[derive(Debug)]
pub(crate) enum Cloned {
    /// The caller, and the new process's id.
    Original(Pid),
    /// The new process.
    Copy,
}

/// Forks this process. The caller has one thread.
pub(crate) fn fork() -> nix::Result<Cloned> {
    // SAFETY: the caller has one thread, so the child may do whatever the parent may.
    match unsafe { nix::unistd::fork() }? {
        ForkResult::Parent { child } => Ok(Cloned::Original(child)),
        ForkResult::Child => Ok(Cloned::Copy),
    }
}

/// Where the kernel finds what this thread's robust locks are: an address and a length. The address is 0 if it knows of none.
pub(crate) fn robust_list() -> (usize, usize) {
    let (mut head, mut length) = (0_usize, 0_usize);
    // SAFETY: the kernel stores one pointer and one length at the addresses given.
    let outcome = unsafe { libc::syscall(libc::SYS_get_robust_list, 0, &raw mut head, &raw mut length) };
    if outcome == 0 { (head, length) } else { (0, 0) }
}

/// Moves `keep` to descriptor 3 and closes all above.
pub(crate) fn keep_only(keep: OwnedFd) -> nix::Result<OwnedFd> {
    use std::os::fd::IntoRawFd;
    let keep = keep.into_raw_fd();
    if keep != MARKED_DESCRIPTOR {
        let [from, to, flags] = [keep, MARKED_DESCRIPTOR, libc::O_CLOEXEC].map(libc::c_long::from);
        // SAFETY: all are plain numbers; whatever was at 3 belongs to the process that this one is a copy of.
        nix::errno::Errno::result(unsafe { libc::syscall(libc::SYS_dup3, from, to, flags) })?;
    }
    close_above(MARKED_DESCRIPTOR);
    // SAFETY: the descriptor has just been put there and nobody else owns it.
    Ok(unsafe { OwnedFd::from_raw_fd(MARKED_DESCRIPTOR) })
}

/// Closes all descriptors above `last`.
pub(crate) fn close_above(last: RawFd) {
    // SAFETY: whoever owned these descriptors in this address space is never run again.
    let outcome = unsafe { libc::syscall(libc::SYS_close_range, last + 1, libc::c_uint::MAX, 0) };
    if outcome != 0 {
        let limit = getrlimit(Resource::RLIMIT_NOFILE).map_or(1024, |(soft, _)| soft.min(1 << 20));
        for descriptor in (last + 1)..limit as RawFd {
            // SAFETY: as above.
            unsafe { libc::close(descriptor) };
        }
    }
}

/// Puts a file in the place of a standard descriptor.
pub(crate) fn replace_standard(file: BorrowedFd<'_>, standard: RawFd) -> nix::Result<()> {
    // SAFETY: both are open or plain numbers; the standard descriptors are owned by nobody.
    nix::errno::Errno::result(unsafe { libc::dup2(file.as_raw_fd(), standard) }).map(drop)
}

/// Puts every signal back to its default, SIGPIPE to being ignored, and lets all through.
pub(crate) fn reset_signals() {
    for number in 1..=64 {
        if number != libc::SIGKILL && number != libc::SIGSTOP {
            let disposition = if number == libc::SIGPIPE { libc::SIG_IGN } else { libc::SIG_DFL };
            // SAFETY: setting a signal to its default, or ignoring it, installs no handler.
            unsafe { libc::signal(number, disposition) };
        }
    }
    let _ = sigprocmask(SigmaskHow::SIG_SETMASK, Some(&SigSet::empty()), None);
}

/// Blocks SIGCHLD and gives a descriptor that is readable when a child has changed.
pub(crate) fn child_signals() -> nix::Result<SignalFd> {
    let mut mask = SigSet::empty();
    mask.add(Signal::SIGCHLD);
    sigprocmask(SigmaskHow::SIG_BLOCK, Some(&mask), None)?;
    SignalFd::with_flags(&mask, SfdFlags::SFD_CLOEXEC | SfdFlags::SFD_NONBLOCK)
}

/// Has the kernel kill this process when the thread that made it ends, and checks that this has not happened yet.
///
/// What every clone calls goes through `syscall`: the C library's functions lie far apart, and each would be one more piece
/// of it to be mapped.
pub(crate) fn die_with(parent: Pid) -> nix::Result<bool> {
    let (option, signal) = (libc::c_long::from(libc::PR_SET_PDEATHSIG), libc::c_long::from(libc::SIGKILL));
    // SAFETY: plain numbers.
    nix::errno::Errno::result(unsafe { libc::syscall(libc::SYS_prctl, option, signal) })?;
    // SAFETY: it takes nothing and cannot fail.
    Ok(unsafe { libc::syscall(libc::SYS_getppid) } == libc::c_long::from(parent.as_raw()))
}

/// This process's id.
pub(crate) fn own_id() -> i32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::syscall(libc::SYS_getpid) as i32 }
}

/// Becomes the parent of all orphans among its descendants.
pub(crate) fn adopt_orphans() -> nix::Result<()> {
    nix::sys::prctl::set_child_subreaper(true)
}

/// Where `argv[0]` is, for writing a title there; 0 if there is no room.
static TITLE_ADDRESS: AtomicUsize = AtomicUsize::new(0);

/// Finds the place of `argv[0]`, in an image that [`spawn_self`] has started.
pub(crate) fn find_title() {
    let Ok(stat) = std::fs::read_to_string("/proc/self/stat") else { return };
    // Fields are counted from the state, which is the third, after the closing bracket of the name; see proc(5).
    let mut fields = stat.rsplit(')').next().unwrap_or_default().split_ascii_whitespace().skip(48 - 3);
    let start = fields.next().and_then(|field| field.parse().ok()).unwrap_or(0_usize);
    let end = fields.next().and_then(|field| field.parse().ok()).unwrap_or(0_usize);
    let longest = std::env::args_os().next().map_or(0, |argument| argument.len());
    if start != 0 && end > start + TITLE_BYTES && longest >= TITLE_BYTES {
        TITLE_ADDRESS.store(start, Ordering::Relaxed);
    }
}

/// Names this process for the kernel: 15 bytes.
pub(crate) fn set_name(name: &str) {
    let mut short = [0_u8; 16];
    for (place, byte) in short[..15].iter_mut().zip(name.bytes().filter(|byte| *byte != 0)) {
        *place = byte;
    }
    // SAFETY: the kernel reads at most 16 bytes, up to a zero, and the last is one.
    unsafe { libc::syscall(libc::SYS_prctl, libc::c_long::from(libc::PR_SET_NAME), short.as_ptr()) };
}

/// Names this process for the kernel, and with more of it in what `ps` shows.
pub(crate) fn set_title(name: &str, title: &str) {
    set_name(name);
    let start: *mut u8 = std::ptr::with_exposed_provenance_mut(TITLE_ADDRESS.load(Ordering::Relaxed));
    if start.is_null() {
        return;
    }
    let mut room = [b' '; TITLE_BYTES];
    for (place, byte) in room.iter_mut().zip(title.bytes()) {
        *place = if byte == 0 { b' ' } else { byte };
    }
    // SAFETY: `find_title` has found at least that many bytes of `argv[0]` there, in the writable top of the stack, where
    // they stay for the process's life; the process has one thread now, so nobody reads them.
    unsafe { start.copy_from_nonoverlapping(room.as_ptr(), TITLE_BYTES) };
}

/// Watches for the end of a process: readable when it has ended.
pub(crate) fn process_descriptor(process: Pid) -> nix::Result<OwnedFd> {
    // SAFETY: plain numbers.
    let outcome = unsafe { libc::syscall(libc::SYS_pidfd_open, process.as_raw(), 0) };
    let descriptor = nix::errno::Errno::result(outcome)?;
    // SAFETY: the kernel has just made this descriptor for us.
    Ok(unsafe { OwnedFd::from_raw_fd(descriptor as RawFd) })
}

/// How a child ended, as the kernel says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Death {
    Exited(i32),
    Signaled { signal: i32, core_dumped: bool },
}

/// Reaps one child that has ended, if there is one.
pub(crate) fn reap_any() -> Option<(Pid, Death)> {
    let mut status = 0;
    loop {
        // SAFETY: the kernel stores one `int` at the address given.
        let child = unsafe { libc::waitpid(-1, &raw mut status, libc::WNOHANG) };
        match nix::errno::Errno::result(child) {
            Ok(0) => return None,
            Ok(child) => return Some((Pid::from_raw(child), death(status))),
            Err(nix::Error::EINTR) => {}
            Err(_) => return None,
        }
    }
}

fn death(status: libc::c_int) -> Death {
    if libc::WIFEXITED(status) {
        return Death::Exited(libc::WEXITSTATUS(status));
    }
    Death::Signaled { signal: libc::WTERMSIG(status), core_dumped: libc::WCOREDUMP(status) }
}

/// The limits and processors that a process has.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Allowance {
    descriptors: (libc::rlim_t, libc::rlim_t),
    processors: Option<CpuSet>,
}

/// Reads this process's allowance.
pub(crate) fn allowance() -> nix::Result<Allowance> {
    let processors = sched_getaffinity(Pid::from_raw(0)).ok();
    Ok(Allowance { descriptors: getrlimit(Resource::RLIMIT_NOFILE)?, processors })
}

impl Allowance {
    /// Raises the soft limit of descriptors to the hard one.
    pub(crate) fn raise_descriptors(&self) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, self.descriptors.1, self.descriptors.1);
    }

    /// Puts the allowance back as it was read.
    pub(crate) fn restore(&self) {
        let _ = setrlimit(Resource::RLIMIT_NOFILE, self.descriptors.0, self.descriptors.1);
        if let Some(processors) = &self.processors {
            let _ = sched_setaffinity(Pid::from_raw(0), processors);
        }
    }
}

/// Counts the bare forks between the system's start and this process.
static FORKS: AtomicU32 = AtomicU32::new(0);

extern "C" fn count_fork() {
    FORKS.fetch_add(1, Ordering::Relaxed);
}

/// Has forks by other means than ours counted from now on.
pub(crate) fn count_forks() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the handler is a static function that does one atomic addition, which is safe in a forked child.
        let outcome = unsafe { libc::pthread_atfork(None, None, Some(count_fork)) };
        if outcome != 0 {
            tracing::warn!("no memory to notice forks; handles must not be used in forked copies of this process");
        }
    });
}

/// Has a function run at `exit`, once however often this is called.
pub(crate) fn at_exit(function: extern "C" fn()) {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        // SAFETY: the function is a static one that takes nothing; it does not unwind.
        let outcome = unsafe { libc::atexit(function) };
        if outcome != 0 {
            tracing::warn!("no memory to be called at exit; coalesced messages may be lost then");
        }
    });
}

/// How many bare forks lie between the system's start and this process.
#[inline]
pub(crate) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// Size of a page of memory, in bytes.
pub(crate) fn page_bytes() -> io::Result<usize> {
    let size = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?.and_then(|size| usize::try_from(size).ok());
    size.ok_or_else(|| io::ErrorKind::Unsupported.into())
}

/// A random number from the kernel.
pub(crate) fn random() -> io::Result<u64> {
    let mut number = 0_u64;
    // SAFETY: the kernel writes at most eight bytes to `number`.
    let count = unsafe { libc::getrandom((&raw mut number).cast(), size_of::<u64>(), 0) };
    if count == size_of::<u64>() as isize { Ok(number) } else { Err(io::Error::last_os_error()) }
}
