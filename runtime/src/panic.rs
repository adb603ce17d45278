//! What is kept of a panic until it is known whether it ends the process.

use std::backtrace::Backtrace;
use std::cell::RefCell;
use std::panic::PanicHookInfo;
use std::sync::Once;

use crate::exit::Panic;

thread_local! {
    /// The last panic of this thread: what, where, and the call stack, which is spelled out only if it is needed.
    static LAST: RefCell<Option<(String, String, Option<Backtrace>)>> = const { RefCell::new(None) };
}

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

/// Takes what is known of the last panic of this thread: for who has caught it.
pub fn last_panic() -> Panic {
    let last = LAST.try_with(RefCell::take).ok().flatten();
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
    // In a thread that is ending there is nobody to ask for it.
    let _ = LAST.try_with(|last| last.replace(Some((message, location, backtrace))));
}
