//! What exceeds a limit.

use std::io::Write;

use clicks::decode::DecodeLimits;

use crate::support::{Out, click, counts, decode, lines, whole};

#[test]
fn a_record_over_the_limit_is_one_bad_record_and_its_neighbours_live() {
    let limits = DecodeLimits {
        record_bytes: 4096,
        ..DecodeLimits::default()
    };
    let long = format!(
        "{{\"timestamp\":\"2026-11-21T00:00:00Z\",\"route\":{{\"x\":\"{}\"}}}}",
        "y".repeat(100_000)
    );
    let text = format!("{}\n{long}\n{}{long}{}\n", click(1), click(2), click(3));
    let out = decode("k", text.as_bytes(), limits, || 1000);
    assert_eq!(counts(&out), (3, 2, 0));
    let Out::Bad {
        length,
        raw,
        reason,
        ..
    } = &out[1]
    else {
        panic!("{out:?}")
    };
    assert_eq!((*length, raw.len()), (long.len() as u64, 4096));
    assert_eq!(reason, "longer than 4096 bytes (MAX_RECORD_BYTES)");
}

#[test]
fn a_50_mb_line_of_an_array_streams_and_one_of_a_string_is_bad() {
    let array = format!("[{}]", vec![click(1); 750_000].join(","));
    assert!(array.len() > 50_000_000);
    assert_eq!(
        counts(&decode(
            "k",
            array.as_bytes(),
            DecodeLimits::default(),
            || 1 << 16
        )),
        (750_000, 0, 0)
    );
    let string = format!(
        "{{\"timestamp\":\"{}\"}}\n{}\n",
        "x".repeat(50_000_000),
        click(2)
    );
    assert_eq!(
        counts(&decode(
            "k",
            string.as_bytes(),
            DecodeLimits::default(),
            || 1 << 16
        )),
        (1, 1, 0)
    );
}

#[test]
fn ten_thousand_levels_are_a_bad_record() {
    let deep = "{\"a\":".repeat(10_000) + "1" + &"}".repeat(10_000);
    let text = format!("{deep}{}\n{}[{}]", click(1), "[".repeat(10_000), click(2));
    let out = whole("k", text.as_bytes());
    assert_eq!(counts(&out).0, 1, "the click after the balanced one");
    let Out::Bad { reason, length, .. } = &out[0] else {
        panic!("{out:?}")
    };
    assert_eq!(*length, deep.len() as u64);
    assert!(
        reason.ends_with("more than 128 levels deep (MAX_DEPTH)"),
        "{reason}"
    );
}

#[test]
fn a_bomb_and_an_object_over_the_limit_are_unreadable() {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    encoder
        .write_all(format!("{}\n", click(1)).as_bytes())
        .unwrap();
    for _ in 0..40 {
        encoder.write_all(&[b' '; 1 << 20]).unwrap();
    }
    let out = whole("k", &encoder.finish().unwrap());
    assert_eq!(counts(&out), (1, 0, 1));
    let Some(Out::Unreadable { reason, .. }) = out.last() else {
        panic!()
    };
    assert!(reason.contains("MAX_INFLATE_RATIO"), "{reason}");

    let text = lines(0..1000);
    let limits = DecodeLimits {
        object_bytes: 10_000,
        ..DecodeLimits::default()
    };
    let one = decode("k", text.as_bytes(), limits, || 1 << 20);
    assert_eq!(
        one,
        decode("k", text.as_bytes(), limits, || 13),
        "however it comes in"
    );
    assert_eq!(counts(&one).2, 1);
}
