//! What is kept of a panic until it is known whether it ends the process.

use std::backtrace::Backtrace;
use std::panic::PanicHookInfo;
use std::sync::{Mutex, Once, PoisonError};

use crate::exit::Panic;

/// The last panic of the main thread: where, what, and the call stack, which is spelled out only if it is needed.
static LAST: Mutex<Option<(String, String, Option<Backtrace>)>> = Mutex::new(None);

/// Has panics of this process kept from now on.
pub(crate) fn install() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            keep(info);
            before(info);
        }));
    });
}

/// The last panic.
pub(crate) fn last() -> Panic {
    let last = LAST.lock().unwrap_or_else(PoisonError::into_inner).take();
    last.map_or_else(Panic::unknown, |(message, location, backtrace)| Panic {
        message,
        location,
        backtrace: backtrace.map(|backtrace| backtrace.to_string()).unwrap_or_default(),
    })
}

fn keep(info: &PanicHookInfo<'_>) {
    let message = info.payload_as_str().unwrap_or("a value that is no text").to_owned();
    let location = info.location().map(ToString::to_string).unwrap_or_default();
    let is_wanted =
        ["RUST_LIB_BACKTRACE", "RUST_BACKTRACE"].iter().find_map(std::env::var_os).is_none_or(|value| value != "0");
    let backtrace = is_wanted.then(Backtrace::force_capture);
    *LAST.lock().unwrap_or_else(PoisonError::into_inner) = Some((message, location, backtrace));
}
