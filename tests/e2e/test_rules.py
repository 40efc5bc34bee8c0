"""What targets choose, through the real function."""

from answer import audit_lines
from events import BUCKET, FOLDER, dump, make_lines, s3_event, sqs_event, tags

KEY = FOLDER + "clicks"


def test_of_two_targets_one_is_filtered_and_both_are_settled(lab):
    lab.put(KEY, make_lines(range(200)))
    table = lab.table()
    function = lab.forwarder(
        TARGETS="every,hook",
        EVERY_KIND="http",
        EVERY_URL=lab.sink.url.replace("/clicks", "/every"),
        HOOK_FIRST_ONLY="true",
        HOOK_SLASHTAGS="tag-1*,!tag-19*",
        **table.variables,
    )

    assert function.invoke(dump(sqs_event(s3_event(KEY)))).failures == []
    again = function.invoke(dump({"bucket": BUCKET, "key": KEY}))

    chosen = [n for n in range(0, 200, 2) if str(n).startswith("1") and not str(n).startswith("19")]
    sent = {"/clicks": [], "/every": []}
    for request in lab.sink.accepted:
        sent[request.path] += tags(request.clicks)
    assert sorted(sent["/clicks"]) == sorted(f"tag-{n}" for n in chosen)
    assert sorted(sent["/every"]) == sorted(f"tag-{n}" for n in range(200))
    assert again.json["forwarded_before"] == [f"s3://{BUCKET}/{KEY}"]

    lines = {line["target"]: line for line in audit_lines(function.output())}
    counts = {name: (line["sent"], line["filtered"]) for name, line in lines.items()}
    assert counts == {"hook": (len(chosen), 200 - len(chosen)), "every": (200, 0)}
    stored = table.target("hook")
    assert (stored["sent"], stored["filtered"], stored["done"]) == (len(chosen), 200 - len(chosen), True)
