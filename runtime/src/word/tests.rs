use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::mpsc;
use std::thread;

use super::*;
use crate::sys::{self as process, Cloned};
use nix::sys::signal::{Signal, kill};
use nix::sys::wait::waitpid;

fn share(owner: &WordOwner) -> WordShare {
    WordShare::open(owner.descriptor().expect("there are descriptors")).expect("it is such a page")
}

#[test]
fn owner_and_shares_see_one_word() {
    let owner = WordOwner::new(5).expect("there is memory");
    let share = share(&owner);
    assert_eq!(share.load(), Ok(5));
    assert_eq!((share.store(6), owner.load(), owner.swap(7)), (Ok(()), 6, 6));
    assert_eq!((share.exchange(6, 8), share.exchange(7, 9), owner.load()), (Ok(false), Ok(true), 9));
    let shut = owner.shut();
    assert_eq!(
        (share.load(), share.store(1), share.exchange(9, 1)),
        (Err(WordClosed::Shut), Err(WordClosed::Shut), Err(WordClosed::Shut))
    );
    drop(shut);
    assert!(owner.exchange(9, 10));
    assert_eq!(share.load(), Ok(10));
    drop(owner);
    assert_eq!(share.load(), Err(WordClosed::Ended));
}

#[test]
fn a_thread_that_ends_is_noticed_whether_it_drops_its_word_or_not() {
    for forgets in [false, true] {
        let (given, taken) = mpsc::channel();
        let (end, ended) = mpsc::channel::<()>();
        let thread = thread::spawn(move || {
            let owner = WordOwner::new(1).expect("there is memory");
            given.send(owner.descriptor().expect("one")).expect("somebody waits");
            let _ = ended.recv();
            if forgets {
                std::mem::forget(owner);
            }
        });
        let share = WordShare::open(taken.recv().expect("it comes")).expect("it is such a page");
        assert_eq!(share.load(), Ok(1));
        drop(end);
        thread.join().expect("no panic");
        // A thread is joined when the kernel is done with it.
        assert_eq!(share.load(), Err(WordClosed::Ended));
    }
}

/// Runs in a copy of the test's process: makes the word of a file, says so on a pipe, and stays. It does nothing there that
/// needs more than the copied thread.
fn own_until_killed(word: OwnedFd, ready: OwnedFd) -> ! {
    let file = File::from(word);
    let page_bytes = process::page_bytes().expect("it is known");
    let hold = Hold::new(&file, page_bytes).expect("there is memory");
    store(hold.map(), WORD, 42);
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
        let share = WordShare::open(file.try_clone().expect("one").into()).expect("it is such a page");
        assert_eq!(share.load(), Err(WordClosed::Ended), "nobody has it yet");
        let owner = match process::fork().expect("a process") {
            Cloned::Copy => own_until_killed(file.into(), is_ready),
            Cloned::Original(owner) => owner,
        };
        drop(is_ready);
        assert_eq!(nix::unistd::read(&ready, &mut [0]), Ok(1));
        assert_eq!(share.load(), Ok(42));
        kill(owner, Signal::SIGKILL).expect("it lives");
        waitpid(owner, None).expect("it ends");
        assert_eq!(share.load(), Err(WordClosed::Ended));
    }
}

#[test]
fn nonsense_in_the_page_harms_nobody() {
    let page_bytes = process::page_bytes().expect("it is known");
    for byte in [0, 0x3f, 0x40, 0xa5, 0xff] {
        let owner = WordOwner::new(5).expect("there is memory");
        let share = share(&owner);
        let file = File::from(owner.descriptor().expect("one"));
        file.write_all_at(&vec![byte; page_bytes], 0).expect("it can be written");
        let _ = (share.load(), share.store(1), share.exchange(1, 2), share.has_ended());
        drop((owner.shut(), owner.swap(3)));
        drop(owner);
        // The thread can still make and end others, also if one of them is left behind.
        let next = WordOwner::new(6).expect("there is memory");
        assert_eq!(WordShare::open(next.descriptor().expect("one")).expect("a page").load(), Ok(6));
    }
}

#[test]
fn what_is_not_such_a_page_is_not_mapped() {
    let unsealed = procession_transport::memory_file("unsealed").expect("there is memory");
    File::from(unsealed.try_clone().expect("one")).set_len(1 << 20).expect("there is memory");
    assert!(WordShare::open(unsealed).is_err());
    assert!(WordShare::open(memory::reserve("small", 8).expect("there is memory").into()).is_err());
    assert!(WordShare::open(File::open("/dev/null").expect("it is there").into()).is_err());
}
