//! Links over real sockets and pipes: what is sent arrives, whole and in step, whatever the system does in between.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use procession_transport::{
    Flushed, Frame, Header, Hub, Inlet, Link, LinkError, Outlet, Pipe, Received, Refusal, Socket, WireError,
    memory_file, socket_pair,
};

const LIMIT_BYTES: usize = 64 << 20;

type Pair = (Outlet, Inlet);

fn over_socket() -> Pair {
    let (one, other) = socket_pair().expect("a pair of sockets");
    halves(Arc::new(Socket::from_nonblocking(one)), Arc::new(Socket::from_nonblocking(other)))
}

fn over_pipe() -> Pair {
    let (reading, writing) = Pipe::pair().expect("a pipe");
    halves(Arc::new(writing), Arc::new(reading))
}

fn halves(sending: Arc<dyn Link>, receiving: Arc<dyn Link>) -> Pair {
    (Outlet::new(sending, LIMIT_BYTES), Inlet::new(receiving, LIMIT_BYTES))
}

fn push(outlet: &mut Outlet, tag: u32, payload: &[u8], descriptors: Vec<OwnedFd>) {
    let outcome: Result<usize, Refusal> = outlet.push(Header { tag, ..Header::default() }, |body| {
        descriptors.into_iter().try_for_each(|descriptor| body.attach(descriptor).map(drop))?;
        body.write(payload)
    });
    outcome.expect("the payload fits");
}

/// Sends and receives in turn until everything has arrived.
fn pump(outlet: &mut Outlet, inlet: &mut Inlet, count: usize) -> Vec<Frame> {
    let mut frames = Vec::new();
    while frames.len() < count {
        outlet.flush().expect("the peer is there");
        let received = inlet.receive().expect("the link works");
        assert!(received != Received::End);
        while let Some(frame) = inlet.next_frame().expect("the stream is sound") {
            frames.push(frame);
        }
    }
    frames
}

#[test]
fn every_size_arrives_over_every_kind_of_link() {
    let sizes =
        [0, 1, 15, 16, 17, 4064, 4095, 4096, 4097, 65_535, 65_536, 65_537, (1 << 20) - 1, (1 << 20) + 1, 16 << 20];
    for (mut outlet, mut inlet) in [over_socket(), over_pipe()] {
        for (tag, size) in sizes.into_iter().enumerate() {
            let payload: Vec<u8> = (0..size).map(|index| (index * 31 + tag) as u8).collect();
            push(&mut outlet, tag as u32, &payload, Vec::new());
        }
        for (tag, frame) in pump(&mut outlet, &mut inlet, sizes.len()).iter().enumerate() {
            assert_eq!((frame.header.tag as usize, frame.payload.len()), (tag, sizes[tag]));
            assert!(frame.payload.iter().enumerate().all(|(index, byte)| *byte == (index * 31 + tag) as u8));
            assert_eq!(frame.payload.as_ptr().align_offset(16), 0);
        }
    }
}

#[test]
fn descriptors_stay_with_their_frame() {
    let (mut outlet, mut inlet) = over_socket();
    let counts = [0, 1, 0, 0, 64, 2, 0, 250, 1];
    for (tag, count) in counts.into_iter().enumerate() {
        let files = (0..count).map(|index| file_of(&format!("{tag}.{index}"))).collect();
        push(&mut outlet, tag as u32, b"payload", files);
    }
    for (tag, frame) in pump(&mut outlet, &mut inlet, counts.len()).into_iter().enumerate() {
        let files = frame.descriptors.arrived().expect("all arrived");
        assert_eq!(files.len(), counts[tag]);
        for (index, file) in files.into_iter().enumerate() {
            assert_eq!(content_of(file), format!("{tag}.{index}"));
        }
    }
}

fn file_of(text: &str) -> OwnedFd {
    use std::os::unix::fs::FileExt;
    let file = std::fs::File::from(memory_file("test").expect("a memory file"));
    file.write_all_at(text.as_bytes(), 0).expect("memory");
    file.into()
}

fn content_of(file: OwnedFd) -> String {
    use std::os::unix::fs::FileExt;
    let mut bytes = [0; 16];
    let count = std::fs::File::from(file).read_at(&mut bytes, 0).expect("the file can be read");
    String::from_utf8_lossy(&bytes[..count]).into_owned()
}

#[test]
fn a_full_link_says_so_and_goes_on() {
    for (mut outlet, mut inlet) in [over_socket(), over_pipe()] {
        let payload = vec![5; 1 << 20];
        push(&mut outlet, 0, &payload, Vec::new());
        assert_eq!(outlet.flush().expect("the peer is there"), Flushed::Blocked);
        assert_eq!(pump(&mut outlet, &mut inlet, 1)[0].payload.len(), payload.len());
        assert_eq!(outlet.flush().expect("the peer is there"), Flushed::Everything);
    }
}

#[test]
fn a_closed_end_is_an_error_and_no_signal() {
    for (mut outlet, inlet) in [over_socket(), over_pipe()] {
        drop(inlet);
        push(&mut outlet, 0, b"nobody", Vec::new());
        assert!(matches!(outlet.flush(), Err(LinkError::Closed)));
    }
    for (mut outlet, mut inlet) in [over_socket(), over_pipe()] {
        push(&mut outlet, 0, b"last words", Vec::new());
        outlet.flush().expect("the peer is there");
        drop(outlet);
        assert_eq!(inlet.receive().expect("the link works"), Received::Drained);
        assert!(inlet.next_frame().expect("the stream is sound").is_some());
        assert_eq!(inlet.receive().expect("the link works"), Received::End);
    }
}

#[test]
fn noise_ends_a_link_with_an_error() {
    let (one, other) = socket_pair().expect("a pair of sockets");
    nix::unistd::write(&one, &[0xA5; 64]).expect("the peer is there");
    let mut inlet = Inlet::new(Arc::new(Socket::from_nonblocking(other)), LIMIT_BYTES);
    inlet.receive().expect("the link works");
    assert!(matches!(inlet.next_frame(), Err(LinkError::Wire(WireError::Corrupt))));
}

#[test]
fn a_hub_tells_what_is_ready_and_keeps_quiet_about_the_rest() {
    let (mut outlet, mut inlet) = over_socket();
    let (_quiet, other) = socket_pair().expect("a pair of sockets");
    let mut hub = Hub::new().expect("a poller");
    let watch = hub.watch(inlet.link().descriptor(), "link").expect("it can be watched");
    hub.watch(std::os::fd::AsFd::as_fd(&other), "quiet").expect("it can be watched");
    hub.wait(Some(std::time::Duration::ZERO)).expect("the poller works");
    assert_eq!(hub.ready_count(), 0);
    push(&mut outlet, 0, b"word", Vec::new());
    outlet.flush().expect("the peer is there");
    hub.wait(None).expect("the poller works");
    let (found, readiness) = hub.ready_at(0).expect("something is ready");
    assert_eq!((found, readiness.subject, readiness.readable, hub.ready_count()), (watch, "link", true, 1));
    assert_eq!(inlet.receive().expect("the link works"), Received::Drained);
    hub.drained(watch);
    assert!(!hub.has_ready());
    drop(outlet);
    hub.wait(None).expect("the poller works");
    hub.drained(watch);
    assert!(hub.has_ready(), "an end of file is not forgotten by a short read");
    hub.ended(watch);
    assert!(!hub.has_ready());
    hub.forget(watch, inlet.link().descriptor());
}

#[test]
fn what_a_hub_is_told_to_presume_is_ready_before_the_poller_says_so_and_once() {
    let (mut outlet, mut inlet) = over_socket();
    let mut hub = Hub::new().expect("a poller");
    let watch = hub.watch(inlet.link().descriptor(), "link").expect("it can be watched");
    push(&mut outlet, 0, b"word", Vec::new());
    outlet.flush().expect("the peer is there");
    hub.presume_readable(watch);
    hub.presume_readable(watch);
    assert_eq!((hub.ready_count(), hub.readiness(watch).map(|readiness| readiness.readable)), (1, Some(true)));
    assert_eq!(inlet.receive().expect("the link works"), Received::Drained);
    hub.drained(watch);
    assert!(!hub.has_ready());
    hub.wait(Some(std::time::Duration::ZERO)).expect("the poller works");
    assert!(!hub.has_ready(), "the poller looks before it says so");
    push(&mut outlet, 0, b"word", Vec::new());
    outlet.flush().expect("the peer is there");
    hub.wait(None).expect("the poller works");
    assert_eq!(hub.readiness(watch).map(|readiness| readiness.readable), Some(true));
    hub.forget(watch, inlet.link().descriptor());
}
