//! What must hold once everything is repaired.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

use serde_json::Value;

use super::moody::refuses;
use super::world::{Faults, Take, World};

/// A record of the click files.
type Spot = (String, u64);

/// The row of one record in the quarantine, for a target or for all.
#[derive(PartialEq, Eq, PartialOrd, Ord, Debug)]
struct RowOf {
    spot: Spot,
    target: Option<String>,
}

const TARGETS: [&str; 3] = ["whole", "each", "grouped"];

/// Checks a run in which nothing went wrong: everything went once.
pub fn clean(world: &World) {
    let state = world.state();
    let mut seen = BTreeSet::new();
    for take in &state.takes {
        assert!(seen.insert((take.target, &take.key, take.offset)), "twice");
    }
    drop(state);
    let clicks = clicks(world);
    let taken = takes(world);
    for (id_and_spot, target) in clicks
        .iter()
        .flat_map(|click| TARGETS.map(|name| (click, name)))
    {
        let (spot, click) = id_and_spot;
        let is_taken = taken.contains_key(&(target, spot.clone()));
        assert_ne!(
            is_taken,
            refuses(target, click.raw.as_bytes()),
            "{spot:?} at {target}"
        );
    }
}

/// A click of a clean run.
struct Click {
    id: String,
    raw: String,
}

/// Every click, by its place: what the lake got in a clean run.
fn clicks(world: &World) -> BTreeMap<Spot, Click> {
    let of_line = |line: Value| {
        let source = &line["source"];
        let spot = (text(&source["key"]), source["offset"].as_u64().unwrap());
        let id = text(&line["id"]);
        (
            spot,
            Click {
                id,
                raw: line.to_string(),
            },
        )
    };
    lake(world).into_iter().map(of_line).collect()
}

/// Every line of every file of the lake.
fn lake(world: &World) -> Vec<Value> {
    let state = world.state();
    let mut lines = Vec::new();
    for (_, object) in state.bucket("lake") {
        let mut text = String::new();
        flate2::read::MultiGzDecoder::new(&object.bytes[..])
            .read_to_string(&mut text)
            .unwrap();
        lines.extend(
            text.lines()
                .map(|line| serde_json::from_str::<Value>(line).unwrap()),
        );
    }
    lines
}

/// Every row of the quarantine.
fn rows(world: &World) -> Vec<Value> {
    let state = world.state();
    let of_object = |bytes: &[u8]| {
        let lines: Vec<Value> = String::from_utf8(bytes.to_vec())
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect();
        lines
    };
    state
        .bucket("rows")
        .flat_map(|(_, object)| of_object(&object.bytes))
        .collect()
}

fn count_rows(rows: &[Value]) -> BTreeMap<RowOf, usize> {
    let mut counts = BTreeMap::new();
    for row in rows {
        let source = &row["source"];
        let row = RowOf {
            spot: (text(&source["key"]), source["offset"].as_u64().unwrap()),
            target: row["target"].as_str().map(str::to_owned),
        };
        *counts.entry(row).or_default() += 1;
    }
    counts
}

fn text(value: &Value) -> String {
    value.as_str().unwrap().to_owned()
}

/// What each target took of each record, in order.
fn takes(world: &World) -> BTreeMap<(&'static str, Spot), Vec<(String, bool)>> {
    let state = world.state();
    let mut takes = BTreeMap::<_, Vec<_>>::new();
    for take in &state.takes {
        let Take {
            target,
            key,
            offset,
            id,
            ..
        } = take;
        // What the function did not learn of, or could not write down, it sends again.
        let is_explained = !take.answered || state.troubled.contains(&take.invocation);
        let spot = (key.clone(), *offset);
        takes
            .entry((*target, spot))
            .or_default()
            .push((id.clone(), is_explained));
    }
    takes
}

/// Checks a run after which everything was repaired against the clean run.
pub fn repaired(world: &World, clean: &World, faults: Faults) {
    let expected = clicks(clean);
    let (taken, rows) = (takes(world), rows(world));
    let counts = count_rows(&rows);
    let context = format!("{faults:?}");
    for ((key, offset), click) in &expected {
        let spot = (key.clone(), *offset);
        for target in TARGETS {
            let of_click = taken.get(&(target, spot.clone()));
            let of_click = of_click.map(Vec::as_slice).unwrap_or_default();
            let row = RowOf {
                spot: spot.clone(),
                target: Some(target.into()),
            };
            let kept = counts.get(&row).copied().unwrap_or_default();
            assert!(
                of_click.len() + kept > 0,
                "{spot:?} is lost to {target}; {context}"
            );
            for (id, _) in of_click {
                assert_eq!(*id, click.id, "another id at {spot:?}; {context}");
            }
            let unexplained = of_click
                .iter()
                .rev()
                .skip(1)
                .filter(|(_, explained)| !explained);
            assert_eq!(
                unexplained.count(),
                0,
                "{spot:?} twice at {target}; {context}"
            );
        }
    }
    for (target, spot) in taken.keys() {
        assert!(
            expected.contains_key(spot),
            "{target} took {spot:?}, which is no click"
        );
    }
    lake_is_whole(world, &expected, &counts, &context);
    rows_are_whole(world, clean, &rows, &context);
}

/// Every click is in the lake once.
fn lake_is_whole(
    world: &World,
    expected: &BTreeMap<Spot, Click>,
    counts: &BTreeMap<RowOf, usize>,
    context: &str,
) {
    let mut in_lake = BTreeMap::<Spot, usize>::new();
    for line in lake(world) {
        let source = &line["source"];
        let spot = (text(&source["key"]), source["offset"].as_u64().unwrap());
        assert_eq!(
            text(&line["id"]),
            expected[&spot].id,
            "another id in the lake"
        );
        *in_lake.entry(spot).or_default() += 1;
    }
    for spot in expected.keys() {
        let row = RowOf {
            spot: spot.clone(),
            target: Some("lake".into()),
        };
        assert_eq!(
            in_lake.get(spot),
            Some(&1),
            "{spot:?} in the lake; {context}"
        );
        assert!(
            !counts.contains_key(&row),
            "{spot:?} is in the lake's quarantine; {context}"
        );
    }
}

/// Every bad record is kept once, with its bytes; every rejected click with its own.
fn rows_are_whole(world: &World, clean: &World, found: &[Value], context: &str) {
    let bad = |rows: &[Value]| {
        let of_all = rows.iter().filter(|row| row["target"].is_null());
        let mut bad = BTreeMap::<(String, String), usize>::new();
        for row in of_all {
            *bad.entry((text(&row["id"]), row["raw"].to_string()))
                .or_default() += 1;
        }
        bad
    };
    let (expected, bad) = (bad(&rows(clean)), bad(found));
    let keys = |rows: &BTreeMap<(String, String), usize>| rows.keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&expected), keys(&bad), "other bad records; {context}");
    let troubled = !world.state().troubled.is_empty();
    for (row, times) in &bad {
        assert!(
            *times == 1 || troubled,
            "{row:?} is kept {times} times; {context}"
        );
    }
    for row in found.iter().filter(|row| !row["target"].is_null()) {
        assert!(
            !text(&row["raw"]).is_empty(),
            "a row without its bytes: {row}; {context}"
        );
    }
}
