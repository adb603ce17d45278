use std::sync::Arc;
use std::sync::atomic::AtomicU32;
use std::thread;

use loom::sync::atomic as tried;

use super::*;

impl Flag for tried::AtomicBool {
    fn load(&self, order: Ordering) -> bool {
        tried::AtomicBool::load(self, order)
    }

    fn store(&self, is_set: bool, order: Ordering) {
        tried::AtomicBool::store(self, is_set, order);
    }
}

/// The lock, with a mutex and a value that loom looks at.
struct Tried {
    flags: Flags<tried::AtomicBool>,
    queue: loom::sync::Mutex<u32>,
    value: loom::cell::UnsafeCell<u32>,
}

/// Both sides have a barrier: loom knows none that one thread passes for another.
fn barrier() {
    tried::fence(Ordering::SeqCst);
}

impl Tried {
    fn add(&self) {
        self.value.with_mut(super::sys::add_one);
    }

    fn add_as_owner(&self) {
        if self.flags.come_in(barrier) {
            self.add();
            return self.flags.leave();
        }
        let mut times = self.queue.lock().expect("no panic");
        self.flags.stay();
        *times += 1;
        if *times >= 1 {
            self.flags.dismiss();
        }
        drop(times);
        self.add();
        self.flags.leave();
    }

    fn add_as_other(&self) {
        let mut times = self.queue.lock().expect("no panic");
        *times = 0;
        self.flags.claim(barrier);
        while !self.flags.has_left() {
            loom::thread::yield_now();
        }
        self.add();
    }
}

fn try_all_orders(owners: u32, others: &'static [u32]) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(move || {
        let tried = loom::sync::Arc::new(Tried {
            flags: Flags { inside: tried::AtomicBool::new(false), queues: tried::AtomicBool::new(false) },
            queue: loom::sync::Mutex::new(0),
            value: loom::cell::UnsafeCell::new(0),
        });
        let others: Vec<_> = others
            .iter()
            .map(|&times| {
                let tried = tried.clone();
                (times, loom::thread::spawn(move || (0..times).for_each(|_| tried.add_as_other())))
            })
            .collect();
        (0..owners).for_each(|_| tried.add_as_owner());
        let count: u32 = others.into_iter().map(|(times, other)| other.join().map(|()| times).expect("no panic")).sum();
        tried.value.with(|value| assert_eq!(super::sys::read(value), owners + count));
    });
}

#[test]
fn the_owner_and_another_are_never_in_together() {
    try_all_orders(2, &[2]);
}

#[test]
fn the_owner_and_two_others_are_never_in_together() {
    try_all_orders(2, &[1, 1]);
}

/// With the barriers that there are: of the kernel, or, before it is asked for that, of the threads.
#[test]
fn nothing_is_lost_under_load() {
    const TIMES: u64 = 200_000;
    let (lock, others) = (Arc::new(Biased::new(0_u64)), Arc::new(AtomicU32::new(2)));
    let threads: Vec<_> = (0..2)
        .map(|number| {
            let (lock, others) = (lock.clone(), others.clone());
            thread::spawn(move || {
                let mut taken = 0;
                for _ in 0..2000 {
                    if number == 0 {
                        *lock.lock().expect("it is not the owner's") += 1;
                        taken += 1;
                    } else if let Some(mut held) = lock.try_lock() {
                        *held += 1;
                        taken += 1;
                    }
                }
                others.fetch_sub(1, Ordering::Relaxed);
                taken
            })
        })
        .collect();
    let mut own = 0;
    while others.load(Ordering::Relaxed) > 0 || own < TIMES {
        *lock.lock().expect("it is not held") += 1;
        own += 1;
        if own == TIMES / 4 {
            prepare();
        }
    }
    let taken: u64 = threads.into_iter().map(|thread| thread.join().expect("no panic")).sum();
    assert_eq!(*lock.lock().expect("it is not held"), own + taken);
}

#[test]
fn its_holder_cannot_take_it_again() {
    let lock = Biased::new(1);
    let held = lock.lock().expect("it is free");
    assert!(lock.lock().is_none() && lock.try_lock().is_none());
    thread::scope(|scope| scope.spawn(|| assert!(lock.try_lock().is_none())).join().expect("no panic"));
    drop(held);
    let take_twice = || {
        let mut held = lock.lock().expect("it is free");
        *held += 1;
        assert!(lock.lock().is_none() && lock.try_lock().is_none());
    };
    thread::scope(|scope| scope.spawn(take_twice).join().expect("no panic"));
    // The owner queues now.
    let held = lock.lock().expect("it is free");
    assert!(*held == 2 && lock.lock().is_none());
    thread::scope(|scope| scope.spawn(|| assert!(lock.try_lock().is_none())).join().expect("no panic"));
}

#[test]
fn a_panic_of_its_holder_frees_it() {
    let lock = Biased::new(());
    let panics = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _held = lock.lock();
        panic!("in the midst of it")
    }));
    assert!(panics.is_err() && lock.lock().is_some());
    thread::scope(|scope| {
        let other = scope.spawn(|| {
            let _held = lock.lock();
            panic!("in the midst of it")
        });
        assert!(other.join().is_err());
    });
    assert!(lock.lock().is_some());
}
