//! The fuzz target's check, over the test files and some thousand mutations of them, on a stable
//! compiler.

use fastrand::Rng;

use crate::support::data_files;

#[path = "../../fuzz/check.rs"]
mod check;

/// Mutations of each file.
const ROUNDS: u64 = 60;

#[test]
fn mutated_files_decode_alike_however_they_come() {
    let files: Vec<_> = data_files().iter().map(|file| file.bytes()).collect();
    for (number, file) in files.iter().enumerate() {
        check::check(file);
        for round in 0..ROUNDS {
            let mut rng = Rng::with_seed(number as u64 * ROUNDS + round);
            let mut input = file.clone();
            for _ in 0..rng.u32(1..5) {
                mutate(&mut input, &files, &mut rng);
            }
            check::check(&input);
        }
    }
}

/// Cuts, flips, repeats, inserts or joins.
fn mutate(input: &mut Vec<u8>, files: &[Vec<u8>], rng: &mut Rng) {
    const PIECES: [&[u8]; 10] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\n",
        b",",
        b"{\"data\":[",
        b"],\"key\":\"k\"}",
        b"\xEF\xBB\xBF",
    ];
    let at = rng.usize(..=input.len());
    let end = rng.usize(at..=input.len()).min(at + 300);
    match rng.u8(..6) {
        0 => input.truncate(at),
        1 => drop(input.drain(at..end)),
        2 => {
            if let Some(byte) = input.get_mut(at) {
                *byte ^= 1 << rng.u8(..8);
            }
        }
        3 => {
            let part = input[at..end].to_vec();
            drop(input.splice(at..at, part));
        }
        4 => drop(input.splice(at..at, PIECES[rng.usize(..PIECES.len())].iter().copied())),
        _ => input.extend_from_slice(&files[rng.usize(..files.len())]),
    }
    input.truncate(20_000);
}
