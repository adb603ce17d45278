//! Memory that large frames took, from one to the next. It is one store for a process, so this is a process of its own.

use procession_transport::{Frame, Header, Reader, Refusal, Writer, keep_spares};

fn stream_of(payloads: &[Vec<u8>]) -> Vec<u8> {
    let (mut writer, mut stream) = (Writer::default(), Vec::new());
    for payload in payloads {
        let outcome: Result<usize, Refusal> = writer.push(Header::default(), |body| body.write(payload));
        outcome.expect("the payload fits");
    }
    while !writer.is_empty() {
        let chunk = writer.chunk().bytes;
        stream.extend_from_slice(chunk);
        let count = chunk.len();
        writer.advance(count);
    }
    stream
}

#[test]
fn the_memory_of_a_large_frame_is_used_again_once_it_is_dropped_and_not_before() {
    let payloads = [vec![1; 3 << 20], vec![2; 3 << 20], vec![3; 3 << 20], vec![4; 2 << 20]];
    let streams = [&payloads[..2], &payloads[2..3], &payloads[3..]].map(stream_of);
    keep_spares(|| true);
    let mut reader = Reader::default();
    let mut receive = |stream: &[u8]| -> Vec<Frame> {
        // As by a link, a part at a time.
        let parts = stream.chunks(100_000).map(|part| {
            reader.push(part, None);
            std::iter::from_fn(|| reader.next_frame().expect("it is sound")).collect::<Vec<_>>()
        });
        parts.flatten().collect()
    };
    let mut kept = receive(&streams[0]);
    let places: Vec<_> = kept.iter().map(|frame| frame.payload.as_ptr().addr()).collect();
    let next = receive(&streams[1]);
    assert!(!places.contains(&next[0].payload.as_ptr().addr()));
    assert!(kept.iter().zip(&payloads).all(|(frame, payload)| frame.payload == payload));
    drop(kept.remove(0));
    let last = receive(&streams[2]);
    assert_eq!(last[0].payload, payloads[3]);
    assert_eq!(last[0].payload.as_ptr().addr(), places[0]);
}
