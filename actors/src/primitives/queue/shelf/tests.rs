//! Has the orders tried in which a host, producers and consumers can come by the words of a shelf.

use loom::model::Builder;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;

use super::*;
use crate::primitives::locks::{Party, Users};

const LENT: u64 = 1;

/// The words of a shelf whose places are no longer than items of two words need.
struct Page(Vec<AtomicU64>);

const HEAD: usize = TAIL + 1;
const PLACE: usize = BYTES + 2;

impl Page {
    fn new() -> Arc<Page> {
        Arc::new(Page((0..HEAD + PLACES * PLACE).map(|_| AtomicU64::new(0)).collect()))
    }

    fn word(&self, index: usize) -> &AtomicU64 {
        match index.checked_sub(LINE) {
            None => &self.0[index],
            Some(rest) => &self.0[HEAD + rest / PLACE_WORDS * PLACE + rest % PLACE_WORDS],
        }
    }
}

impl Memory for Page {
    fn lend(&self, index: usize, content: u64) {
        self.word(index).store(content << 1 | LENT, Ordering::SeqCst);
    }

    fn keep(&self, index: usize) -> u64 {
        self.word(index).fetch_and(!LENT, Ordering::SeqCst) >> 1
    }

    fn peek(&self, index: usize) -> u64 {
        self.word(index).load(Ordering::SeqCst) >> 1
    }

    fn data(&self, index: usize) -> u64 {
        self.word(index).load(Ordering::Relaxed)
    }
}

fn content(word: u64) -> Result<u64, WordClosed> {
    if word & LENT == 0 { Err(WordClosed::Kept) } else { Ok(word >> 1) }
}

impl Share for Page {
    fn load(&self, index: usize) -> Result<u64, WordClosed> {
        content(self.word(index).load(Ordering::SeqCst))
    }

    fn exchange(&self, index: usize, expected: u64, new: u64) -> Result<bool, WordClosed> {
        let (expected, new) = (expected << 1 | LENT, new << 1 | LENT);
        match self.word(index).compare_exchange(expected, new, Ordering::SeqCst, Ordering::SeqCst) {
            Ok(_) => Ok(true),
            Err(found) => content(found).map(|_| false),
        }
    }

    fn peek(&self, index: usize) -> Result<u64, WordClosed> {
        Ok(Memory::peek(self, index))
    }

    fn data(&self, index: usize) -> u64 {
        Memory::data(self, index)
    }

    fn set_data(&self, index: usize, data: u64) {
        self.word(index).store(data, Ordering::Relaxed);
    }
}

/// An item that shows whether it is whole.
fn item(number: u8) -> Vec<u8> {
    vec![number; 2 * size_of::<u64>()]
}

fn number(item: &[u8]) -> u8 {
    assert_eq!(item, self::item(item[0]), "it is not whole");
    item[0]
}

/// A host that lends the shelf while it has nothing.
struct Host {
    page: Arc<Page>,
    shelf: Shelf,
    users: Users,
    /// What it has taken back that nobody had taken.
    ready: Vec<u8>,
    /// What it has taken back that somebody had, with that one's name and number.
    held: Vec<(u8, u64, u64)>,
}

impl Host {
    /// Makes one with this many users, whose names start at 1.
    fn new(users: u64) -> Host {
        let page = Page::new();
        let mut host =
            Host { shelf: Shelf::new(&*page), page, users: Users::default(), ready: Vec::new(), held: Vec::new() };
        (1..=users).for_each(|user| assert_eq!(host.users.admit(Party(user)), Some(user)));
        host.lend();
        host
    }

    fn lend(&mut self) {
        if self.ready.is_empty() {
            self.shelf.lend(&*self.page);
        }
    }

    fn take_back(&mut self) {
        for Found { item, by } in self.shelf.take_back(&*self.page, &self.users) {
            match by {
                None => self.ready.push(number(&item)),
                Some((user, number)) => self.held.push((self::number(&item), user, number)),
            }
        }
    }

    /// Starts somebody who puts items, one after the other; gives those that are on the shelf.
    fn put(&self, user: u64, items: &'static [u8]) -> thread::JoinHandle<Vec<u8>> {
        let page = Arc::clone(&self.page);
        let put = move |number: &u8| put(&*page, user, &item(*number), 0) == Ok(true);
        // Who is sent to the host stays with it.
        thread::spawn(move || items.iter().copied().take_while(put).collect())
    }

    /// Starts somebody who takes up to so many items, and is done with each but the last; gives all.
    fn take(&self, user: u64, most: u64) -> thread::JoinHandle<Vec<u8>> {
        let page = Arc::clone(&self.page);
        thread::spawn(move || {
            let (mut items, mut last) = (Vec::new(), None);
            for number in 1..=most {
                if last.is_some_and(|place| settle(&*page, user, number - 1, place) != Ok(true)) {
                    break;
                }
                let Ok(Some(Taken { place, item })) = take(&*page, user, number) else { break };
                items.push(self::number(&item));
                last = Some(place);
            }
            items
        })
    }
}

fn try_orders(case: impl Fn() + Sync + Send + 'static) {
    let mut orders = Builder::new();
    orders.preemption_bound = Some(3);
    orders.max_branches = 10_000;
    orders.check(case);
}

/// Each item that was put was taken, or is at the host, and not both; none came before one that was put before it.
fn check(host: &Host, put: &[u8], taken: &[u8]) {
    let mut all: Vec<u8> = taken.iter().chain(&host.ready).copied().collect();
    assert!(host.held.iter().all(|(item, ..)| taken.contains(item)), "{:?} was taken by nobody", host.held);
    assert!(taken.is_sorted() && host.ready.is_sorted(), "{taken:?}, then {:?}", host.ready);
    assert!(all.is_sorted(), "{taken:?} before {:?}", host.ready);
    all.sort_unstable();
    assert_eq!(all, put);
}

#[test]
fn items_of_one_thread_come_out_in_order_whenever_the_shelf_is_taken_back() {
    try_orders(|| {
        let mut host = Host::new(2);
        let producer = host.put(1, &[1, 2]);
        let consumer = host.take(2, 2);
        host.take_back();
        host.lend();
        let (put, taken) = (producer.join().expect("no panic"), consumer.join().expect("no panic"));
        host.take_back();
        check(&host, &put, &taken);
    });
}

#[test]
fn of_several_who_want_an_item_one_gets_it() {
    try_orders(|| {
        let mut host = Host::new(3);
        assert_eq!(put(&*host.page, 1, &item(1), 0), Ok(true));
        let consumers = [host.take(2, 1), host.take(3, 1)];
        assert_eq!(put(&*host.page, 1, &item(2), 0), Ok(true));
        let taken = consumers.map(|consumer| consumer.join().expect("no panic"));
        host.take_back();
        let mut taken: Vec<u8> = taken.into_iter().flatten().collect();
        taken.sort_unstable();
        check(&host, &[1, 2], &taken);
        assert_eq!(host.held.len(), taken.len(), "nobody is done with one");
    });
}

/// A producer that is late finds out, and what it writes harms no item that was put where it was before.
#[test]
fn who_is_late_is_in_nobody_s_way() {
    try_orders(|| {
        let mut host = Host::new(2);
        let late = host.put(1, &[1]);
        host.take_back();
        host.lend();
        let is_put = host.ready.is_empty() && put(&*host.page, 2, &item(2), 0) == Ok(true);
        let taken = take(&*host.page, 2, 1).ok().flatten().map(|taken| number(&taken.item));
        let mut put = late.join().expect("no panic");
        put.extend(is_put.then_some(2));
        host.take_back();
        let mut all: Vec<u8> = taken.into_iter().chain(host.ready).collect();
        all.sort_unstable();
        assert_eq!(all, put);
    });
}

/// A producer counts what it has sent past the shelf, and the host does not hear of that: so the next item stays away from there.
#[test]
fn nothing_is_put_there_before_what_was_sent_past_it_has_come() {
    try_orders(|| {
        let mut host = Host::new(1);
        let (page, counted) = (Arc::clone(&host.page), Arc::new(AtomicU64::new(0)));
        let count = Arc::clone(&counted);
        let producer = thread::spawn(move || {
            // A change, as is the look of the host: loom does not know of the one order of all.
            count.fetch_add(1, Ordering::SeqCst);
            let sent_in = generation(&*page).expect("it lives");
            put(&*page, 1, &item(1), sent_in)
        });
        for _ in 0..2 {
            host.take_back();
            if counted.fetch_add(0, Ordering::SeqCst) == 0 {
                host.lend();
            }
        }
        assert_ne!(producer.join().expect("no panic"), Ok(true));
    });
}

#[test]
fn what_does_not_fit_or_is_not_lent_is_not_put() {
    loom::model(|| {
        let mut host = Host::new(1);
        let page = Arc::clone(&host.page);
        let generation = generation(&*page).expect("it lives");
        assert_eq!(put(&*page, 1, &item(1), generation), Ok(false), "it has sent something past this one");
        assert_eq!(put(&*page, 1, &[0; ITEM_BYTES + 1], 0), Ok(false));
        for number in 0..PLACES {
            assert_eq!(put(&*page, 1, &item(number as u8), 0), Ok(true));
        }
        assert_eq!(put(&*page, 1, &item(99), 0), Ok(false));
        let first = take(&*page, 1, 7).expect("it lives").expect("there are some");
        assert_eq!((number(&first.item), settle(&*page, 1, 8, first.place)), (0, Ok(false)), "that is another number");
        host.take_back();
        assert_eq!(settle(&*page, 1, 7, first.place), Err(WordClosed::Kept));
        assert_eq!((&host.held[..], host.ready.len()), (&[(0, 1, 7)][..], PLACES - 1));
        assert_eq!((put(&*page, 1, &item(1), 0), take(&*page, 1, 8)), (Err(WordClosed::Kept), Err(WordClosed::Kept)));
        host.take_back();
        assert_eq!(host.ready.len(), PLACES - 1, "taken back once");
        host.ready.clear();
        host.lend();
        assert_eq!((take(&*page, 1, 9), settle(&*page, 1, 7, first.place)), (Ok(None), Ok(false)));
        assert_eq!(put(&*page, 1, &item(5), generation), Ok(true), "it is another one");
    });
}

/// The place of a producer that was killed while it wrote is lent again once that is known.
#[test]
fn what_the_dead_have_begun_is_forgotten() {
    loom::model(|| {
        let mut host = Host::new(2);
        let page = Arc::clone(&host.page);
        for place in 0..PLACES {
            let claim = users::content(1, 0).expect("it fits");
            assert_eq!(page.exchange(base(place) + WRITER, FREE, claim), Ok(true));
        }
        assert_eq!(put(&*page, 2, &item(1), 0), Ok(false));
        host.take_back();
        host.lend();
        assert_eq!(put(&*page, 2, &item(1), 0), Ok(false), "somebody may write there yet");
        host.take_back();
        Shelf::end_users(&*page, &host.users);
        host.lend();
        assert_eq!(put(&*page, 2, &item(1), 0), Ok(false), "it has not ended");
        host.take_back();
        host.users.leave(Party(1));
        Shelf::end_users(&*page, &host.users);
        host.lend();
        assert_eq!(put(&*page, 2, &item(1), 0), Ok(true));
    });
}
