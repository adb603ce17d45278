//! The supervisor's voice: a word in shared memory that is another each time that something has left the supervisor for anybody.
//!
//! Who is to hear the supervisor before anybody else looks at the word, and asks the system only if that has changed. The
//! supervisor makes it before the zygote, so every clone has it, and can only read it. Root and images of their own have none:
//! they ask the system each time.

use std::io;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::memory::{self, Mapping};

static MEMORY: OnceLock<Mapping> = OnceLock::new();

/// Makes the word, in the supervisor. Without memory for it there is none.
pub(crate) fn prepare() {
    match make() {
        Ok(memory) => drop(MEMORY.set(memory)),
        Err(error) => tracing::debug!(%error, "the supervisor has no voice; who listens asks the system"),
    }
}

fn make() -> io::Result<Mapping> {
    let length = crate::sys::page_bytes()?;
    Mapping::new(memory::reserve("procession-voice", length)?, 0, length)
}

/// Leaves it to this process, and to its clones, to read the word.
pub(crate) fn only_listen() -> io::Result<()> {
    MEMORY.get().map_or(Ok(()), Mapping::protect)
}

/// Something has left the supervisor, whose process this is.
pub(crate) fn raise() {
    if let Some(word) = word() {
        word.fetch_add(1, Ordering::SeqCst);
    }
}

/// What the word is now; `None` if this process has none. What had left the supervisor before it was like this, is there.
#[inline]
pub(crate) fn listen() -> Option<u64> {
    Some(word()?.load(Ordering::SeqCst))
}

#[inline]
fn word() -> Option<&'static AtomicU64> {
    MEMORY.get()?.word(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_changes_the_word_and_who_only_listens_can_read_it() {
        assert_eq!(listen(), None);
        prepare();
        let before = listen().expect("there is memory");
        assert_eq!(listen(), Some(before));
        raise();
        assert_ne!(listen(), Some(before));
        only_listen().expect("it can be protected");
        assert!(listen().is_some());
    }
}
