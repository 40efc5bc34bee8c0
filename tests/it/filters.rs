//! Plain filters over whole objects, and lists that stand in files.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clickstream_forwarder::config::settings::Settings;
use clickstream_forwarder::deliver::RunControl;
use clickstream_forwarder::forward::BlockLimits;
use clickstream_forwarder::object::Memory;
use clickstream_forwarder::outcome::TargetOutcome;
use proptest::prelude::*;
use tokio::time::Instant;

use crate::scripted::{job, ruled, takes_all};
use crate::support::{context, lines, paused_runtime, temporary, vars};

/// Reads settings in which `rules` are added to a target `out`.
async fn settings(rules: &str) -> Arc<Settings> {
    let text = format!("TARGETS=out OUT_KIND=stdout {rules}");
    let settings = Settings::read(vars(&text), context()).await;
    Arc::new(settings.unwrap_or_else(|errors| panic!("{errors}")))
}

fn described(rules: &clickstream_forwarder::transform::Transform) -> String {
    let rows = rules.describe().into_iter();
    rows.map(|(name, value)| format!("{name}: {value}\n"))
        .collect()
}

async fn later() {
    tokio::time::advance(Duration::from_secs(301)).await;
}

#[tokio::test(start_paused = true)]
async fn a_list_in_a_file_is_read_when_needed_and_again_when_an_object_is_opened() {
    let (_keep, directory) = temporary();
    let file = directory.join("slashtags.txt");
    std::fs::create_dir(directory.join("my-rules")).unwrap();
    let countries = directory.join("my-rules/eu.txt");
    std::fs::write(
        &file,
        "\u{FEFF}# of the season\r\n\r\nspring, 2026\r\n!test*\r\n",
    )
    .unwrap();
    std::fs::write(&countries, "DE").unwrap();
    let rules = format!(
        "OUT_SLASHTAGS=file:{} OUT_COUNTRIES=s3://my-rules/eu.txt STORE={}",
        file.display(),
        directory.display()
    );
    let settings = settings(&rules).await;
    let unread = described(&settings.unresolved().ok().unwrap().targets[0].transform);
    assert!(
        unread.starts_with("countries: those in s3://my-rules/eu.txt\nslashtags: those in file:")
    );

    let config = settings.config().await.ok().unwrap();
    let target = &config.targets[0];
    let first = "countries: DE\nslashtags: spring, 2026; but not test*\n";
    let began_with = target.rules();
    assert_eq!(described(&began_with), first);

    std::fs::write(&countries, "AT\nCH\n").unwrap();
    target.reload_old().await;
    assert_eq!(
        described(&target.rules()),
        first,
        "they were read a moment ago"
    );
    later().await;
    target.reload_old().await;
    let second = first.replace("DE", "AT, CH");
    assert_eq!(described(&target.rules()), second);
    assert_eq!(
        described(&began_with),
        first,
        "an object keeps the rules that it began with"
    );

    for bad in ["USA\n", "", "# none\n"] {
        std::fs::write(&countries, bad).unwrap();
        later().await;
        target.reload_old().await;
        assert_eq!(
            described(&target.rules()),
            second,
            "{bad:?} is no good, so the old ones stay"
        );
    }
}

#[tokio::test]
async fn a_file_that_is_no_list_is_told_with_the_way_out() {
    let (_keep, directory) = temporary();
    let write = |name: &str, bytes: &[u8]| std::fs::write(directory.join(name), bytes).unwrap();
    write("empty", b"");
    write("blank", b" \n");
    write("comments", b"# nothing\n\n# here\n");
    write("binary", b"a\0b");
    write("latin", b"gr\xFCn");
    write("usa", b"US\nUSA\n");
    let large = std::fs::File::create(directory.join("large")).unwrap();
    large.set_len(1 << 30).unwrap();
    for (name, said) in [
        ("gone", "there is no such file, seen from "),
        ("empty", "cannot be read: it is empty"),
        ("blank", "is blank"),
        ("comments", "has no values, only comments"),
        ("binary", "it is no text"),
        ("latin", "no text in UTF-8: see its byte 2"),
        (
            "large",
            "it has 1073741824 bytes; a file with rules has at most 10485760",
        ),
        (
            "usa",
            "found \"USA\"; expected US, the code of United States",
        ),
    ] {
        let path = Path::new(&directory).join(name);
        let settings = settings(&format!("OUT_COUNTRIES=file:{}", path.display())).await;
        let errors = settings.config().await.err().unwrap().to_string();
        assert!(
            errors.contains("OUT_COUNTRIES: ") && errors.contains(said),
            "{name}: {errors}"
        );
    }
}

fn rule() -> impl Strategy<Value = String> {
    let digit = || 0usize..10;
    prop_oneof![
        (1u32..100).prop_map(|percent| format!("SAMPLE={}", f64::from(percent) / 100.0)),
        (digit(), digit()).prop_map(|(a, b)| format!("LINKS=link-{a}*,*{b},!*{a}{b}")),
        (0usize..300).prop_map(|n| format!("LINKS=!LINK-{n},!link-?")),
        (0usize..300).prop_map(|n| format!("SINCE=2026-11-21T23:54:50.{n:06}Z")),
        (1usize..300).prop_map(|n| format!("UNTIL=2026-11-21T23:54:50.{n:06}Z")),
        Just("AGENTS=bot".to_owned()),
        Just("TAGS=!*".to_owned()),
    ]
}

/// Forwards `clicks` clicks to a target with `rule`.
fn forwarded(rule: &str, clicks: usize, limits: BlockLimits) -> (TargetOutcome, Vec<u64>) {
    let (memory, target) = (Memory::default(), takes_all());
    memory.put("clicks", "k", lines(0..clicks));
    let outcome = paused_runtime().block_on(async {
        let forwarder = ruled(&[(target.clone(), rule)], &memory).with_block_limits(limits);
        let control = RunControl::until(Instant::now() + Duration::from_secs(600));
        forwarder.forward(&job("k"), control).await
    });
    (outcome.targets.into_iter().next().unwrap(), target.taken())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn every_click_is_sent_or_filtered_whatever_decodes_it(
        rule in rule(), clicks in 1usize..300, workers in 2usize..4, block_lines in 1u64..9,
    ) {
        let (expected, sent) = forwarded(&rule, clicks, BlockLimits {
            workers: Some(1),
            ..BlockLimits::default()
        });
        let tally = expected.tally;
        prop_assert_eq!(tally.read, clicks as u64);
        prop_assert_eq!(tally.sent + tally.filtered, tally.read);
        prop_assert_eq!(tally.sent as usize, sent.len());
        let (found, also_sent) = forwarded(&rule, clicks, BlockLimits {
            workers: Some(workers),
            parallel_after: 0,
            block_bytes: 100,
            block_lines,
            chunk_bytes: 700,
            ..BlockLimits::default()
        });
        prop_assert_eq!(found.tally, tally);
        prop_assert_eq!(also_sent, sent);
    }
}
