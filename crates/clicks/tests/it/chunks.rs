//! The chunks that a file comes in change nothing.

use std::io::Write;

use clicks::decode::DecodeLimits;
use proptest::prelude::*;

use crate::support::{click, data_files, decode, junk, lines, whole};

#[test]
fn chunk_boundaries_change_nothing() {
    for file in data_files() {
        let (bytes, expected) = (file.bytes(), whole(&file.name, &file.bytes()));
        for size in [1, 2, 3, 7, 64, 1000] {
            assert_eq!(
                decode(&file.name, &bytes, DecodeLimits::default(), || size),
                expected,
                "{} in chunks of {size}",
                file.name
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn any_bytes_in_any_chunks_decode_alike(
        pieces in proptest::collection::vec(piece(), 0..14),
        sizes in proptest::collection::vec(1usize..90, 1..20),
        gzip: bool,
        envelope_key_bytes in 1usize..500,
    ) {
        let mut bytes = pieces.concat();
        if gzip {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(&bytes).unwrap();
            bytes = encoder.finish().unwrap();
        }
        let limits = DecodeLimits { record_bytes: 300, depth: 8, envelope_key_bytes, ..DecodeLimits::default() };
        let expected = decode("k", &bytes, limits, || usize::MAX);
        let mut at = 0;
        let chunked = decode("k", &bytes, limits, || { at += 1; sizes[at % sizes.len()] });
        prop_assert_eq!(chunked, expected);
    }
}

/// Pieces of files, good and bad.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        (0usize..1000).prop_map(|n| click(n).into_bytes()),
        (0usize..1000).prop_map(|n| format!(" {}\n", click(n)).into_bytes()),
        (0usize..9, 0usize..9).prop_map(|(a, b)| format!(
            "{{\"data\":[{},{}],\"key\":\"k\"}}",
            click(a),
            click(b)
        )
        .into_bytes()),
        (0usize..9).prop_map(|n| format!(
            "{{\"data\":[{},{{\"a\":tru}}],\"key\":\"k\"}}\n",
            click(n)
        )
        .into_bytes()),
        junk(),
        Just(b"}]}".to_vec()),
        "[\\[\\]{},:\n \"]{0,6}".prop_map(String::into_bytes),
        proptest::collection::vec(any::<u8>(), 0..12),
    ]
}

#[test]
fn the_inflation_ratio_does_not_depend_on_chunks() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gzip.write_all(lines(0..1).repeat(60_000).as_bytes())
        .unwrap();
    gzip.write_all(lines(0..20_000).as_bytes()).unwrap();
    let bytes = gzip.finish().unwrap();
    let limits = DecodeLimits {
        ratio: 20,
        ..DecodeLimits::default()
    };
    let whole = decode("k", &bytes, limits, || usize::MAX);
    assert_eq!(whole, decode("k", &bytes, limits, || 999));
}
