"""moto's server: S3, SQS, SNS, EventBridge and DynamoDB on a loopback port."""

import subprocess
import sys
import urllib.request
from pathlib import Path

import boto3
from botocore.config import Config
from process import end, environment, kept_port, port_of, wait_for_port

SERVER = Path(__file__).parent / "moto_server.py"


class Emulator:
    def __init__(self, log):
        self.kept = kept_port()
        self.port = port_of(self.kept)
        self.url = f"http://127.0.0.1:{self.port}"
        command = [sys.executable, str(SERVER), str(self.port)]
        with open(log, "ab") as sink:
            self.process = subprocess.Popen(command, env=environment(), stdout=sink, stderr=sink)
        wait_for_port(self.port, self.process)

    def client(self, service):
        """Returns a client with fixed credentials and without retries."""
        return boto3.client(
            service,
            endpoint_url=self.url,
            region_name="eu-west-1",
            aws_access_key_id="testing",
            aws_secret_access_key="testing",
            config=Config(retries={"max_attempts": 1}, proxies={}, s3={"addressing_style": "path"}),
        )

    def reset(self):
        urllib.request.build_opener(urllib.request.ProxyHandler({})).open(
            urllib.request.Request(f"{self.url}/moto-api/reset", method="POST")
        ).close()

    def close(self):
        end(self.process)
        self.kept.close()
