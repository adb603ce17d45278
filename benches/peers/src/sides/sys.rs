//! The C library of ZeroMQ, loaded where it is installed: the unsafe calls.

#![allow(unsafe_code)]

use libloading::{Library, Symbol};
use procession_benches::Failure;
use std::ffi::{CString, c_char, c_int, c_void};
use std::io;
use std::ptr::NonNull;
use std::sync::OnceLock;

/// What the library is called on Linux.
const NAME: &str = "libzmq.so.5";

/// Numbers from its header.
const LINGER: c_int = 17;

/// What a socket is for.
#[derive(Debug, Clone, Copy)]
#[repr(i32)]
pub(crate) enum Kind {
    /// Talks with one other.
    Pair = 0,
    /// Takes what comes.
    Pull = 7,
    /// Sends.
    Push = 8,
}

type Handle = *mut c_void;

/// The functions that are used.
struct Functions {
    context_new: extern "C" fn() -> Handle,
    context_end: extern "C" fn(Handle) -> c_int,
    socket: extern "C" fn(Handle, c_int) -> Handle,
    close: extern "C" fn(Handle) -> c_int,
    set_option: unsafe extern "C" fn(Handle, c_int, *const c_void, usize) -> c_int,
    bind: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    connect: unsafe extern "C" fn(Handle, *const c_char) -> c_int,
    send: unsafe extern "C" fn(Handle, *const c_void, usize, c_int) -> c_int,
    receive: unsafe extern "C" fn(Handle, *mut c_void, usize, c_int) -> c_int,
    version: unsafe extern "C" fn(*mut c_int, *mut c_int, *mut c_int),
    /// Keeps them in memory.
    _library: Library,
}

fn functions() -> Result<&'static Functions, Failure> {
    static FUNCTIONS: OnceLock<Option<Functions>> = OnceLock::new();
    let found = FUNCTIONS.get_or_init(|| load().ok()).as_ref();
    found.ok_or_else(|| Failure::Unavailable(format!("{NAME} is not installed")))
}

fn load() -> Result<Functions, libloading::Error> {
    // SAFETY: the constructors of this well-known library do nothing to the process that loads it.
    let library = unsafe { Library::new(NAME) }?;
    Ok(Functions {
        context_new: find(&library, "zmq_ctx_new")?,
        context_end: find(&library, "zmq_ctx_term")?,
        socket: find(&library, "zmq_socket")?,
        close: find(&library, "zmq_close")?,
        set_option: find(&library, "zmq_setsockopt")?,
        bind: find(&library, "zmq_bind")?,
        connect: find(&library, "zmq_connect")?,
        send: find(&library, "zmq_send")?,
        receive: find(&library, "zmq_recv")?,
        version: find(&library, "zmq_version")?,
        _library: library,
    })
}

fn find<Function: Copy>(library: &Library, name: &str) -> Result<Function, libloading::Error> {
    // SAFETY: each field above has the type that the library's header gives the function of this name.
    let symbol: Symbol<'_, Function> = unsafe { library.get(name.as_bytes()) }?;
    Ok(*symbol)
}

/// Returns the version of the library, if it is installed.
pub(crate) fn version() -> Option<String> {
    let (mut major, mut minor, mut patch) = (0, 0, 0);
    // SAFETY: the three places are written to and not kept.
    unsafe { (functions().ok()?.version)(&raw mut major, &raw mut minor, &raw mut patch) };
    Some(format!("{major}.{minor}.{patch}"))
}

/// A socket with a context of its own, which has a thread of its own.
pub(crate) struct Socket {
    functions: &'static Functions,
    context: NonNull<c_void>,
    socket: NonNull<c_void>,
}

impl Socket {
    fn new(kind: Kind) -> Result<Socket, Failure> {
        let functions = functions()?;
        let context = NonNull::new((functions.context_new)()).ok_or_else(io::Error::last_os_error)?;
        let socket = NonNull::new((functions.socket)(context.as_ptr(), kind as c_int));
        let socket = Socket { functions, context, socket: socket.ok_or_else(io::Error::last_os_error)? };
        let linger: c_int = 0;
        // SAFETY: the socket is open, and the option is read from a number of the size that is said.
        let outcome = unsafe {
            (functions.set_option)(socket.socket.as_ptr(), LINGER, (&raw const linger).cast(), size_of::<c_int>())
        };
        checked(outcome).map(|_| socket)
    }

    /// Makes a socket that others connect to.
    pub(crate) fn bind(kind: Kind, address: &str) -> Result<Socket, Failure> {
        let socket = Socket::new(kind)?;
        let address = CString::new(address).map_err(Failure::side)?;
        // SAFETY: the socket is open, and the address is a string that ends with zero.
        checked(unsafe { (socket.functions.bind)(socket.socket.as_ptr(), address.as_ptr()) }).map(|_| socket)
    }

    /// Makes a socket that is connected to another.
    pub(crate) fn connect(kind: Kind, address: &str) -> Result<Socket, Failure> {
        let socket = Socket::new(kind)?;
        let address = CString::new(address).map_err(Failure::side)?;
        // SAFETY: the socket is open, and the address is a string that ends with zero.
        checked(unsafe { (socket.functions.connect)(socket.socket.as_ptr(), address.as_ptr()) }).map(|_| socket)
    }

    /// Sends a message; waits while there is no room.
    pub(crate) fn send(&self, bytes: &[u8]) -> Result<(), Failure> {
        // SAFETY: the socket is open, and `bytes` is read before the call returns.
        checked(unsafe { (self.functions.send)(self.socket.as_ptr(), bytes.as_ptr().cast(), bytes.len(), 0) }).map(drop)
    }

    /// Waits for a message and copies it out; returns its length.
    pub(crate) fn receive(&self, bytes: &mut [u8]) -> Result<usize, Failure> {
        let length = bytes.len();
        // SAFETY: the socket is open, and at most `length` bytes are written to `bytes`, and none after the call returns.
        checked(unsafe { (self.functions.receive)(self.socket.as_ptr(), bytes.as_mut_ptr().cast(), length, 0) })
    }
}

impl Drop for Socket {
    fn drop(&mut self) {
        // Both are open; what is left on the way is dropped, so neither waits.
        (self.functions.close)(self.socket.as_ptr());
        (self.functions.context_end)(self.context.as_ptr());
    }
}

/// The library gives a negative number and sets `errno` if it fails.
fn checked(outcome: c_int) -> Result<usize, Failure> {
    usize::try_from(outcome).map_err(|_| Failure::System(io::Error::last_os_error()))
}
