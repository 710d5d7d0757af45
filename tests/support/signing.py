"""Requests made by hand: signed by botocore, then bent as a test needs it."""

import http.client
import json
from contextlib import suppress
from dataclasses import dataclass, field

from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

ECS = "AmazonEC2ContainerServiceV20141113"


@dataclass
class Request:
    """What goes over the wire."""

    path: str
    headers: dict
    body: bytes
    method: str = "POST"


@dataclass
class Answer:
    """What comes back."""

    status: int
    headers: dict
    body: bytes = field(repr=False)

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def kind(self):
        """The exception's bare name."""
        return self.json["__type"].rsplit("#", 1)[-1]

    @property
    def message(self):
        """The exception's sentence, empty where there is none."""
        return self.json.get("message") or self.json.get("Message") or ""


def signed(
    engine,
    target=f"{ECS}.ListClusters",
    body=b"{}",
    path="/",
    key=None,
    secret=None,
    region=None,
    service="ecs",
    method="POST",
):
    """A request as an SDK would send it."""
    headers = {"Content-Type": "application/x-amz-json-1.1"}
    if target:
        headers["X-Amz-Target"] = target
    request = AWSRequest(method=method, url=engine.endpoint + path, data=body, headers=headers)
    credentials = Credentials(
        key or engine.exports["AWS_ACCESS_KEY_ID"], secret or engine.exports["AWS_SECRET_ACCESS_KEY"]
    )
    SigV4Auth(credentials, service, region or engine.region).add_auth(request)
    prepared = request.prepare()
    sent = {name: value.decode() if isinstance(value, bytes) else value for name, value in prepared.headers.items()}
    return Request(path, sent, body, method)


def send(engine, request, host=None):
    """Sends it and reads the answer."""
    connection = http.client.HTTPConnection("127.0.0.1", engine.port, timeout=30)
    try:
        connection.putrequest(request.method, request.path, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": host or f"127.0.0.1:{engine.port}"}
        headers |= {name: value for name, value in request.headers.items() if name.lower() != "host"}
        headers["Content-Length"] = str(len(request.body))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders()
        # It may be refused before it was read whole; the answer says so.
        with suppress(BrokenPipeError, ConnectionResetError):
            connection.send(request.body)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()
