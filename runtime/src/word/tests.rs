use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::sys::{self as process, Cloned};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;

fn share(owner: &WordOwner) -> WordShare {
    WordShare::open(owner.descriptor().expect("there are descriptors")).expect("it is such memory")
}

#[test]
fn owner_and_shares_see_the_same_words() {
    let owner = WordOwner::new(1000).expect("there is memory");
    let share = share(&owner);
    assert_eq!((share.load(0), share.peek(0)), (Err(WordClosed::Kept), Ok(0)), "it is not lent in the beginning");
    for (index, content) in [(0, 5), (1, 0), (999, (1 << CONTENT_BITS) - 1)] {
        owner.lend(index, content);
        assert_eq!((share.load(index), share.exchange(index, content ^ 1, 7)), (Ok(content), Ok(false)));
        assert_eq!((share.exchange(index, content, 6), share.load(index)), (Ok(true), Ok(6)));
        assert_eq!((owner.keep(index), owner.keep(index)), (6, 6), "kept twice is kept");
        assert_eq!((share.load(index), share.exchange(index, 6, 7)), (Err(WordClosed::Kept), Err(WordClosed::Kept)));
        assert_eq!(share.peek(index), Ok(6));
    }
    // More than was asked for may be there, up to the lock, which is no word.
    let beyond = share.count;
    owner.lend(beyond, 1);
    assert_eq!((share.load(beyond), share.peek(usize::MAX)), (Err(WordClosed::Kept), Err(WordClosed::Kept)));
    assert_eq!((owner.keep(beyond), owner.keep(usize::MAX)), (0, 0));
    owner.lend(0, 1);
    drop(owner);
    assert_eq!((share.load(0), share.peek(0)), (Err(WordClosed::Ended), Err(WordClosed::Ended)));
}

/// Two users take a word, which only one of them can have, and give it back; the owner takes it back meanwhile. After each
/// step, in every order of the steps, at most one has it, and who has it can be told from the word alone.
#[test]
fn whatever_the_order_of_the_steps_one_has_the_word() {
    const FREE: u64 = 0;

    #[derive(Clone, Copy, PartialEq, Debug)]
    enum User {
        Wants,
        Has,
        Done,
        /// The word was not to be had.
        SentAway,
    }

    fn step(word: &AtomicU64, name: u64, user: User) -> User {
        match user {
            User::Wants => match loan::exchange(word, FREE, name) {
                Ok(true) => User::Has,
                Ok(false) | Err(loan::Kept) => User::SentAway,
            },
            User::Has => match loan::exchange(word, name, FREE) {
                Ok(true) => User::Done,
                // Its owner has it, and is asked to take it.
                Err(loan::Kept) => {
                    assert_eq!(loan::peek(word), name);
                    word.store(0, Ordering::SeqCst);
                    User::Done
                }
                Ok(false) => panic!("it was taken from its holder"),
            },
            User::Done | User::SentAway => user,
        }
    }

    fn explore(state: (u64, [User; 2], u32)) -> u32 {
        let (word, users, owner_steps) = state;
        let holders = (1..).zip(users).filter(|(_, user)| *user == User::Has).map(|(name, _)| name);
        let holders: Vec<u64> = holders.collect();
        assert!(holders.len() < 2, "{state:?}");
        assert_eq!(loan::peek(&AtomicU64::new(word)), holders.first().copied().unwrap_or(FREE), "{state:?}");
        let mut ends = 0;
        for (index, name) in [(0, 1), (1, 2)] {
            let place = AtomicU64::new(word);
            let mut next = users;
            next[index] = step(&place, name, users[index]);
            if next != users {
                ends += explore((place.into_inner(), next, owner_steps));
            }
        }
        if owner_steps > 0 {
            let place = AtomicU64::new(word);
            if loan::read(&place) == Err(loan::Kept) {
                loan::lend(&place, loan::peek(&place));
            } else {
                assert_eq!(loan::keep(&place), holders.first().copied().unwrap_or(FREE));
            }
            ends += explore((place.into_inner(), users, owner_steps - 1));
        }
        ends.max(1)
    }

    let lent = AtomicU64::new(0);
    loan::lend(&lent, FREE);
    assert!(explore((lent.into_inner(), [User::Wants; 2], 4)) > 100);
}

#[test]
fn a_thread_that_ends_is_noticed_whether_it_drops_its_word_or_not() {
    for forgets in [false, true] {
        let (given, taken) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let owner = WordOwner::new(1).expect("there is memory");
            owner.lend(0, 1);
            given.send(owner.descriptor().expect("one")).expect("somebody waits");
            let _ = ended.recv();
            if forgets {
                std::mem::forget(owner);
            }
        });
        let share = WordShare::open(taken.recv().expect("it comes")).expect("it is such memory");
        assert_eq!(share.load(0), Ok(1));
        drop(end);
        thread.join().expect("no panic");
        // A thread is joined when the kernel is done with it.
        assert_eq!(share.load(0), Err(WordClosed::Ended));
    }
}

/// Runs in a copy of the test's process: makes the word of a file, says so on a pipe, and stays. It does nothing there that
/// needs more than the copied thread.
fn own_until_killed(word: OwnedFd, ready: OwnedFd) -> ! {
    let file = File::from(word);
    let page_bytes = process::page_bytes().expect("it is known");
    let hold = Hold::new(&file, page_bytes).expect("there is memory");
    loan::lend(hold.map().word(0).expect("it is there"), 42);
    nix::unistd::write(&ready, &[1]).expect("it is open");
    loop {
        nix::unistd::pause();
    }
}

#[test]
fn an_owner_that_is_killed_is_noticed() {
    for _ in 0..20 {
        let page_bytes = process::page_bytes().expect("it is known");
        let file = memory::reserve("word", page_bytes).expect("there is memory");
        let (ready, is_ready) = nix::unistd::pipe().expect("a pipe");
        let share = WordShare::open(file.try_clone().expect("one").into()).expect("it is such memory");
        assert_eq!(share.load(0), Err(WordClosed::Ended), "nobody has it yet");
        let owner = match process::fork().expect("a process") {
            Cloned::Copy => own_until_killed(file.into(), is_ready),
            Cloned::Original(owner) => owner,
        };
        drop(is_ready);
        assert_eq!(nix::unistd::read(&ready, &mut [0]), Ok(1));
        assert_eq!(share.load(0), Ok(42));
        kill(owner, Signal::SIGKILL).expect("it lives");
        waitpid(owner, None).expect("it ends");
        assert_eq!(share.load(0), Err(WordClosed::Ended));
    }
}

#[test]
fn nonsense_in_the_page_harms_nobody() {
    let page_bytes = process::page_bytes().expect("it is known");
    for byte in [0, 0x3f, 0x40, 0xa5, 0xff] {
        let owner = WordOwner::new(1).expect("there is memory");
        owner.lend(0, 5);
        let share = share(&owner);
        let file = File::from(owner.descriptor().expect("one"));
        file.write_all_at(&vec![byte; page_bytes], 0).expect("it can be written");
        let _ = (share.load(0), share.peek(0), share.exchange(0, 1, 2), share.has_ended());
        let _ = owner.keep(0);
        owner.lend(0, 3);
        drop(owner);
        // The thread can still make and end others, also if one of them is left behind.
        let next = WordOwner::new(1).expect("there is memory");
        next.lend(0, 6);
        assert_eq!(WordShare::open(next.descriptor().expect("one")).expect("such memory").load(0), Ok(6));
    }
}

#[test]
fn what_is_no_such_memory_is_not_mapped() {
    let unsealed = procession_transport::memory_file("unsealed").expect("there is memory");
    File::from(unsealed.try_clone().expect("one")).set_len(1 << 20).expect("there is memory");
    assert!(WordShare::open(unsealed).is_err());
    assert!(WordShare::open(memory::reserve("small", 8).expect("there is memory").into()).is_err());
    assert!(WordShare::open(File::open("/dev/null").expect("it is there").into()).is_err());
}
