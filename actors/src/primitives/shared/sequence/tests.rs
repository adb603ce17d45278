//! Sequences against vectors.

use proptest::prelude::*;

use super::*;

/// What is done to both.
#[derive(Debug, Clone)]
enum Step {
    Get(usize),
    Set(usize, u32),
    Slice(usize, usize),
    Overwrite(usize, Vec<u32>),
    Splice(usize, usize, Vec<u32>),
    Append(u32),
    Extend(Vec<u32>),
    Insert(usize, u32),
    Pop,
    Remove(usize),
    Clear,
    Reverse,
    Add(usize, u32),
    Find(u32),
    /// Sorts, adds an item, and panics if the item is odd.
    Sort(u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let index = || 0_usize..12;
    let number = || 0_u32..6;
    let numbers = || prop::collection::vec(0_u32..6, 0..4);
    let step = prop_oneof![
        index().prop_map(Step::Get),
        (index(), number()).prop_map(|(index, item)| Step::Set(index, item)),
        (index(), index()).prop_map(|(start, end)| Step::Slice(start, end)),
        (index(), numbers()).prop_map(|(start, items)| Step::Overwrite(start, items)),
        (index(), index(), numbers()).prop_map(|(start, end, items)| Step::Splice(start, end, items)),
        number().prop_map(Step::Append),
        numbers().prop_map(Step::Extend),
        (index(), number()).prop_map(|(index, item)| Step::Insert(index, item)),
        Just(Step::Pop),
        index().prop_map(Step::Remove),
        Just(Step::Clear),
        Just(Step::Reverse),
        (index(), prop_oneof![number(), Just(u32::MAX)]).prop_map(|(index, number)| Step::Add(index, number)),
        number().prop_map(Step::Find),
        number().prop_map(Step::Sort),
    ];
    prop::collection::vec(step, 1..40)
}

fn blob(number: u32) -> Blob {
    Blob::pack(&number).expect("it is small")
}

fn blobs(numbers: &[u32]) -> Vec<Blob> {
    numbers.iter().copied().map(blob).collect()
}

fn sort(items: &mut Vec<u32>, item: u32) -> u32 {
    items.sort_unstable();
    items.push(item);
    assert!(item.is_multiple_of(2), "{item} is odd");
    item
}

/// What a step comes to, in words.
fn words(answer: &Result<SequenceAnswer, Fault>) -> String {
    let open = |item: &Blob| item.open::<u32>().expect("it is a number");
    match answer {
        Ok(SequenceAnswer::Item(item)) => format!("{:?}", item.open::<u32>().ok()),
        Ok(SequenceAnswer::Items(items)) => format!("{:?}", items.iter().map(open).collect::<Vec<_>>()),
        Ok(SequenceAnswer::Length(length)) => length.to_string(),
        Ok(SequenceAnswer::Nothing) => "None".to_owned(),
        Ok(SequenceAnswer::Done) => "done".to_owned(),
        // Its words are kept in processes of a system only.
        Err(Fault::Panicked { .. }) => "panicked".to_owned(),
        Err(fault) => format!("{fault:?}"),
    }
}

fn take(sequence: &mut Sequence, step: &Step) -> String {
    use SequenceOperation as Operation;
    let at = |index: &usize| *index as u64;
    let edit = |outcome: Result<Edit, crate::SharedError>| outcome.expect("it can be named");
    let operation = match step {
        Step::Get(index) => Operation::Get(at(index)),
        Step::Set(index, item) => Operation::Set(at(index), blob(*item)),
        Step::Slice(start, end) => Operation::Slice(at(start), at(end)),
        Step::Overwrite(start, items) => Operation::Overwrite(at(start), blobs(items)),
        Step::Splice(start, end, items) => Operation::Splice(at(start), at(end), blobs(items)),
        Step::Append(item) => Operation::Append(blob(*item)),
        Step::Extend(items) => Operation::Extend(blobs(items)),
        Step::Insert(index, item) => Operation::Insert(at(index), blob(*item)),
        Step::Pop => Operation::Pop,
        Step::Remove(index) => Operation::Remove(at(index)),
        Step::Clear => Operation::Clear,
        Step::Reverse => Operation::Reverse,
        Step::Add(index, number) => Operation::EditAt(at(index), edit(Edit::add(*number))),
        Step::Sort(item) => Operation::Edit(edit(Edit::of_items(sort, item))),
        Step::Find(item) => {
            let answer = sequence.act(Operation::Edit(edit(Edit::find(item))));
            let Ok(SequenceAnswer::Item(found)) = answer else { return format!("{answer:?}") };
            return format!("{:?}", found.open::<(Option<u64>, u64)>().expect("it is what it is"));
        }
    };
    words(&sequence.act(operation))
}

/// What a step comes to with a vector.
fn expect(items: &mut Vec<u32>, step: &Step) -> String {
    let length = items.len();
    let beyond = |index: usize| format!("{:?}", Fault::index(index, length));
    let done = || "done".to_owned();
    match step {
        Step::Get(index) => items.get(*index).map_or_else(|| beyond(*index), |item| format!("{:?}", Some(item))),
        Step::Set(index, item) => items.get_mut(*index).map_or_else(
            || beyond(*index),
            |old| {
                *old = *item;
                done()
            },
        ),
        Step::Slice(start, end) => {
            let end = (*end).min(length);
            format!("{:?}", &items[(*start).min(end)..end])
        }
        Step::Overwrite(start, _) if *start > length => beyond(*start),
        Step::Overwrite(start, new) if start + new.len() > length => beyond(length),
        Step::Overwrite(start, new) => {
            items[*start..start + new.len()].copy_from_slice(new);
            done()
        }
        Step::Splice(start, end, new) => {
            let end = (*end).min(length);
            items.splice((*start).min(end)..end, new.iter().copied());
            done()
        }
        Step::Append(item) => {
            items.push(*item);
            done()
        }
        Step::Extend(new) => {
            items.extend(new);
            done()
        }
        Step::Insert(index, _) if *index > length => beyond(*index),
        Step::Insert(index, item) => {
            items.insert(*index, *item);
            done()
        }
        Step::Pop => format!("{:?}", items.pop()),
        Step::Remove(index) if *index >= length => beyond(*index),
        Step::Remove(index) => format!("{:?}", Some(items.remove(*index))),
        Step::Clear => {
            items.clear();
            done()
        }
        Step::Reverse => {
            items.reverse();
            done()
        }
        Step::Add(index, _) if *index >= length => beyond(*index),
        Step::Add(index, number) => match items[*index].checked_add(*number) {
            Some(sum) => format!("{:?}", Some(std::mem::replace(&mut items[*index], sum))),
            None => format!("{:?}", Fault::Overflow),
        },
        Step::Sort(item) if item % 2 == 1 => "panicked".to_owned(),
        Step::Sort(item) => format!("{:?}", Some(sort(items, *item))),
        Step::Find(item) => {
            let first = items.iter().position(|other| other == item).map(|index| index as u64);
            format!("{:?}", (first, items.iter().filter(|other| *other == item).count() as u64))
        }
    }
}

proptest! {
    #[test]
    fn a_sequence_is_a_vector(start in prop::collection::vec(0_u32..6, 0..8), steps in steps()) {
        let (mut sequence, mut items) = (Sequence::new(blobs(&start)), start);
        for step in steps {
            prop_assert_eq!(take(&mut sequence, &step), expect(&mut items, &step), "{:?}", step);
            let all = words(&sequence.act(SequenceOperation::Slice(0, u64::MAX)));
            prop_assert_eq!(all, format!("{items:?}"), "after {:?}", step);
        }
    }
}
