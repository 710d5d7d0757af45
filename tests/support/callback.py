"""The place where CloudFormation takes answers: it stands for the S3 bucket behind a `ResponseURL`."""

import json
import secrets
import threading
import time
from dataclasses import dataclass
from datetime import datetime, timezone
from urllib.parse import unquote, urlsplit

from support.served import Served
from support.wait import DEADLINE_SECONDS, until

# CloudFormation's own limit, of the whole body.
MOST_BYTES = 4096
MEMBERS = ("Status", "PhysicalResourceId", "StackId", "RequestId", "LogicalResourceId")


@dataclass(frozen=True)
class Put:
    """One PUT and what became of it."""

    moment: float
    headers: dict
    body: bytes
    accepted: bool
    # What `Callback.note` gave when it arrived.
    note: object = None

    @property
    def document(self):
        """The answer."""
        return json.loads(self.body)


def fail(status):
    """S3 answers with an error."""
    return lambda exchange, accept: exchange.reply(status)


def drop(exchange, _):
    """The connection closes before the answer arrived."""
    exchange.drop()


def lose_reply(exchange, accept):
    """The answer arrived, and the client does not hear of it."""
    accept()
    exchange.drop()


def slow(seconds):
    """S3 takes its time."""

    def late(exchange, accept):
        time.sleep(seconds)
        accept()
        exchange.reply(200)

    return late


class Callback(Served):
    """Takes answers, as strict as S3 is about a URL that was signed for it."""

    def __init__(self):
        super().__init__()
        self._lock = threading.Lock()
        self._puts = {}
        self._planned = {}
        # Called when an answer is accepted, with the document; what it gives is kept beside it.
        self.note = lambda document: None
        # In every URL, so that a leak of one is found.
        self.secret = secrets.token_hex(32)

    def response_url(self, request_id, sent=None, expires_seconds=7200):
        """A URL in the manner of S3's presigned ones. `sent` (seconds since 1970, else now) is when it was made."""
        date = datetime.fromtimestamp(sent or time.time(), timezone.utc).strftime("%Y%m%dT%H%M%SZ")
        return (
            f"{self.url}/arn%3Aaws%3Acloudformation/stack/{request_id}"
            f"?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Date={date}&X-Amz-SignedHeaders=host"
            f"&X-Amz-Expires={expires_seconds}"
            f"&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F{date[:8]}%2Fus-east-1%2Fs3%2Faws4_request"
            f"&X-Amz-Signature={self.secret}"
        )

    def plan(self, request_id, *faults):
        """The next PUTs for this request go so, one after the other; the ones behind them go well."""
        self._planned.setdefault(request_id, []).extend(faults)

    def serve(self, exchange):
        """Takes a PUT, or does what is planned for it."""
        url = urlsplit(exchange.path)
        request_id = unquote(url.path).rsplit("/", 1)[-1]
        refusal = self._refusal(exchange, url.query)

        def keep(accepted):
            with self._lock:
                note = self.note(json.loads(exchange.body)) if accepted else None
                put = Put(time.time(), dict(exchange.headers.items()), exchange.body, accepted, note)
                self._puts.setdefault(request_id, []).append(put)

        if refusal:
            keep(False)
            exchange.reply(refusal[0], refusal[1].encode())
            return
        with self._lock:
            planned = self._planned.get(request_id)
            fault = planned.pop(0) if planned else None
        if fault is None:
            keep(True)
            exchange.reply(200)
            return
        before = len(self.puts(request_id))
        fault(exchange, lambda: keep(True))
        if len(self.puts(request_id)) == before:
            keep(False)

    def _refusal(self, exchange, query):
        if exchange.command != "PUT":
            return 405, "MethodNotAllowed"
        if self.secret not in query:
            return 403, "AccessDenied"
        # CloudFormation signs for an empty content type.
        if exchange.headers.get("Content-Type"):
            return 403, "SignatureDoesNotMatch"
        if exchange.headers.get("Transfer-Encoding"):
            return 501, "NotImplemented: A header you provided implies functionality that is not implemented"
        return None

    def puts(self, request_id):
        """All that came for a request, accepted or not."""
        with self._lock:
            return list(self._puts.get(request_id, []))

    def accepted(self, request_id):
        """What CloudFormation would have seen; the first one counts."""
        return [put for put in self.puts(request_id) if put.accepted]

    def answer(self, event, deadline_seconds=DEADLINE_SECONDS):
        """Waits for a request's answer, holds it to CloudFormation's rules, and gives the document."""
        request_id = event["RequestId"]
        [put, *_] = until(
            lambda: self.accepted(request_id), f"the answer to {event['RequestType']} {request_id}", deadline_seconds
        )
        check(event, put)
        return put.document


def check(event, put):
    """CloudFormation's rules for an answer."""
    document = put.document
    assert len(put.body) <= MOST_BYTES, f"{len(put.body)} bytes:\n{document}"
    for member in MEMBERS:
        assert isinstance(document.get(member), str) and document[member], f"no {member} in {document}"
    for member in ("StackId", "RequestId", "LogicalResourceId"):
        assert document[member] == event[member], f"{member} is not the request's: {document}"
    assert document["Status"] in ("SUCCESS", "FAILED"), document
    assert document["Status"] == "SUCCESS" or document.get("Reason"), f"FAILED without a Reason: {document}"
    assert len(document["PhysicalResourceId"]) <= 1024, document
    if "PhysicalResourceId" in event:
        assert document["PhysicalResourceId"] == event["PhysicalResourceId"], "another id means a replacement"
