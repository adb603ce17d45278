//! The words of values that this process has mapped.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, TryLockError};

use procession_runtime::{WordClosed, WordShare};

use super::SharedError;
use super::held::Held;
use super::remote::{Remote, Shared};
use crate::ProcessId;

/// How many words a thread remembers. More are looked up among the process's.
const REMEMBERED: usize = 64;

/// One life of one host.
type Life = (ProcessId, u64);

/// A word; or none, where messages must do.
type Page = Option<Arc<WordShare>>;

/// The words of this process.
struct Pages {
    pages: BTreeMap<Life, Page>,
    /// When there are so many, those of ended hosts are looked for.
    sweep_at: usize,
}

/// Never waited for: whoever finds it in use sends a message.
static PAGES: Mutex<Pages> = Mutex::new(Pages { pages: BTreeMap::new(), sweep_at: REMEMBERED });

thread_local! {
    /// The words that this thread has used last. It has also talked to their hosts, so it is told how they end.
    static RECENT: RefCell<Vec<(Life, Page)>> = const { RefCell::new(Vec::new()) };
}

/// Does something with the word of a value, if this process has it. `None` says that the host must be asked.
///
/// A thread's first operation goes to the host, so that the thread is told how that ends.
///
/// # Errors
/// [`SharedError`], if the host could not be asked for the word: it has ended, for instance.
#[inline]
pub(super) fn act<R>(
    remote: &Remote<Held>,
    act: impl FnOnce(&WordShare) -> Result<R, WordClosed>,
) -> Result<Option<R>, SharedError> {
    let life = remote.life();
    let done = RECENT.try_with(|recent| {
        let mut recent = recent.try_borrow_mut().ok()?;
        let index = recent.iter().position(|(other, _)| *other == life)?;
        recent.swap(0, index);
        Some(recent[0].1.as_deref().map(act))
    });
    match done {
        Ok(Some(Some(Ok(outcome)))) => Ok(Some(outcome)),
        Ok(Some(Some(Err(WordClosed::Ended)))) => {
            forget(life);
            Ok(None)
        }
        // Shut; or there is no word; or this thread is ending.
        Ok(Some(_)) | Err(_) => Ok(None),
        Ok(None) => meet(remote).map(|()| None),
    }
}

/// Finds the word of a value among the process's, or asks for it.
#[cold]
fn meet(remote: &Remote<Held>) -> Result<(), SharedError> {
    let life = remote.life();
    let known = with_pages(|pages| pages.pages.get(&life).cloned());
    let page = match known {
        None => return Ok(()),
        Some(Some(page)) => page,
        Some(None) => {
            let page = match remote.share()? {
                Shared::Word(descriptor) => WordShare::open(descriptor).ok().map(Arc::new),
                Shared::Nothing => None,
            };
            // Another thread may have asked, too: one mapping does.
            let Some(page) = with_pages(|pages| pages.add(life, page)) else { return Ok(()) };
            page
        }
    };
    let _ = RECENT.try_with(|recent| {
        if let Ok(mut recent) = recent.try_borrow_mut() {
            recent.retain(|(_, page)| is_of_use(page));
            recent.insert(0, (life, page));
            recent.truncate(REMEMBERED);
        }
    });
    Ok(())
}

/// Lets go of the word of a host that has ended.
#[cold]
fn forget(life: Life) {
    let _ = RECENT.try_with(|recent| {
        if let Ok(mut recent) = recent.try_borrow_mut() {
            recent.retain(|(other, _)| *other != life);
        }
    });
    with_pages(|pages| pages.pages.remove(&life));
}

fn is_of_use(page: &Page) -> bool {
    page.as_ref().is_none_or(|word| !word.has_ended())
}

impl Pages {
    /// Adds a word unless there is one; gives the one that is there.
    fn add(&mut self, life: Life, page: Page) -> Page {
        if self.pages.len() >= self.sweep_at {
            // Who has none may ask again.
            self.pages.retain(|_, page| page.is_some() && is_of_use(page));
            self.sweep_at = (2 * self.pages.len()).max(REMEMBERED);
        }
        self.pages.entry(life).or_insert(page).clone()
    }
}

/// Uses the words of the process, unless somebody else does right now.
fn with_pages<R>(act: impl FnOnce(&mut Pages) -> R) -> Option<R> {
    match PAGES.try_lock() {
        Ok(mut pages) => Some(act(&mut pages)),
        Err(TryLockError::Poisoned(pages)) => Some(act(&mut pages.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    }
}
