//! A receiver without free descriptors. Alone in its process, since it takes them all.

use std::sync::Arc;

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use procession_transport::{Descriptors, Frame, Header, Inlet, Outlet, Refusal, Socket, memory_file, socket_pair};

const LIMIT_BYTES: usize = 1 << 20;

fn push(outlet: &mut Outlet, tag: u32, files: usize) {
    let outcome: Result<usize, Refusal> = outlet.push(Header { tag, ..Header::default() }, |body| {
        for _ in 0..files {
            body.attach(memory_file("test").expect("a memory file"))?;
        }
        body.write(b"payload")
    });
    outcome.expect("the payload fits");
    outlet.flush().expect("the peer is there");
}

fn receive(inlet: &mut Inlet, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.len() < count {
        inlet.receive().expect("the link works");
        while let Some(frame) = inlet.next_frame().expect("the stream is sound") {
            frames.push(frame);
        }
    }
    frames
}

#[test]
fn without_free_descriptors_exactly_that_frame_loses_its_own() {
    let (one, other) = socket_pair().expect("a pair of sockets");
    let mut outlet = Outlet::new(Arc::new(Socket::from_nonblocking(one)), LIMIT_BYTES);
    let mut inlet = Inlet::new(Arc::new(Socket::from_nonblocking(other)), LIMIT_BYTES);
    push(&mut outlet, 1, 0);
    push(&mut outlet, 2, 2);
    push(&mut outlet, 3, 0);
    let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    setrlimit(Resource::RLIMIT_NOFILE, 3, hard).expect("a limit can be lowered");
    let frames = receive(&mut inlet, 3);
    setrlimit(Resource::RLIMIT_NOFILE, soft, hard).expect("a limit can be raised again");
    assert_eq!(frames.iter().map(|frame| frame.header.tag).collect::<Vec<_>>(), [1, 2, 3]);
    assert!(matches!(frames[1].descriptors, Descriptors::Lost));
    push(&mut outlet, 4, 1);
    let later = receive(&mut inlet, 1).remove(0);
    assert_eq!(later.descriptors.arrived().map(|files| files.len()), Ok(1));
}
