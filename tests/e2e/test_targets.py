"""Every kind of target inside AWS against the emulator: the clicks in the files are those that can be read from the target."""

import gzip
import json
from collections import Counter
from datetime import UTC, datetime
from decimal import Decimal

import pytest
from answer import audit_lines
from events import BUCKET, FOLDER, GZIPPED, LINES, UNICODE, contents, dump, make_click, make_lines, s3_event, sqs_event, tags
from kinds import ACCOUNT, target
from process import ROOT

KEY = FOLDER + "clicks"
# Two layouts, one of them compressed, and text in many scripts.
FILES = (LINES, GZIPPED, UNICODE)
REGION = "eu-west-1"


def invoke(function, *keys, versions=None, timeout=None, **changes):
    """Invokes the function with one message that names these objects."""
    return function.invoke(dump(sqs_event({**s3_event(*keys, versions=versions), **changes})), timeout)


def forward_again(function, key):
    """Replays a file, whatever its recorded progress."""
    return function.invoke(dump(sqs_event({"bucket": BUCKET, "key": key, "again": True})))


def put_files(lab):
    for key in FILES:
        lab.put(key, contents(key))
    return FILES


def forward(lab, kind, *keys, **own):
    """Forwards these objects, or the repository's own, to one target; returns the function."""
    function = lab.forwarder(**target(kind, **own))
    assert invoke(function, *(keys or put_files(lab))).failures == []
    assert {line["message"] for line in audit_lines(function.output())} == {"object forwarded"}
    return function


def by_place(clicks):
    """Sorts clicks by object and position."""
    place = lambda click: (click["source"]["key"], click["source"]["index"])
    return sorted(clicks, key=place)


def rows_by_place(rows):
    return sorted(rows, key=lambda row: (row["source_object"], row["source_index"]))


def make_queue(lab, name="clicks", **attributes):
    return lab.emulator.client("sqs").create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]


def make_fifo_queue(lab, **attributes):
    return make_queue(lab, "clicks.fifo", FifoQueue="true", **attributes)


def received(lab, url):
    """Receives the messages of a queue until it is empty."""
    sqs, messages = lab.emulator.client("sqs"), []
    while batch := sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, AttributeNames=["All"]).get("Messages"):
        messages += batch
        for message in batch:
            sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
    return messages


def bodies(messages):
    return [json.loads(message["Body"]) for message in messages]


# Firehose


def test_firehose_stores_each_click_on_a_line_of_its_own(lab):
    lab.s3.create_bucket(Bucket="stored", CreateBucketConfiguration={"LocationConstraint": REGION})
    destination = {"RoleARN": f"arn:aws:iam::{ACCOUNT}:role/firehose", "BucketARN": "arn:aws:s3:::stored"}
    lab.emulator.client("firehose").create_delivery_stream(DeliveryStreamName="clicks", S3DestinationConfiguration=destination)
    forward(lab, "firehose")

    stored = b"".join(body for body, _ in objects(lab, "stored").values())
    assert stored.endswith(b"\n")
    assert by_place(json.loads(line) for line in stored.splitlines()) == by_place(lab.forms(*FILES))


# Kinesis


def kinesis_records(lab):
    kinesis, records = lab.emulator.client("kinesis"), []
    for shard in kinesis.list_shards(StreamName="clicks")["Shards"]:
        start = kinesis.get_shard_iterator(StreamName="clicks", ShardId=shard["ShardId"], ShardIteratorType="TRIM_HORIZON")
        records += kinesis.get_records(ShardIterator=start["ShardIterator"])["Records"]
    return records


@pytest.mark.parametrize("named", ["clicks", f"arn:aws:kinesis:{REGION}:{ACCOUNT}:stream/clicks"], ids=["by name", "by ARN"])
def test_kinesis_has_each_click_as_a_record(lab, named):
    lab.emulator.client("kinesis").create_stream(StreamName="clicks", ShardCount=3)
    forward(lab, "kinesis", STREAM=named)

    assert by_place(json.loads(record["Data"]) for record in kinesis_records(lab)) == by_place(lab.forms(*FILES))


@pytest.mark.parametrize("chosen", [None, "id", "link", "workspace"])
def test_kinesis_shards_by_what_was_chosen_and_by_the_click_where_that_is_missing(lab, chosen):
    lab.emulator.client("kinesis").create_stream(StreamName="clicks", ShardCount=1)
    lab.put(KEY, make_lines(range(3)))
    forward(lab, "kinesis", *put_files(lab), KEY, **({"PARTITION_KEY": chosen} if chosen else {}))

    wanted = {"link": lambda route: route.get("id"), "workspace": lambda route: route.get("creator", {}).get("workspace", {}).get("id")}
    of_route = wanted.get(chosen, lambda _: None)
    records = [(record["PartitionKey"], json.loads(record["Data"])) for record in kinesis_records(lab)]
    assert len(records) == len(lab.forms(*FILES)) + 3
    assert all(key == (of_route(click["route"]) or click["id"]) for key, click in records)


# SQS


@pytest.mark.parametrize("form", ["click", "flat", "raw", "webhook"])
def test_a_queue_has_each_click_as_a_message_in_the_form_chosen(lab, form):
    url = make_queue(lab)
    forward(lab, "sqs", QUEUE_URL=url, FORMAT=form)

    text = lambda click: json.dumps(click, sort_keys=True)
    assert sorted(map(text, bodies(received(lab, url)))) == sorted(map(text, lab.forms(*FILES, form=form)))


@pytest.mark.parametrize("body", ["lines", "array"])
def test_a_message_may_carry_many_clicks(lab, body):
    url = make_queue(lab)
    lab.put(KEY, make_lines(range(3000)))
    forward(lab, "sqs", KEY, QUEUE_URL=url, BODY=body)

    messages = [message["Body"] for message in received(lab, url)]
    read = json.loads if body == "array" else lambda text: [json.loads(line) for line in text.splitlines()]
    assert by_place(click for text in messages for click in read(text)) == by_place(lab.forms(KEY))
    assert 2 <= len(messages) < 30 and all(len(text.encode()) <= 1024 * 1024 for text in messages)


@pytest.mark.parametrize("group", [None, "link", "workspace", "id"])
def test_a_fifo_queue_keeps_the_order_of_each_group_and_no_double(lab, group):
    url = make_fifo_queue(lab)
    function = forward(lab, "sqs", QUEUE_URL=url, **({"GROUP": group} if group else {}))
    for key in FILES:
        assert forward_again(function, key).failures == []

    messages = received(lab, url)
    clicks = bodies(messages)
    assert by_place(clicks) == by_place(lab.forms(*FILES)), "the queue knows what comes again by its id"
    wanted = {"workspace": lambda route: route["creator"]["workspace"]["id"], "id": lambda _: None}.get(group, lambda route: route["id"])
    for message, click in zip(messages, clicks, strict=True):
        assert message["Attributes"]["MessageDeduplicationId"] == click["id"]
        assert message["Attributes"]["MessageGroupId"] == (wanted(click["route"]) or click["id"])
    for places in grouped(messages, lambda click: (click["source"]["key"], click["source"]["index"])).values():
        for key in FILES:
            within = [index for at, index in places if at == key]
            assert within == sorted(within)


def grouped(messages, what):
    groups = {}
    for message in messages:
        groups.setdefault(message["Attributes"]["MessageGroupId"], []).append(what(json.loads(message["Body"])))
    return groups


def test_many_files_at_once_into_a_fifo_queue_keep_the_order_of_each_link(lab):
    url = make_fifo_queue(lab)
    keys = [f"{KEY}-{number}" for number in range(5)]
    for number, key in enumerate(keys):
        clicks = [make_click(serial) for serial in range(number * 20, (number + 1) * 20)]
        for serial, click in enumerate(clicks):
            click["route"]["id"] = f"link-{serial % 3}"
        lab.put(key, "\n".join(map(json.dumps, clicks)).encode())
    function = lab.forwarder(**target("sqs", QUEUE_URL=url))
    assert function.invoke(dump(sqs_event(*map(s3_event, keys)))).failures == []

    messages = received(lab, url)
    assert Counter(tags(bodies(messages))) == Counter(f"tag-{serial}" for serial in range(100))
    for places in grouped(messages, lambda click: (click["source"]["key"], click["source"]["index"])).values():
        assert all([index for at, index in places if at == key] == sorted(index for at, index in places if at == key) for key in keys)


# SNS


def subscribe(lab, topic, queue, **attributes):
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{queue}"
    lab.emulator.client("sns").subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes=attributes)


def test_subscribers_of_a_topic_can_filter_by_what_a_click_says(lab):
    topic = lab.emulator.client("sns").create_topic(Name="clicks")["TopicArn"]
    every, american = make_queue(lab, "every"), make_queue(lab, "american")
    subscribe(lab, topic, "every")
    subscribe(lab, topic, "american", FilterPolicy=json.dumps({"country": ["US"]}))
    forward(lab, "sns", TOPIC_ARN=topic)

    expected = by_place(lab.forms(*FILES))
    from_us = [click for click in expected if click["client"].get("location", {}).get("country") == "US"]
    assert 0 < len(from_us) < len(expected)
    notices = bodies(received(lab, every))
    assert by_place(json.loads(notice["Message"]) for notice in notices) == expected
    assert by_place(json.loads(notice["Message"]) for notice in bodies(received(lab, american))) == from_us
    for notice in notices:
        attributes = {name: value["Value"] for name, value in notice.get("MessageAttributes", {}).items()}
        assert attributes == attributes_of(json.loads(notice["Message"]))


def attributes_of(click):
    client, route = click.get("client", {}), click["route"]
    found = {
        "country": client.get("location", {}).get("country"),
        "agent_type": client.get("agent", {}).get("type"),
        "slashtag": route.get("slashtag"),
        "domain": route.get("domain", {}).get("raw"),
        "workspace": route.get("creator", {}).get("workspace", {}).get("id"),
    }
    return {name: value for name, value in found.items() if value}


def test_a_fifo_topic_feeds_a_fifo_queue(lab):
    topic = lab.emulator.client("sns").create_topic(Name="clicks.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    url = make_fifo_queue(lab)
    subscribe(lab, topic, "clicks.fifo", RawMessageDelivery="true")
    lab.put(KEY, make_lines(range(20)))
    forward(lab, "sns", KEY, TOPIC_ARN=topic)

    messages = received(lab, url)
    assert tags(bodies(messages)) == [f"tag-{serial}" for serial in range(20)], "one link, one order"
    assert {message["Attributes"]["MessageGroupId"] for message in messages} == {make_click(0)["route"]["id"]}
    assert all(message["Attributes"]["MessageDeduplicationId"] == json.loads(message["Body"])["id"] for message in messages)


# EventBridge


@pytest.mark.parametrize(
    ("own", "source", "detail_type"),
    [
        ({}, "clickstream-forwarder", "Click"),
        ({"BUS": "own", "SOURCE": "com.example.links", "DETAIL_TYPE": "Link clicked"}, "com.example.links", "Link clicked"),
    ],
    ids=["default", "of one's own"],
)
def test_an_event_is_a_click_at_its_time(lab, own, source, detail_type):
    events, url, bus = lab.emulator.client("events"), make_queue(lab), own.get("BUS", "default")
    if bus != "default":
        events.create_event_bus(Name=bus)
    events.put_rule(Name="all", EventBusName=bus, EventPattern=json.dumps({"source": [source], "detail-type": [detail_type]}))
    events.put_targets(Rule="all", EventBusName=bus, Targets=[{"Id": "queue", "Arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:clicks"}])
    forward(lab, "eventbridge", **own)

    arrived = bodies(received(lab, url))
    assert by_place(event["detail"] for event in arrived) == by_place(lab.forms(*FILES))
    for event in arrived:
        assert event["time"] == event["detail"]["timestamp"][:19] + "Z"
        assert (event["source"], event["detail-type"]) == (source, detail_type)


# DynamoDB


def make_table(lab, *keys):
    kinds = ["HASH", "RANGE"]
    lab.emulator.client("dynamodb").create_table(
        TableName="clicks",
        KeySchema=[{"AttributeName": key, "KeyType": kind} for key, kind in zip(keys, kinds)],
        AttributeDefinitions=[{"AttributeName": key, "AttributeType": "S"} for key in keys],
        BillingMode="PAY_PER_REQUEST",
    )


def items(lab):
    """Returns the items with DynamoDB's type descriptors, sorted."""
    found = lab.emulator.client("dynamodb").scan(TableName="clicks", ConsistentRead=True)["Items"]
    return sorted(found, key=lambda item: item["click_id"]["S"])


def typed(row):
    """Converts a flat row to an item."""

    def value(plain):
        if isinstance(plain, bool):
            return {"BOOL": plain}
        return {"S": plain} if isinstance(plain, str) else {"N": Decimal(str(plain))}

    return {name: value(plain) for name, plain in row.items()}


def with_numbers(item):
    return {name: {"N": Decimal(value["N"])} if "N" in value else value for name, value in item.items()}


@pytest.mark.parametrize("write", [None, "new", "any"])
def test_an_item_is_a_flat_row_and_the_same_file_again_changes_nothing(lab, write):
    make_table(lab, "click_id")
    function = forward(lab, "dynamodb", **({"WRITE": write} if write else {}))

    once = items(lab)
    rows = sorted(lab.forms(*FILES, form="flat"), key=lambda row: row["click_id"])
    assert [with_numbers(item) for item in once] == [typed(row) for row in rows]
    assert {kind for item in once for value in item.values() for kind in value} == {"S", "N", "BOOL"}
    for key in FILES:
        assert forward_again(function, key).failures == []
    assert invoke(lab.forwarder(**target("dynamodb", **({"WRITE": write} if write else {}))), *FILES).failures == []
    assert (items(lab), lab.quarantine()) == (once, {})


def test_a_copy_of_a_file_adds_no_item_and_the_first_one_stays(lab):
    """The items name the first file: an existing click is not written again."""
    make_table(lab, "click_id")
    forward(lab, "dynamodb")
    once = items(lab)
    lab.put("/copy", contents(LINES))
    function = forward(lab, "dynamodb", "/copy")

    assert (items(lab), lab.quarantine()) == (once, {})
    assert all(line["sent"] == line["read"] for line in audit_lines(function.output()))


@pytest.mark.parametrize("write", ["new", "any"])
def test_a_table_may_have_keys_of_its_own(lab, write):
    make_table(lab, "link_id", "click_id")
    lab.put(KEY, make_lines(range(60)))
    forward(lab, "dynamodb", KEY, KEY="link_id", SORT_KEY="click_id", WRITE=write)

    assert {item["click_id"]["S"] for item in items(lab)} == {row["click_id"] for row in lab.forms(KEY, form="flat")}
    link = {":link": {"S": make_click(0)["route"]["id"]}}
    condition = {"KeyConditionExpression": "link_id = :link", "ExpressionAttributeValues": link}
    assert lab.emulator.client("dynamodb").query(TableName="clicks", **condition)["Count"] == 60


def test_a_key_may_have_another_name_in_the_table(lab):
    make_table(lab, "pk", "sk")
    lab.put(KEY, make_lines(range(3)))
    forward(lab, "dynamodb", KEY, KEY="pk=link_id", SORT_KEY="sk=clicked_at")

    for item in items(lab):
        assert (item["pk"], item["sk"]) == (item["link_id"], item["clicked_at"])


def test_of_two_clicks_with_one_key_the_second_is_quarantined(lab):
    """The table's key allows one click per link; clicks that it refuses go to the quarantine."""
    make_table(lab, "link_id")
    lab.put(KEY, make_lines(range(2)))
    function = lab.forwarder(**target("dynamodb", KEY="link_id"))
    assert invoke(function, KEY).failures == []

    [item], [row] = items(lab), lab.quarantined()
    both = {click["id"] for click in lab.forms(KEY)}
    assert {item["click_id"]["S"], row["click_id"]} == both and len(both) == 2
    assert (row["kind"], row["target"]) == ("rejected", "t") and row["reason"]
    [line] = audit_lines(function.output())
    assert (line["read"], line["sent"], line["quarantined"]) == (2, 1, 1)


def test_a_click_without_the_tables_key_is_quarantined_alone(lab):
    make_table(lab, "city")
    click = make_click(1)
    click["client"]["location"]["city"] = "Dublin"
    lab.put(KEY, make_lines([0]) + dump(click) + b"\n")
    assert invoke(lab.forwarder(**target("dynamodb", KEY="city")), KEY).failures == []

    [item], [row] = items(lab), lab.quarantined()
    assert item["slashtag"] == {"S": "tag-1"}
    assert "tag-0" in row["raw"] and "city" in row["reason"]


# S3


def make_lake(lab, name="lake"):
    lab.s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})


def objects(lab, bucket="lake"):
    """Maps keys to body and user metadata."""
    found = {}
    for page in lab.s3.get_paginator("list_objects_v2").paginate(Bucket=bucket):
        for item in page.get("Contents", []):
            answer = lab.s3.get_object(Bucket=bucket, Key=item["Key"])
            found[item["Key"]] = (answer["Body"].read(), answer["Metadata"])
    return found


SCHEMA = json.loads((ROOT / "crates/clicks/tests/golden/flat.schema.json").read_text())["properties"]
MOMENTS = {name for name, column in SCHEMA.items() if column.get("format") == "date-time"}


def flat_rows(lab, *keys):
    """Returns flat rows with times parsed."""
    moment = lambda name, value: datetime.fromisoformat(value) if name in MOMENTS else value
    rows = lab.forms(*keys, form="flat")
    return rows_by_place({name: moment(name, value) for name, value in row.items()} for row in rows)


def present(row):
    return {name: value for name, value in row.items() if value is not None}


def hour_of(row):
    return row["clicked_at"].astimezone(UTC).strftime("%Y-%m-%dT%H")


def saved(lab, stored):
    """Writes the objects to files, for other programs to read."""
    root = lab.folder / "lake"
    for key, (body, _) in stored.items():
        path = root / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)
    return root


def by_pyarrow(lab, stored):
    """Groups the rows by the partition of their object, and checks each against it."""
    import pyarrow.parquet

    rows = []
    for path in sorted(saved(lab, stored).rglob("*.parquet")):
        partition = {name: value for name, _, value in (part.partition("=") for part in path.parts[-3:-1])}
        # Partition columns are not in the file itself.
        found = [present(row) for row in pyarrow.parquet.ParquetFile(path).read().to_pylist()]
        assert {hour_of(row) for row in found} == {f"{partition['dt']}T{partition['hour']}"}
        rows += found
    return rows_by_place(rows)


def by_duckdb(lab, stored):
    import duckdb

    files = f"{saved(lab, stored)}/**/*.parquet"
    at = "dt::VARCHAR || 'T' || lpad(hour::VARCHAR, 2, '0') AS at"
    query = f"SELECT * EXCLUDE (dt, hour), {at} FROM read_parquet('{files}', hive_partitioning = true)"
    # Extensions outside the package would be downloaded.
    with duckdb.connect(config={"autoinstall_known_extensions": False}) as database:
        found = [present(row) for row in database.sql(query).to_arrow_table().to_pylist()]
    assert all(row.pop("at") == hour_of(row) for row in found)
    return rows_by_place(found)


@pytest.mark.parametrize("compression", [None, "zstd", "snappy"])
@pytest.mark.parametrize("reader", [by_pyarrow, by_duckdb], ids=["pyarrow", "duckdb"])
def test_a_lake_of_parquet_has_the_flat_rows(lab, reader, compression):
    make_lake(lab)
    forward(lab, "s3", PREFIX="clicks/", **({"COMPRESSION": compression} if compression else {}))

    stored = objects(lab)
    assert reader(lab, stored) == flat_rows(lab, *FILES)
    assert all(key.startswith("clicks/dt=2026-11-21/hour=") and key.endswith(".parquet") for key in stored)


def test_columns_have_their_types_whatever_is_in_a_file(lab):
    """A table over many files needs the same columns in each, also in a file without a single city."""
    import pyarrow.parquet

    make_lake(lab)
    lab.put(KEY, make_lines(range(3)))
    forward(lab, "s3", *put_files(lab), KEY)

    schemas = [pyarrow.parquet.read_schema(path) for path in saved(lab, objects(lab)).rglob("*.parquet")]
    assert len(schemas) == 4 and all(schema.equals(schemas[0]) for schema in schemas)
    types = {name: str(schemas[0].field(name).type) for name in schemas[0].names}
    plainly = {"string": "string", "boolean": "bool", "number": "double"}
    moments = dict.fromkeys(MOMENTS, "timestamp[us, tz=UTC]")
    meant = {name: plainly[column["type"]] for name, column in SCHEMA.items() if column["type"] in plainly}
    assert types == {**meant, **moments, "source_index": "int64"}


@pytest.mark.parametrize("form", [None, "flat", "click", "raw"])
def test_a_lake_of_lines_has_a_click_a_line(lab, form):
    make_lake(lab)
    forward(lab, "s3", FILE="lines", **({"FORMAT": form} if form else {}))

    stored = objects(lab)
    assert all(key.startswith("dt=2026-11-21/hour=") and key.endswith(".jsonl.gz") for key in stored)
    lines = [json.loads(line) for body, _ in stored.values() for line in gzip.decompress(body).splitlines()]
    text = lambda row: json.dumps(row, sort_keys=True)
    assert sorted(map(text, lines)) == sorted(map(text, lab.forms(*FILES, form=form or "flat")))


def test_an_object_says_what_is_in_it(lab):
    make_lake(lab)
    lab.put(KEY, make_lines(range(40)))
    forward(lab, "s3", KEY)

    [(_, metadata)] = objects(lab).values()
    assert (metadata["first-index"], metadata["last-index"], metadata["clicks"]) == ("0", "39", "40")
    assert metadata["digest"]


@pytest.mark.parametrize("kind_of_file", ["parquet", "lines"])
def test_however_a_file_comes_again_no_second_object_is_made(lab, kind_of_file):
    make_lake(lab)
    versions = {key: lab.put(key, contents(key)) for key in FILES}
    own = target("s3", FILE=kind_of_file)
    function = lab.forwarder(**own)
    assert invoke(function, *FILES, versions=versions).failures == []
    once = objects(lab)
    assert once

    assert invoke(function, *FILES, versions=versions).failures == []
    for key in FILES:
        assert forward_again(function, key).failures == []
    assert invoke(lab.forwarder(**own), *FILES).failures == []
    run = lab.command("forward", f"s3://{BUCKET}/{FOLDER}", **own)
    assert run.returncode == 0, run.stderr.decode()
    assert objects(lab) == once


def test_a_copy_of_a_file_makes_no_second_object(lab):
    """The same clicks are stored once, whatever their file is called."""
    make_lake(lab)
    forward(lab, "s3", *put_files(lab))
    once = objects(lab)
    lab.put("/copy", contents(LINES))
    forward(lab, "s3", "/copy")

    assert objects(lab) == once


@pytest.mark.parametrize(
    "metadata", [{}, {"first-index": "0", "last-index": "2", "clicks": "3", "digest": "another"}], ids=["none", "other clicks"]
)
def test_an_object_of_somebody_else_under_that_name_is_neither_overwritten_nor_taken_for_ones_own(lab, metadata):
    make_lake(lab)
    lab.put(KEY, make_lines(range(3)))
    forward(lab, "s3", KEY)
    [name] = objects(lab)
    lab.s3.put_object(Bucket="lake", Key=name, Body=b"of somebody else", Metadata=metadata)
    function = lab.forwarder(**target("s3"))

    assert invoke(function, KEY).failures == ["message-0"]
    assert objects(lab)[name][0] == b"of somebody else" and lab.quarantine() == {}
    [line] = audit_lines(function.output())
    assert (line["message"], line["level"], line["sent"], line["failed"]) == ("object failed", "ERROR", 0, 3)
    assert name in line["cause"]


def test_files_of_other_rules_are_left_by_a_plain_run_and_replaced_where_a_file_is_forwarded_again(lab):
    make_lake(lab)
    lab.put(KEY, make_lines(range(3)))
    forward(lab, "s3", KEY)
    stored = objects(lab)
    one = target("s3", SLASHTAGS="tag-1")
    function = lab.forwarder(**one)

    assert invoke(function, KEY).failures == ["message-0"]
    assert objects(lab) == stored and "under other rules" in function.output()

    assert forward_again(function, KEY).failures == []
    [(name, (_, metadata))] = objects(lab).items()
    assert (list(stored), metadata["clicks"]) == ([name], "1") and metadata["rules"]
    [line] = [line for line in audit_lines(function.output()) if line["failed"] == 0]
    assert (line["read"], line["sent"], line["filtered"]) == (3, 1, 2)

    none = target("s3", SLASHTAGS="another")
    run = lab.command("forward", "--again", f"s3://{BUCKET}/{KEY}", **none)
    assert run.returncode == 0, run.stderr.decode()
    emptied = objects(lab)
    assert [(key, metadata["clicks"]) for key, (_, metadata) in emptied.items()] == [(name, "0")]
    assert not by_duckdb(lab, emptied)


def spread(hours, count):
    """Makes a file of clicks of so many hours, one hour after the other."""
    made = [make_click(serial) for serial in range(count)]
    for serial, click in enumerate(made):
        hour = serial * hours // count
        click["timestamp"] = f"2026-11-{hour // 24 + 1:02}T{hour % 24:02}:30:00.{serial:06}Z"
    return made


@pytest.mark.parametrize("mixed", [False, True], ids=["hour after hour", "mixed"])
def test_clicks_of_a_hundred_hours_lie_in_a_hundred_partitions(lab, mixed):
    make_lake(lab)
    clicks = spread(100, 300)
    if mixed:
        clicks = [clicks[serial * 101 % 300] for serial in range(300)]
    lab.put(KEY, "\n".join(map(json.dumps, clicks)).encode())
    forward(lab, "s3", KEY, CONCURRENCY=64)

    stored = objects(lab)
    assert by_pyarrow(lab, stored) == flat_rows(lab, KEY)
    assert len({key.rpartition("/")[0] for key in stored}) == 100
    assert mixed or len(stored) <= 104, "few objects where the clicks stand in their order"


def test_hours_are_those_of_utc(lab):
    make_lake(lab)
    moments = ["2026-11-21T23:30:00-05:00", "2026-11-22T00:15:00+01:00"]
    clicks = [{**make_click(serial), "timestamp": moment} for serial, moment in enumerate(moments)]
    lab.put(KEY, "\n".join(map(json.dumps, clicks)).encode())
    forward(lab, "s3", KEY)

    assert {key.rpartition("/")[0] for key in objects(lab)} == {"dt=2026-11-22/hour=04", "dt=2026-11-21/hour=23"}


def test_thirty_megabytes_become_a_few_objects(lab):
    make_lake(lab)
    count = 30_000_000 // len(make_lines([0])) + 1
    lab.put(KEY, gzip.compress(make_lines(range(count)), 1))
    function = lab.forwarder(**target("s3"), AWS_ENDPOINT_URL=lab.emulator.url)

    assert invoke(function, KEY, timeout=120).failures == []
    stored = objects(lab)
    assert 3 <= len(stored) <= 6
    rows = by_pyarrow(lab, stored)
    assert [row["source_index"] for row in rows] == list(range(count))
    assert [row["slashtag"] for row in rows] == [f"tag-{serial}" for serial in range(count)]
    assert len({row["click_id"] for row in rows}) == count
    assert function.peak_memory() < 100 * 1024 * 1024
