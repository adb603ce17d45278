//! However processes are made, they are alike.

use std::fs::{self, File};
use std::io::{Read, Seek, Write};

use procession::prelude::*;
use procession::{Descriptor, Exit, JoinError, Launcher, Restart, SpawnError, Stdio, Strategy};
use procession_tests::worker::{Echo, Identify, Own, Worker};
use procession_tests::{SOON, process_table};

const LAUNCHERS: [Launcher; 2] = [Launcher::Clone, Launcher::Image];

/// Runs a case in a system of each kind.
fn each(case: impl Fn(Launcher, &System)) {
    for launcher in LAUNCHERS {
        let system = System::builder().launcher(launcher).start().expect("a system");
        case(launcher, &system);
        system.shutdown().expect("an orderly end");
    }
}

/// What a process sees of itself.
fn look(bytes: Vec<u8>) -> (u64, String, bool, Vec<String>, usize, Option<String>) {
    let title = fs::read("/proc/self/cmdline").unwrap_or_default();
    let title = String::from_utf8_lossy(&title).trim_end_matches('\0').to_owned();
    let is_marked = std::env::var_os("PROCESSION_PROCESS").is_some();
    let standard = [0, 1, 2].map(|number| fs::read_link(format!("/proc/self/fd/{number}")));
    let standard = standard.into_iter().map(|path| path.map_or_else(|e| e.to_string(), |p| p.display().to_string()));
    let descriptors = fs::read_dir("/proc/self/fd").map_or(0, Iterator::count);
    let sum = bytes.iter().map(|byte| u64::from(*byte)).sum();
    (sum, title, is_marked, standard.collect(), descriptors, std::env::var("PROCESSION_TEST").ok())
}

#[procession::test]
fn a_process_sees_the_same_of_itself() {
    each(|launcher, system| {
        for length in [10, 4097, 1 << 20] {
            let process = system.process(look, vec![3; length]).name("looker").environment("PROCESSION_TEST", "x");
            let process = process.stdout(Stdio::Null).stderr(Stdio::Null).start().expect("a process");
            let (sum, title, is_marked, standard, descriptors, variable) = process.join_within(SOON).expect("a value");
            assert_eq!((sum, variable.as_deref()), (3 * length as u64, Some("x")), "{launcher:?}");
            assert!(title.starts_with("looker"), "{launcher:?}: {title}");
            assert!(!is_marked, "{launcher:?}: the marker is gone");
            assert_eq!(standard, ["/dev/null"; 3], "{launcher:?}");
            assert!(descriptors < 12, "{launcher:?}: {descriptors} descriptors");
        }
    });
}

#[procession::test]
fn ends_are_told_alike() {
    each(|launcher, system| {
        type Fits = fn(&Exit) -> bool;
        let table: [(Child<()>, Fits); 3] = [
            (
                system.process(|| panic!("at once"), ()).stderr(Stdio::Null).start().expect("a process"),
                |exit| matches!(exit, Exit::Panicked(panic) if panic.message == "at once"),
            ),
            (system.process(|| std::process::exit(5), ()).start().expect("a process"), |exit| *exit == Exit::Code(5)),
            (system.process(|| std::process::abort(), ()).start().expect("a process"), |exit| {
                matches!(exit, Exit::Signal { signal: 6, .. })
            }),
        ];
        for (child, fits) in table {
            match child.join_within(SOON) {
                Err(JoinError::Ended(ended)) => assert!(fits(&ended.exit), "{launcher:?}: {:?}", ended.exit),
                other => panic!("{launcher:?}: {other:?}"),
            }
        }
        let refusing = system.actor::<Refusing>(()).start();
        assert_eq!(refusing, Err(SpawnError::Failed(vec!["no".into()])), "{launcher:?}");
        let words = || {
            let _ = writeln!(std::io::stderr(), "last words");
            std::process::exit(1)
        };
        let child: Child<()> = system.process(words, ()).stderr(Stdio::Tail).start().expect("a process");
        match child.join_within(SOON) {
            Err(JoinError::Ended(ended)) => assert_eq!(ended.stderr_tail, ["last words"], "{launcher:?}"),
            other => panic!("{launcher:?}: {other:?}"),
        }
    });
}

struct Refusing;

#[actor]
impl Actor for Refusing {
    fn start((): (), _: &mut Context<Self>) -> Result<Refusing, Failure> {
        Err(Failure::new("no"))
    }
}

#[procession::test]
fn actors_talk_own_and_are_restarted_alike() {
    each(|launcher, system| {
        let worker = system.spawn::<Worker>(()).expect("an actor");
        let ids = worker.ask(&Identify).expect("an answer");
        assert_eq!(ids.parent, process_table::entry(ids.pid).expect("it runs").parent);
        let own = worker.ask(&Own).expect("an actor of its own");
        let own_ids = own.ask(&Identify).expect("an answer");
        assert_eq!(own_ids.parent, ids.parent, "{launcher:?}: all are the supervisor's");
        worker.kill().expect("it runs");
        worker.join_within(SOON).expect("its end");
        assert!(!process_table::is_running(own_ids.pid), "{launcher:?}");

        let supervisor = Supervisor::new(Strategy::OneForAll);
        let supervisor = ["a", "b"].into_iter().fold(supervisor, |supervisor, name| {
            supervisor.child(name, Restart::Permanent, system.actor::<Worker>(()))
        });
        let supervisor = supervisor.start(system).expect("a supervisor");
        let (a, b) = (supervisor.child::<Worker>("a").expect("a"), supervisor.child::<Worker>("b").expect("b"));
        let before = b.ask(&Identify).expect("an answer").pid;
        let monitor = b.monitor().expect("a monitor");
        a.kill().expect("it runs");
        monitor.wait_within(SOON).expect("it is taken along");
        assert_ne!(b.ask(&Identify).expect("it is up again").pid, before, "{launcher:?}");
        assert_eq!(a.ask(&Echo { number: 4 }), Ok(4));
    });
}

#[procession::test]
fn many_start_at_once() {
    each(|launcher, system| {
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let workers: Vec<_> = (0..10).map(|_| system.spawn::<Worker>(()).expect("an actor")).collect();
                    for (number, worker) in (0..).zip(&workers) {
                        assert_eq!(worker.ask(&Echo { number }), Ok(number), "{launcher:?}");
                    }
                });
            }
        });
    });
}

fn read_file(file: Descriptor) -> String {
    let mut text = String::new();
    let file = file.into_owned().map(File::from);
    file.expect("it came along").read_to_string(&mut text).expect("it can be read");
    text
}

#[procession::test]
fn arguments_carry_descriptors() {
    each(|launcher, system| {
        let mut file = tempfile::tempfile().expect("a file");
        file.write_all(b"hello").and_then(|()| file.rewind()).expect("written");
        let child = system.process(read_file, Descriptor::new(file)).start().expect("a process");
        assert_eq!(child.join_within(SOON).as_deref(), Ok("hello"), "{launcher:?}");
    });
}
