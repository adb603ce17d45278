//! Values survive the way through a send buffer; anything else is an error.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{Read, Write};

use proptest::prelude::*;

use super::*;
use crate::{ActorRef, Descriptor, ProcessId, Recipient, data, message};

#[data]
#[derive(Debug, Clone, PartialEq)]
struct Everything {
    number: u64,
    size: usize,
    text: String,
    list: Vec<Option<i16>>,
    map: BTreeMap<String, (u8, char)>,
    index: HashMap<u32, Vec<f64>>,
    result: Result<bool, String>,
    duration: std::time::Duration,
}

#[data]
#[derive(Debug, PartialEq)]
struct Nothing;

#[data(recursive)]
#[derive(Debug, PartialEq)]
enum Chain {
    End,
    Link { number: u8, next: Box<Self> },
}

#[data(recursive)]
#[derive(Debug, PartialEq)]
struct Tree {
    name: String,
    children: Vec<Tree>,
}

#[data]
#[derive(Debug, PartialEq)]
struct Pair<T> {
    left: T,
    right: Vec<T>,
}

#[message]
struct Files {
    first: Descriptor,
    others: Vec<Descriptor>,
}

fn everything() -> impl Strategy<Value = Everything> {
    let map = prop::collection::btree_map(any::<String>(), any::<(u8, char)>(), 0..4);
    let index = prop::collection::hash_map(any::<u32>(), prop::collection::vec(-1e9..1e9, 0..4), 0..4);
    let scalars = (any::<u64>(), any::<usize>(), any::<String>(), any::<std::time::Duration>());
    (scalars, any::<Vec<Option<i16>>>(), map, index, any::<Result<bool, String>>()).prop_map(
        |((number, size, text, duration), list, map, index, result)| Everything {
            number,
            size,
            text,
            list,
            map,
            index,
            result,
            duration,
        },
    )
}

fn round_trip<T: Data>(value: &T) -> Result<T, PayloadError> {
    let packed = Packed::new(value)?;
    open_anywhere(&packed.bytes, &Arrived::new(packed.descriptors))
}

fn chain(length: usize) -> Chain {
    (0..length).fold(Chain::End, |next, number| Chain::Link { number: number as u8, next: Box::new(next) })
}

proptest! {
    #[test]
    fn any_value_survives(value in everything()) {
        prop_assert_eq!(round_trip(&value), Ok(value));
    }

    #[test]
    fn damage_is_an_error_or_another_value(value in everything(), at in any::<prop::sample::Index>(), with in 1..=255u8) {
        let mut bytes = Packed::new(&value).expect("it can be sent").bytes;
        let at = at.index(bytes.len());
        bytes[at] ^= with;
        let _ = open_anywhere::<Everything>(&bytes, &Arrived::default());
    }

    #[test]
    fn noise_is_an_error_or_a_value(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let _ = open_anywhere::<Everything>(&bytes, &Arrived::default());
        let _ = open_anywhere::<Chain>(&bytes, &Arrived::default());
        let _ = open_anywhere::<Files>(&bytes, &Arrived::default());
    }

    #[test]
    fn a_shorter_payload_is_an_error(value in everything(), missing in 1..200usize) {
        let bytes = Packed::new(&value).expect("it can be sent").bytes;
        let rest = bytes.len().saturating_sub(missing).min(size_of::<ArchivedEverything>() - 1);
        prop_assert!(open_anywhere::<Everything>(&bytes[..rest], &Arrived::default()).is_err());
    }
}

#[test]
fn sizes_are_not_cut() {
    assert_eq!(round_trip(&usize::MAX), Ok(usize::MAX));
    assert_eq!(round_trip(&isize::MIN), Ok(isize::MIN));
}

#[test]
fn nothing_takes_no_bytes() {
    assert!(Packed::new(&Nothing).expect("it can be sent").bytes.is_empty());
    assert_eq!(round_trip(&Nothing), Ok(Nothing));
    assert_eq!(round_trip(&()), Ok(()));
    assert_eq!(round_trip(&[0u128; 0]), Ok([]));
}

#[test]
fn recursive_and_generic_data_survive() {
    assert_eq!(round_trip(&chain(3)), Ok(chain(3)));
    let leaf = |name: &str| Tree { name: name.into(), children: Vec::new() };
    let tree = || Tree { name: "a name that is not short".into(), children: vec![leaf("b"), leaf("c")] };
    assert_eq!(round_trip(&tree()), Ok(tree()));
    let pair = || Pair { left: "x".to_owned(), right: vec!["y".to_owned()] };
    assert_eq!(round_trip(&pair()), Ok(pair()));
}

#[test]
fn too_deep_is_refused_before_it_is_sent() {
    // The root is a level, and the end of the chain is in the last link's box.
    assert_eq!(round_trip(&chain(DEPTH_LIMIT - 1)), Ok(chain(DEPTH_LIMIT - 1)));
    let refused = Packed::new(&chain(DEPTH_LIMIT));
    assert_eq!(refused.expect_err("it is too deep"), PayloadError::TooDeep { limit: DEPTH_LIMIT });
}

#[test]
fn too_large_is_refused() {
    let (mut bytes, mut descriptors) = (Vec::new(), Vec::new());
    let outcome = encode(&vec![0u8; 100], &mut Body::detached(&mut bytes, &mut descriptors, 64));
    assert_eq!(outcome, Err(PayloadError::TooLarge { limit_bytes: 64 }));
}

#[test]
fn addresses_are_data_whatever_they_are_for() {
    struct NotData;
    let id = ProcessId { system: u64::MAX - 1, node: 0, slot: 17, generation: 3 };
    let actor = ActorRef::<NotData>::new(id);
    assert_eq!(round_trip(&actor), Ok(actor));
    let recipient = Recipient::<NotData>::new(id, 7);
    let packed = Packed::new(&recipient).expect("it can be sent");
    let archived = access::<Recipient<NotData>>(&packed.bytes).expect("it is valid");
    assert_eq!(archived.to_native(), recipient);
}

#[test]
fn descriptors_travel_as_duplicates_and_are_taken_once() {
    let file = |text: &[u8]| {
        let mut file = tempfile::tempfile().expect("a temporary file");
        file.write_all(text).expect("it is written");
        std::io::Seek::rewind(&mut file).expect("it is rewound");
        Descriptor::new(file)
    };
    let files = Files { first: file(b"one"), others: vec![file(b"two"), file(b"three")] };
    let arrived = round_trip(&files).expect("they arrive");
    assert!(files.first.borrow().is_ok(), "the sender keeps its own");
    let texts: Vec<String> = std::iter::once(arrived.first)
        .chain(arrived.others)
        .map(|descriptor| {
            let mut text = String::new();
            let mut file = File::from(descriptor.into_owned().expect("it came along"));
            file.read_to_string(&mut text).expect("it is readable");
            text
        })
        .collect();
    assert_eq!(texts, ["one", "two", "three"]);
}

#[test]
fn a_descriptor_that_is_not_there_is_an_error() {
    let files = Files { first: File::open("/dev/null").expect("it is there").into(), others: Vec::new() };
    let packed = Packed::new(&files).expect("it can be sent");
    let without = open_anywhere::<Files>(&packed.bytes, &Arrived::default()).expect("the bytes are valid");
    assert_eq!(without.first.borrow().expect_err("none came"), DescriptorError::Missing { index: 0 });
    assert!(Packed::new(&without).is_err(), "it cannot be sent on");

    let arrived = Arrived::new(packed.descriptors);
    let archived = access::<Files>(&packed.bytes).expect("it is valid");
    assert!(open::<Files>(archived, &arrived).expect("it is valid").first.into_owned().is_ok());
    let again = open::<Files>(archived, &arrived).expect("it is valid").first.into_owned();
    assert_eq!(again.expect_err("it is taken"), DescriptorError::Taken { index: 0 });
}

#[test]
fn faults_keep_their_texts() {
    let error = open_anywhere::<char>(&0xD800u32.to_le_bytes(), &Arrived::default());
    let text = error.expect_err("a surrogate is no char").to_string();
    assert!(text.contains("out of range for `char`"), "{text}");
}
