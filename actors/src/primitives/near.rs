//! Words that hosts have lent to this process.
//!
//! Whoever uses a word asks nobody: so a host that is stopped, or busy, holds nobody up. What cannot be done in the word, because
//! its host keeps it, has none, or has ended, is asked for by message: the host knows what to say.
//!
//! With the environment variable [`VARIABLE`] set to `off` there are no words: all is asked for by message.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, OnceLock, TryLockError};
use std::time::Duration;

use procession_runtime::{Endpoint, Lookout, WordClosed, WordShare};

use crate::{Descriptor, ProcessId, data};

/// Names the environment variable that turns words off in a process. It is read once.
const VARIABLE: &str = "PROCESSION_WORDS";

/// How many hosts a thread remembers. More are looked up among the process's.
const REMEMBERED: usize = 64;

/// One life of one host.
pub(crate) type Life = (ProcessId, u64);

/// The way to a host that may lend words.
pub(crate) trait Lender {
    /// Why it could not be asked.
    type Error;

    /// How many operations of a thread go to the host before that is asked for its words: who has one or two need no words.
    const USES: u32;

    /// Names the host's life.
    fn life(&self) -> Life;

    /// Asks the host for its words, for so long.
    fn borrow_words(&self, patience: Duration) -> Result<Option<Near>, Self::Error>;
}

/// What a host has lent to this process.
#[derive(Debug)]
pub(crate) struct Near {
    pub(crate) words: WordShare,
    /// What this process is called in them; 0 if nobody is called anything.
    pub(crate) user: u64,
}

/// What a host sends to a process that is to use its words.
#[data]
#[derive(Debug)]
pub(crate) struct Loan {
    pub(crate) words: Descriptor,
    /// What the process is called in them.
    pub(crate) user: u64,
}

impl Near {
    /// Maps what a host has sent; `None` if there is no memory left.
    pub(crate) fn open(descriptor: OwnedFd, user: u64) -> Option<Near> {
        WordShare::open(descriptor).ok().map(|words| Near { words, user })
    }
}

impl Loan {
    /// Maps the words; `None` if there is no memory left.
    pub(crate) fn open(self) -> Option<Near> {
        Near::open(self.words.into_owned().ok()?, self.user)
    }
}

/// What a host has lent; or nothing, where messages must do.
type Page = Option<Arc<Near>>;

/// What a thread knows of a host.
enum Known {
    /// It has been used so often.
    Used(u32),
    Page(Page, Lookout),
}

impl Known {
    /// What a host has lent, and how this thread looks out for what changes there; `None` if it cannot do that any more.
    fn page(life: Life, page: Page) -> Option<Known> {
        Some(Known::Page(page, Endpoint::of(life.0.system).ok()?.lookout()))
    }
}

/// What all hosts have lent to this process.
struct Pages {
    pages: BTreeMap<Life, Page>,
    /// When there are so many, those of ended hosts are looked for.
    sweep_at: usize,
}

/// Never waited for: whoever finds it in use sends a message.
static PAGES: Mutex<Pages> = Mutex::new(Pages { pages: BTreeMap::new(), sweep_at: REMEMBERED });

thread_local! {
    /// The hosts that this thread has used last. It has also talked to them, so it is told how they end.
    static RECENT: RefCell<Vec<(Life, Known)>> = const { RefCell::new(Vec::new()) };
}

/// What came of a look for words.
enum Look<R> {
    Done(R),
    /// It is for the host to say.
    Ask,
    /// The thread knows of none.
    Unknown {
        used: u32,
    },
}

/// Does something with the words of a host, if this process has them. `None` says that the host must be asked.
///
/// A thread has asked the host for something before it uses words, so that it is told how the host ends. Without patience the
/// host is not asked for its words now.
///
/// # Errors
/// If the host could not be asked for its words: it has ended, for instance.
#[inline]
pub(crate) fn act<L: Lender, R>(
    lender: &L,
    patience: Option<Duration>,
    act: impl Fn(&Near) -> Result<R, WordClosed>,
) -> Result<Option<R>, L::Error> {
    let look = || look(lender.life(), &act);
    let found = match look() {
        Look::Unknown { used } if meet(lender, used, patience)? => look(),
        found => found,
    };
    match found {
        Look::Done(outcome) => Ok(Some(outcome)),
        Look::Ask | Look::Unknown { .. } => Ok(None),
    }
}

/// Does something with the words of a host, if this thread has used them before. `None` says that the host must be told.
#[inline]
pub(crate) fn act_if_known<R>(life: Life, act: impl Fn(&Near) -> Result<R, WordClosed>) -> Option<R> {
    match look(life, act) {
        Look::Done(outcome) => Some(outcome),
        Look::Ask | Look::Unknown { .. } => None,
    }
}

/// Looks out for something in the words of a host, if this thread has used them before, and for as long as that may be quicker
/// than to be woken. `None` says that the host must be asked to wake it.
pub(crate) fn look_out<R>(
    life: Life,
    timeout: Option<Duration>,
    find: impl Fn(&Near) -> Result<Option<R>, WordClosed>,
) -> Option<R> {
    let found = RECENT.try_with(|recent| {
        let mut recent = recent.try_borrow_mut().ok()?;
        let (_, known) = recent.iter_mut().find(|(other, _)| *other == life)?;
        let Known::Page(Some(near), lookout) = known else { return None };
        // That the words are closed is also something found: the host knows what to say.
        lookout.find(timeout, || find(near).transpose())
    });
    found.ok().flatten()?.ok()
}

#[inline]
fn look<R>(life: Life, act: impl FnOnce(&Near) -> Result<R, WordClosed>) -> Look<R> {
    let found = RECENT.try_with(|recent| {
        let Ok(mut recent) = recent.try_borrow_mut() else { return Look::Ask };
        let Some(index) = recent.iter().position(|(other, _)| *other == life) else { return Look::Unknown { used: 0 } };
        if index > 0 {
            recent.swap(0, index);
        }
        match &recent[0].1 {
            Known::Used(used) => Look::Unknown { used: *used },
            Known::Page(page, _) => page.as_deref().map_or(Look::Ask, |near| Look::Done(act(near))),
        }
    });
    match found {
        Ok(Look::Done(Ok(outcome))) => Look::Done(outcome),
        Ok(Look::Done(Err(WordClosed::Ended))) => {
            forget(life);
            Look::Ask
        }
        Ok(Look::Unknown { used }) => Look::Unknown { used },
        // Kept; or there are no words; or this thread is ending.
        Ok(Look::Done(Err(WordClosed::Kept)) | Look::Ask) | Err(_) => Look::Ask,
    }
}

/// Finds the words of a host among the process's, or asks for them if they have been missed often enough. Gives whether they can
/// be used now: this thread has asked the host for something.
#[cold]
fn meet<L: Lender>(lender: &L, used: u32, patience: Option<Duration>) -> Result<bool, L::Error> {
    let life = lender.life();
    let mut has_asked = used > 0;
    let Some(known) = with_pages(|pages| pages.pages.get(&life).cloned()) else { return Ok(false) };
    let known = match (known, patience) {
        (Some(page), _) => Known::page(life, page),
        (None, _) if is_off() => Known::page(life, None),
        (None, _) if used < L::USES => Some(Known::Used(used + 1)),
        (None, None) => Some(Known::Used(used)),
        (None, Some(patience)) => {
            let page = lender.borrow_words(patience)?.map(Arc::new);
            has_asked = true;
            // Another thread may have asked, too: one mapping does.
            let Some(page) = with_pages(|pages| pages.add(life, page)) else { return Ok(false) };
            Known::page(life, page)
        }
    };
    let Some(known) = known else { return Ok(false) };
    let _ = RECENT.try_with(|recent| {
        if let Ok(mut recent) = recent.try_borrow_mut() {
            recent.retain(|(other, known)| *other != life && is_of_use(known));
            recent.insert(0, (life, known));
            recent.truncate(REMEMBERED);
        }
    });
    Ok(has_asked)
}

/// Whether this process does without words.
fn is_off() -> bool {
    static IS_OFF: OnceLock<bool> = OnceLock::new();
    *IS_OFF.get_or_init(|| std::env::var_os(VARIABLE).is_some_and(|value| value == "off"))
}

/// Lets go of the words of a host: it has ended, or is to be asked for what this thread does next.
#[cold]
pub(crate) fn forget(life: Life) {
    let _ = RECENT.try_with(|recent| {
        if let Ok(mut recent) = recent.try_borrow_mut() {
            recent.retain(|(other, _)| *other != life);
        }
    });
    with_pages(|pages| pages.pages.remove(&life));
}

fn is_of_use(known: &Known) -> bool {
    match known {
        Known::Used(_) | Known::Page(None, _) => true,
        Known::Page(Some(near), _) => !near.words.has_ended(),
    }
}

impl Pages {
    /// Adds what a host has lent unless it is there; gives what is there.
    fn add(&mut self, life: Life, page: Page) -> Page {
        if self.pages.len() >= self.sweep_at {
            // Who has none may ask again.
            self.pages.retain(|_, page| page.as_ref().is_some_and(|near| !near.words.has_ended()));
            self.sweep_at = (2 * self.pages.len()).max(REMEMBERED);
        }
        self.pages.entry(life).or_insert(page).clone()
    }
}

/// Uses what the process has, unless somebody else does right now.
fn with_pages<R>(act: impl FnOnce(&mut Pages) -> R) -> Option<R> {
    match PAGES.try_lock() {
        Ok(mut pages) => Some(act(&mut pages)),
        Err(TryLockError::Poisoned(pages)) => Some(act(&mut pages.into_inner())),
        Err(TryLockError::WouldBlock) => None,
    }
}
