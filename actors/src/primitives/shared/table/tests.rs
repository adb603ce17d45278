//! Tables against vectors of pairs.

use proptest::prelude::*;

use super::*;

/// What is done to both.
#[derive(Debug, Clone)]
enum Step {
    Get(u8),
    Contains(u8),
    Insert(u8, u32),
    Extend(Vec<(u8, u32)>),
    GetOrInsert(u8, u32),
    Remove(u8),
    Pop,
    Clear,
    Add(u8, Option<u32>, u32),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let key = || 0_u8..6;
    let number = || 0_u32..100;
    let step = prop_oneof![
        key().prop_map(Step::Get),
        key().prop_map(Step::Contains),
        (key(), number()).prop_map(|(key, value)| Step::Insert(key, value)),
        prop::collection::vec((key(), number()), 0..4).prop_map(Step::Extend),
        (key(), number()).prop_map(|(key, value)| Step::GetOrInsert(key, value)),
        key().prop_map(Step::Remove),
        Just(Step::Pop),
        Just(Step::Clear),
        (key(), prop::option::of(number()), prop_oneof![number(), Just(u32::MAX)])
            .prop_map(|(key, default, number)| Step::Add(key, default, number)),
    ];
    prop::collection::vec(step, 1..60)
}

fn blob(number: u32) -> Blob {
    Blob::pack(&number).expect("it is small")
}

fn words(answer: &Result<TableAnswer, Fault>) -> String {
    let open = |value: &Blob| value.open::<u32>().expect("it is a number");
    match answer {
        Ok(TableAnswer::Item(value)) => format!("{:?}", Some(open(value))),
        Ok(TableAnswer::Nothing) => "None".to_owned(),
        Ok(TableAnswer::Pairs(pairs)) => {
            let key = |key: &Blob| key.open::<u8>().expect("it is a key");
            format!("{:?}", pairs.iter().map(|(one, value)| (key(one), open(value))).collect::<Vec<_>>())
        }
        Ok(other) => format!("{other:?}"),
        Err(fault) => format!("{fault:?}"),
    }
}

fn take(table: &mut Table<u8>, step: Step) -> String {
    let operation = match step {
        Step::Get(key) => TableOperation::Get(key),
        Step::Contains(key) => TableOperation::Contains(key),
        Step::Insert(key, value) => TableOperation::Insert(key, blob(value)),
        Step::Extend(pairs) => {
            TableOperation::Extend(pairs.into_iter().map(|(key, value)| (key, blob(value))).collect())
        }
        Step::GetOrInsert(key, value) => TableOperation::GetOrInsert(key, blob(value)),
        Step::Remove(key) => TableOperation::Remove(key),
        Step::Pop => TableOperation::Pop,
        Step::Clear => TableOperation::Clear,
        Step::Add(key, default, number) => {
            TableOperation::Edit(key, default.map(blob), Edit::add(number).expect("it can be named"))
        }
    };
    words(&table.act(operation))
}

fn insert(pairs: &mut Vec<(u8, u32)>, key: u8, value: u32) -> Option<u32> {
    match pairs.iter_mut().find(|(other, _)| *other == key) {
        Some((_, old)) => Some(std::mem::replace(old, value)),
        None => {
            pairs.push((key, value));
            None
        }
    }
}

/// What a step comes to with pairs.
fn expect(pairs: &mut Vec<(u8, u32)>, step: Step) -> String {
    let find = |pairs: &[(u8, u32)], key| pairs.iter().find(|(other, _)| *other == key).map(|(_, value)| *value);
    match step {
        Step::Get(key) => format!("{:?}", find(pairs, key)),
        Step::Contains(key) => format!("{:?}", TableAnswer::Flag(find(pairs, key).is_some())),
        Step::Insert(key, value) => format!("{:?}", insert(pairs, key, value)),
        Step::Extend(more) => {
            for (key, value) in more {
                insert(pairs, key, value);
            }
            format!("{:?}", TableAnswer::Done)
        }
        Step::GetOrInsert(key, value) => {
            let found = find(pairs, key);
            found.is_none().then(|| insert(pairs, key, value));
            format!("{:?}", found.or(Some(value)))
        }
        Step::Remove(key) => {
            let place = pairs.iter().position(|(other, _)| *other == key);
            format!("{:?}", place.map(|place| pairs.remove(place).1))
        }
        Step::Pop => pairs.pop().map_or_else(|| "None".to_owned(), |pair| format!("{:?}", [pair])),
        Step::Clear => {
            pairs.clear();
            format!("{:?}", TableAnswer::Done)
        }
        Step::Add(key, default, number) => match find(pairs, key).or(default) {
            None => format!("{:?}", Fault::NotFound),
            Some(before) => match before.checked_add(number) {
                None => format!("{:?}", Fault::Overflow),
                Some(sum) => {
                    insert(pairs, key, sum);
                    format!("{:?}", Some(before))
                }
            },
        },
    }
}

proptest! {
    #[test]
    fn a_table_is_pairs_in_the_order_of_their_keys(steps in steps()) {
        let (mut table, mut pairs) = (Table::new(Vec::new()), Vec::new());
        for step in steps {
            prop_assert_eq!(take(&mut table, step.clone()), expect(&mut pairs, step.clone()), "{:?}", step);
            prop_assert_eq!(words(&table.act(TableOperation::Items)), format!("{pairs:?}"), "after {:?}", step);
        }
    }
}
