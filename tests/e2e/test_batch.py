"""A batch of queue messages: what fails comes back, and only that."""

from events import FOLDER, dump, make_lines, s3_event, sqs_event, tags
from proxy import DENIED, Fault


def keys(lab, count):
    names = [f"{FOLDER}clicks-{number}" for number in range(count)]
    for number, name in enumerate(names):
        lab.put(name, make_lines([number]))
    return names


def test_one_failing_message_of_ten_comes_back_alone(lab):
    names = keys(lab, 10)
    lab.proxy.faults.append(Fault(names[6], times=None, answer=DENIED))

    answer = lab.forwarder().invoke(dump(sqs_event(*map(s3_event, names))))

    assert answer.failures == ["message-6"]
    assert sorted(tags(lab.sink.clicks)) == sorted(f"tag-{number}" for number in range(10) if number != 6)


def test_the_message_that_came_back_is_forwarded_the_next_time(lab):
    names = keys(lab, 1)
    lab.proxy.faults.append(Fault(names[0], times=1, answer=DENIED))
    function, event = lab.forwarder(), dump(sqs_event(s3_event(names[0])))

    assert function.invoke(event).failures == ["message-0"]
    assert function.invoke(event).failures == []
    assert tags(lab.sink.clicks) == ["tag-0"]


def test_a_message_of_two_objects_fails_if_one_of_them_does(lab):
    names = keys(lab, 3)
    lab.proxy.faults.append(Fault(names[1], times=None, answer=DENIED))

    answer = lab.forwarder().invoke(dump(sqs_event(s3_event(*names[:2]), s3_event(names[2]))))

    assert answer.failures == ["message-0"]
    assert sorted(tags(lab.sink.clicks)) == ["tag-0", "tag-2"]


def test_a_direct_event_of_two_objects_fails_but_forwards_the_good_one(lab):
    names = keys(lab, 2)
    lab.proxy.faults.append(Fault(names[0], times=None, answer=DENIED))

    answer = lab.forwarder().invoke(dump(s3_event(*names)))

    assert answer.failed and names[0] in answer.json["errorMessage"]
    assert tags(lab.sink.clicks) == ["tag-1"]


def test_a_replay_list_reads_every_object(lab):
    names = keys(lab, 4)

    assert not lab.forwarder().invoke(dump([{"bucket": "rebrandly-clicks", "key": name} for name in names])).failed
    assert sorted(tags(lab.sink.clicks)) == ["tag-0", "tag-1", "tag-2", "tag-3"]
