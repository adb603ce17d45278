//! The hook at the start of every process, with what this floor adds to it.

use procession_runtime as runtime;

/// Becomes the supervisor or an actor if this process was started to be one, and does not return then.
pub fn hook() {
    runtime::before_copies(prepare);
    runtime::hook();
}

/// The [`hook`] for an entry of `.init_array`.
pub extern "C" fn test_hook() {
    runtime::before_copies(prepare);
    runtime::test_hook();
}

/// Makes what every actor's main thread needs, in the process that they are copied from: a thread-local that is made there
/// costs an actor no page.
fn prepare() {
    crate::payload::prepare_thread();
    crate::mailbox::prepare_thread();
    crate::primitives::begin_process();
}
