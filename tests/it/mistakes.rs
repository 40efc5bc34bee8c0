//! Typical mistakes in a configuration, and what is said of them. Each text names the variable, what
//! was found unless it may be a secret, what is expected, and the way out.

use clickstream_forwarder::config::settings::Settings;
use clickstream_forwarder::config::vars::Vars;

use crate::golden;
use crate::support::context;

/// A configuration in which nothing is wrong.
const RIGHT: &[&str] = &[
    "TARGETS=hook",
    "HOOK_KIND=http",
    "HOOK_URL=https://example.com/clicks",
];

/// Mistakes, each as the lines that are added to [`RIGHT`] or stand in their place.
const MISTAKES: &[&[&str]] = &[
    // Names of variables.
    &["QUARANTIN=s3://my-quarantine/rows/"],
    &["PROGRES_TABLE=clicks"],
    &["TARGET=hook"],
    &["QUARANTINE_BUCKET=my-quarantine"],
    &["hook_bearer=hidden"],
    &["HOK_BEARER=hidden"],
    &["HOOK_TIMEOT=10s"],
    &["HOOK_TOKEN=hidden"],
    &["HOOK_HEADR_X_API_KEY=hidden"],
    &["LAKE_KIND=s3", "LAKE_BUCKET=my-lake"],
    &["HOOK_EU_KIND=http", "HOOK_EU_URL=https://eu.example.com/"],
    // Targets.
    &["TARGETS="],
    &["TARGETS=hook,hook"],
    &["TARGETS=hook,aws"],
    &["TARGETS=hook;lake"],
    &["HOOK_KIND="],
    &["HOOK_KIND=https"],
    // Credentials and addresses.
    &["HOOK_URL=example.com/clicks"],
    &["HOOK_URL=https://user:hidden@example.com/clicks"],
    &["HOOK_URL=http://example.com/clicks", "HOOK_BEARER=hidden"],
    &["HOOK_BEARER=Bearer hidden"],
    &["HOOK_HEADER_AUTHORIZATION=Bearer Bearer hidden"],
    &["HOOK_BASIC=aGlkZGVuOmhpZGRlbg=="],
    &["HOOK_BEARER=hidden", "HOOK_BASIC=user:hidden"],
    &["HOOK_HEADER_CONTENT_TYPE=text/plain"],
    &["HOOK_URL=https://{route.domain.raw}/clicks"],
    &["HOOK_URL=https://example.com/{city}/hidden"],
    &["HOOK_URL=https://example.com/{hidden}/clicks"],
    &["HOOK_URL=https://example.com/{client.location}/clicks"],
    &["HOOK_URL=https://example.com/{}/clicks"],
    &["HOOK_HEADER_X_LINK={route.id"],
    &["HOOK_HEADER_X_KEY=hid}den"],
    &["HOOK_SIGNING_SECRET=hidden"],
    &["HOOK_BEARER=secretsmanager:"],
    &["HOOK_BEARER=secretmanager:clicks/hook#token"],
    // Values.
    &["HOOK_TIMEOUT=5000"],
    &["HOOK_TIMEOUT=30 seconds"],
    &["HOOK_MAX_RECORDS=2000"],
    &["HOOK_MAX_BYTES=100"],
    &["HOOK_RATE=10/s"],
    &["HOOK_METHOD=GET"],
    &["MAX_DEPTH=many"],
    &["METRICS=no"],
    &["LOG_LEVEL=verbose"],
    &["STORE=files"],
    &["QR_WHEN=qr"],
    &["QR_WHEN=utm_medium=qr,"],
    &["QR_WEN=utm_medium=qr"],
    // Plain filters.
    &["HOOK_AGENTS=humans"],
    &["HOOK_FIRST_ONLY=yes"],
    &["HOOK_SAMPLE=10%"],
    &["HOOK_SAMPLE=0"],
    &["HOOK_SINCE=01.03.2026"],
    &["HOOK_SINCE=2026-04-01", "HOOK_UNTIL=2026-03-01"],
    &["HOOK_UNTIL=1999-12-31"],
    &["HOOK_COUNTRIES=USA,Germany,DE"],
    &["HOOK_COUNTRIES=DE,!EU"],
    &["HOOK_DOMAINS=https://brand.link/"],
    &["HOOK_DOMAINS=brand.link,,go.brand.link"],
    &["HOOK_SLASHTAGS=/spring"],
    &["HOOK_SLASHTAGS=spring,!"],
    &["HOOK_SLASHTAGS=spring,!Spring"],
    &["HOOK_SLASHTAGS=file:"],
    &["HOOK_LINKS=https://brand.link/spring"],
    &["HOOK_REFERRERS=facebook.com/ads"],
    &["HOOK_UTM_SOURCES=utm_source=google"],
    &["HOOK_TAGS=s3://my-rules"],
    &["HOOK_DOMAIN=brand.link"],
    // Names in AWS.
    &["SOURCES=*"],
    &["SOURCES=my-clicks/2026/*"],
    &["SOURCES=my-clicks,My-Other-Clicks"],
    &["SOURCES=arn:aws:s3:::my-clicks/*"],
    &["SOURCES=https://my-clicks.s3.amazonaws.com/"],
    &["QUARANTINE=my-quarantine"],
    &["QUARANTINE=s3://my-quarantine"],
    &["QUARANTINE=s3://my_quarantine/rows/"],
    &["PROGRESS_TABLE=my clicks"],
    &["PROGRESS_TABLE=arn:aws:dynamodb:eu-west-1:1234:table/clicks"],
    &["CONTINUE_QUEUE_URL=arn:aws:sqs:eu-west-1:123456789012:clicks"],
    &["CONTINUE_QUEUE_URL=https://user:hidden@sqs.eu-west-1.amazonaws.com/123456789012/clicks"],
    &["TARGETS=lake", "LAKE_KIND=s3", "LAKE_BUCKET=My-Lake"],
    &["TARGETS=lake", "LAKE_KIND=s3", "LAKE_BUCKET=my-lake/clicks"],
    &[
        "TARGETS=lake",
        "LAKE_KIND=s3",
        "LAKE_BUCKET=my-lake",
        "LAKE_PREFIX=s3://my-lake/clicks",
    ],
    &["TARGETS=table", "TABLE_KIND=dynamodb", "TABLE_TABLE=cl"],
    &[
        "TARGETS=table",
        "TABLE_KIND=dynamodb",
        "TABLE_TABLE=clicks",
        "TABLE_KEY=link",
    ],
    &["TARGETS=queue", "QUEUE_KIND=sqs", "QUEUE_QUEUE_URL=clicks"],
    &[
        "TARGETS=queue",
        "QUEUE_KIND=sqs",
        "QUEUE_QUEUE_URL=https://sqs.eu-west-1.amazonaws.com/123456789012/clicks",
        "QUEUE_GROUP=link",
    ],
    &[
        "TARGETS=fire",
        "FIRE_KIND=firehose",
        "FIRE_STREAM=my stream",
    ],
    &[
        "TARGETS=stream",
        "STREAM_KIND=kinesis",
        "STREAM_STREAM=clicks",
        "STREAM_REGION=eu-west-1a",
    ],
    &["HOOK_FILTER=.client.agent.type = = \"human\""],
    &["HOOK_FILTER=.client.agent.type == 'human'"],
    &["HOOK_FILTER=(.route.tags | length > 2"],
    &["HOOK_MAP={\n  id,\n  country: .client.location.country\n  city: 1\n}"],
    &["HOOK_FILTER=.route.slashtag | ascii_downcas == \"sale\""],
    &["HOOK_FILTER=.timestamp < (now | todate)"],
    &["HOOK_MAP={home: env.HOME}"],
    &["HOOK_MAP={who: (.client.ip | hmac)}"],
    &["HOOK_FILTER=.referrer.hostname | test(.route.id)"],
    &["HOOK_FILTER=.referrer.hostname | test(\"(news\")"],
    &["HOOK_MAP={id}", "HOOK_FORMAT=flat"],
    &[
        "TARGETS=lake",
        "LAKE_KIND=s3",
        "LAKE_BUCKET=my-lake",
        "LAKE_MAP={id}",
    ],
    &["TARGETS=topic", "TOPIC_KIND=sns", "TOPIC_TOPIC_ARN=clicks"],
    &["TARGETS=bus", "BUS_KIND=eventbridge", "BUS_BUS=my bus"],
    &["TARGETS=f", "F_KIND=lambda", "F_FUNCTION=my.function"],
    &[
        "TARGETS=f",
        "F_KIND=lambda",
        "F_FUNCTION=my-function",
        "F_ROLE_ARN=clicks",
    ],
];

/// Returns the variables of a mistake: its own lines, and of [`RIGHT`] those that have their targets.
fn variables(lines: &[&str]) -> Vars {
    let targets = lines.iter().find_map(|line| line.strip_prefix("TARGETS="));
    let has_hook = targets.is_none_or(|list| list.contains("hook"));
    let right = RIGHT.iter().filter(|_| has_hook);
    let lines = right.chain(lines);
    let pairs = lines.map(|line| line.split_once('=').unwrap());
    pairs
        .map(|(name, text)| (name.into(), text.into()))
        .collect()
}

#[tokio::test]
async fn each_text_names_the_variable_the_value_and_the_way_out() {
    let mut text = format!(
        "Mistakes that are typical, and what is said of them. Where nothing else stands, these \
         variables are set too:\n\n    {}\n",
        RIGHT.join("\n    ")
    );
    for lines in MISTAKES {
        let errors = match Settings::read(variables(lines), context()).await {
            Ok(_) => panic!("{lines:?} is taken for right"),
            Err(errors) => errors.to_string(),
        };
        assert!(!errors.contains("hidden"), "{errors}");
        text += &format!("\n{}\n{}\n", lines.join("\n"), errors);
    }
    golden::check("mistakes.txt", &text);
}
