"""The id of a click, computed independently: whoever has a click can check its id."""

import copy
import hashlib
import json
import uuid

from events import BUCKET, FOLDER, GZIPPED, LINES, ONE, UNICODE, clicks_in, contents, dump, make_lines, s3_event


def canonical(click):
    """Returns the canonical record, for the clicks used here only."""
    click = copy.deepcopy(click)
    client = click["client"]
    if "geo" in client:
        client["location"] = client.pop("geo")
    if country := client.get("location", {}).get("country"):
        client["location"]["country"] = country.upper()
    route = click["route"]
    if (created := route.get("createdAt")) and not created.endswith("Z"):
        route["createdAt"] = created + "Z"
    return click


def id_of(click):
    text = json.dumps(canonical(click), sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    digest = bytearray(hashlib.sha256(text.encode()).digest()[:16])
    digest[6] = digest[6] & 0x0F | 0x80
    digest[8] = digest[8] & 0x3F | 0x80
    return str(uuid.UUID(bytes=bytes(digest)))


def test_the_id_is_the_hash_of_the_canonical_click(lab):
    for key in (ONE, LINES, GZIPPED, UNICODE):
        lab.put(key, contents(key))
    lab.forwarder().invoke(dump(s3_event(ONE, LINES, GZIPPED, UNICODE)))

    expected = {id_of(click) for key in (ONE, LINES, GZIPPED, UNICODE) for click in clicks_in(key)}
    assert {click["id"] for click in lab.sink.clicks} == expected


def test_two_equal_clicks_of_one_file_are_two_and_the_file_again_is_not(lab):
    key = FOLDER + "clicks"
    lab.put(key, make_lines([1]) * 3)
    function = lab.forwarder()
    function.invoke(dump(s3_event(key)))
    function.invoke(dump({"bucket": BUCKET, "key": key, "again": True}))

    ids = [click["id"] for click in lab.sink.clicks]
    assert len(set(ids)) == 3 and ids[:3] == ids[3:]


def test_the_order_of_members_and_the_framing_do_not_change_the_id(lab):
    [click] = clicks_in(ONE)
    turned = dict(reversed(click.items()))
    bodies = [json.dumps(turned), json.dumps([click], indent=4), json.dumps({"data": [turned], "key": "k"}), "\ufeff" + json.dumps(click)]
    for number, body in enumerate(bodies):
        lab.put(f"/{number}", body.encode())
    lab.forwarder().invoke(dump(s3_event(*(f"/{number}" for number in range(len(bodies))))))

    assert [click["id"] for click in lab.sink.clicks] == [id_of(click)] * len(bodies)
