"""An explorer that is running: its server in a process of its own, as a user starts it."""

from __future__ import annotations

import http.client
import json
import os
import re
import signal
import subprocess
import sys
from contextlib import contextmanager
from typing import NamedTuple
from urllib.parse import parse_qs, urlsplit

from tests.support.places import ROOT

START_SECONDS = 300


class Reply(NamedTuple):
    status: int
    headers: dict
    text: str

    def json(self):
        return json.loads(self.text)


class Explorer:
    def __init__(self, address, process, folder):
        self.address = address
        parts = urlsplit(address)
        self.host, self.port = parts.hostname, parts.port
        self.token = parse_qs(parts.query)["token"][0]
        self.process, self.folder = process, folder

    def send(self, method, path, body=b"", headers=None):
        """Send a request as it is."""
        connection = http.client.HTTPConnection(self.host, self.port, timeout=START_SECONDS)
        connection.request(method, path, body, headers or {})
        found = connection.getresponse()
        text = found.read().decode()
        connection.close()
        return Reply(found.status, {k.lower(): v for k, v in found.getheaders()}, text)

    def post(self, path, **content):
        """Send a request as the page does."""
        body = json.dumps(content).encode()
        return self.send("POST", path, body, {"x-token": self.token})


@contextmanager
def running(folder, scenario, *options):
    """Start an explorer in a folder, and end it as the end of its terminal does."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sim", "explore", str(scenario), "--no-browser", *options],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="utf-8",
    )
    try:
        line = process.stdout.readline()
        found = re.search(r"http://\S+", line)
        assert found, f"no address in {line!r}"
        yield Explorer(found[0], process, folder)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        process.wait(60)
        process.stdout.close()
