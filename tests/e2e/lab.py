"""The parts of one test, connected: S3 and its buckets, the endpoint, the forwarder between them."""

import json
import subprocess

from answer import assert_conserved
from events import BUCKET, VERSIONS, contents, dump
from process import CLICKSTREAM, ROOT, end, environment, require, wait_until
from proxy import Proxy
from pump import Queue
from queue_clock import ClockQueue
from rie import Emulated
from runtime import Sandbox
from sink import Sink
from table import Table

QUARANTINE = "rebrandly-quarantine"


class Lab:
    def __init__(self, emulator, folder):
        self.emulator, self.folder = emulator, folder
        self.s3 = emulator.client("s3")
        self.sink, self.proxy = Sink(), Proxy(emulator.port)
        self.functions, self.commands, self.queues = [], [], []
        emulator.reset()
        for bucket in (BUCKET, QUARANTINE):
            self.s3.create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        self.s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})

    def settings(self, **variables):
        """Returns the variables that the template sets, with this test's endpoint; None removes a variable."""
        usual = {
            "AWS_ENDPOINT_URL": self.proxy.url,
            "TARGETS": "hook",
            "HOOK_KIND": "http",
            "HOOK_URL": self.sink.url,
            "SOURCES": BUCKET,
            "QUARANTINE": f"s3://{QUARANTINE}/quarantine/",
        }
        return environment(**{**usual, **variables})

    def forwarder(self, **variables):
        """Starts a forwarder under our own Runtime API."""
        return self.start(Sandbox, self.settings(**variables))

    def emulated(self, timeout=60, **variables):
        """Starts a forwarder under AWS's emulator, which kills it at its time-out."""
        return self.start(Emulated, self.settings(**variables), timeout=timeout)

    def start(self, kind, variables, **options):
        function = kind(variables, self.folder / f"function-{len(self.functions)}.log", **options)
        self.functions.append(function)
        return function

    def command(self, *arguments, stdin=None, **variables):
        """Runs the command line to its end."""
        return subprocess.run(
            [require(CLICKSTREAM), *arguments], env=self.settings(**variables), cwd=ROOT, input=stdin, capture_output=True, timeout=120
        )

    def spawn(self, *arguments, **variables):
        """Starts the command line and leaves it running."""
        command = [require(CLICKSTREAM), *arguments]
        running = subprocess.Popen(command, env=self.settings(**variables), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        self.commands.append(running)
        return running

    def kill(self, function):
        """Kills a function, as Lambda does at the time-out, and waits until none of its calls is on its way to AWS."""
        function.kill()
        wait_until(lambda: self.proxy.connections == 0, "the end of its calls")

    def table(self):
        return Table(self.emulator)

    def queue(self, name="clicks", **options):
        return Queue(self.emulator, name, **options)

    def clock_queue(self, **options):
        self.queues.append(ClockQueue(**options))
        return self.queues[-1]

    def put(self, key, body, bucket=BUCKET):
        """Stores an object; returns its version id."""
        return self.s3.put_object(Bucket=bucket, Key=key, Body=body).get("VersionId")

    def forms(self, *keys, form="click", **variables):
        """Returns the clicks of these objects in one form, as the command line writes them."""
        alone = {"TARGETS": None, "HOOK_KIND": None, "HOOK_URL": None, "QUARANTINE": None, **variables}
        run = self.command("forward", "--quiet", "--format", form, *(f"s3://{BUCKET}/{key}" for key in keys), **alone)
        assert run.returncode == 0, run.stderr.decode()
        return [json.loads(line) for line in run.stdout.splitlines()]

    def event(self, name):
        """Puts the objects of one of the repository's events into S3; returns the event's bytes with their version ids."""
        text = (ROOT / "events" / f"{name}.json").read_text()
        for key, version in VERSIONS.items():
            text = text.replace(version, self.put(key, contents(key)))
        return dump(json.loads(text))

    def quarantine(self):
        """Maps the keys of the quarantine to their rows."""
        listed = self.s3.list_objects_v2(Bucket=QUARANTINE).get("Contents", [])
        bodies = {item["Key"]: self.s3.get_object(Bucket=QUARANTINE, Key=item["Key"])["Body"].read() for item in listed}
        return {key: [json.loads(line) for line in body.splitlines()] for key, body in bodies.items()}

    def quarantined(self):
        return [row for rows in self.quarantine().values() for row in rows]

    def close(self):
        for function in self.functions:
            function.close()
        for command in self.commands:
            end(command)
        for queue in self.queues:
            queue.close()
        self.sink.close()
        self.proxy.close()

    def check_conservation(self):
        for function in self.functions:
            assert_conserved(function.output())
