"""The locked door and the parser behind it: requests that no SDK would send get ECS's own errors."""

import json
import socket
from datetime import UTC, datetime, timedelta

import pytest
from support.signing import ECS, Request, send, signed

# More than any ECS request may have; a task definition may have 64 KiB, PutLogEvents 1 MiB.
OVERSIZED_BYTES = 9 * 1024 * 1024


@pytest.fixture
def engine(simulated_engine):
    """The engine that runs nothing."""
    return simulated_engine


def refused(answer, kind, message=""):
    """Whether the answer is ECS's error of this name."""
    assert answer.status == 400 and answer.kind == kind and message in answer.message, (answer, answer.body)
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert answer.headers["x-amzn-requestid"]


def test_a_signed_request_is_answered(engine):
    answer = send(engine, signed(engine))
    assert answer.status == 200 and "clusterArns" in answer.json
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"
    assert "access-control-allow-origin" not in answer.headers


def test_an_unsigned_request(engine):
    request = signed(engine)
    request.headers = {name: value for name, value in request.headers.items() if name != "Authorization"}
    refused(send(engine, request), "MissingAuthenticationTokenException")


def test_a_wrong_secret(engine):
    refused(send(engine, signed(engine, secret="a" * 40)), "InvalidSignatureException", "does not match")


def test_an_unknown_key(engine):
    refused(send(engine, signed(engine, key="AKIAIOSFODNN7EXAMPLE")), "UnrecognizedClientException")


def test_a_body_other_than_the_signed_one(engine):
    request = signed(engine)
    request.body = b'{"maxResults": 1}'
    refused(send(engine, request), "InvalidSignatureException")


def test_an_operation_other_than_the_signed_one(engine):
    request = signed(engine)
    request.headers["X-Amz-Target"] = f"{ECS}.ListTaskDefinitions"
    refused(send(engine, request), "InvalidSignatureException")


def test_an_old_signature(engine, monkeypatch):
    yesterday = datetime.now(UTC).replace(tzinfo=None) - timedelta(days=1)
    monkeypatch.setattr("botocore.auth.get_current_datetime", lambda: yesterday)
    refused(send(engine, signed(engine)), "InvalidSignatureException", "Signature expired")


@pytest.mark.parametrize(
    "authorization",
    [
        "nonsense",
        "AWS4-HMAC-SHA256",
        "AWS4-HMAC-SHA256 Credential=a",
        "AWS4-HMAC-SHA256 Credential=a/b/c/d/e, SignedHeaders=host, Signature=00",
        "Basic dXNlcjpwYXNz",
        "\x80",
    ],
    ids=range(6),
)
def test_a_malformed_authorization(engine, authorization):
    request = signed(engine)
    request.headers["Authorization"] = authorization
    answer = send(engine, request)
    assert answer.status in (400, 403) and answer.kind in (
        "IncompleteSignatureException",
        "MissingAuthenticationTokenException",
        "UnrecognizedClientException",
        "InvalidSignatureException",
    )


@pytest.mark.parametrize(
    "host", ["attacker.example", "attacker.example:{port}", "127.0.0.1.attacker.example:{port}", "169.254.170.2"]
)
def test_a_foreign_host(engine, host):
    answer = send(engine, signed(engine), host=host.format(port=engine.port))
    assert answer.status in (400, 403, 421) and b"clusterArns" not in answer.body


@pytest.mark.parametrize("host", ["localhost:{port}", "127.0.0.1:{port}"])
def test_its_own_names(engine, host):
    class Named:
        endpoint = "http://" + host.format(port=engine.port)
        exports, region, port = engine.exports, engine.region, engine.port

    assert send(Named, signed(Named), host=host.format(port=engine.port)).status == 200


def test_an_unsigned_reset(own_engine):
    engine = own_engine("simulated", ephemeral=True)
    engine.client("ecs").create_cluster(clusterName="stays")
    refused(send(engine, Request("/_longshore/reset", {}, b"")), "MissingAuthenticationTokenException")
    assert engine.client("ecs").describe_clusters(clusters=["stays"])["clusters"]


def test_a_browser_gets_no_permission(engine):
    headers = {"Origin": "http://attacker.example", "Access-Control-Request-Method": "POST"}
    answer = send(engine, Request("/", headers, b"", method="OPTIONS"))
    assert answer.status >= 400 and not any(name.startswith("access-control") for name in answer.headers)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"nonsense", b'{"maxResults": }', b"\xff\xfe", b"{} {}", b'{"nextToken": "\\ud800"}', b"[" * 100_000],
    ids=["empty", "brace", "word", "value", "bytes", "two", "surrogate", "deep"],
)
def test_malformed_json(engine, body):
    answer = send(engine, signed(engine, body=body))
    if body == b"" and answer.status == 200:
        return  # AWS takes an empty body as an empty request
    refused(answer, "SerializationException")


@pytest.mark.parametrize(
    ("operation", "body"),
    [
        ("ListClusters", {"maxResults": "ten"}),
        ("ListClusters", {"maxResults": {}}),
        ("ListClusters", ["a", "list"]),
        ("ListClusters", "a string"),
        ("RunTask", {"taskDefinition": 7}),
        ("RunTask", {"taskDefinition": "a", "count": "1"}),
        ("RunTask", {"taskDefinition": "a", "count": 99999999999}),
        ("RunTask", {"taskDefinition": "a", "overrides": []}),
        ("RegisterTaskDefinition", {"family": "a", "containerDefinitions": {}}),
        ("RegisterTaskDefinition", {"family": "a", "containerDefinitions": [{"name": "a", "essential": "yes"}]}),
        ("RegisterTaskDefinition", {"family": "a", "containerDefinitions": [{"name": "a", "environment": {"A": "1"}}]}),
        ("DescribeTasks", {"tasks": "one"}),
    ],
    ids=str,
)
def test_wrong_types(engine, operation, body):
    answer = send(engine, signed(engine, target=f"{ECS}.{operation}", body=json.dumps(body).encode()))
    refused(answer, "SerializationException")


def test_unknown_members_are_ignored(engine):
    assert send(engine, signed(engine, body=b'{"someday": {"there": ["will", "be"]}}')).status == 200


@pytest.mark.parametrize("target", [f"{ECS}.FlyToTheMoon", f"{ECS}.", "Nonsense.ListClusters", "ListClusters", None])
def test_unknown_operations(engine, target):
    answer = send(engine, signed(engine, target=target))
    assert answer.status in (400, 404) and answer.kind == "UnknownOperationException", (answer, answer.body)


def test_an_operation_of_ecs_that_is_not_offered_says_so(engine):
    answer = send(engine, signed(engine, target=f"{ECS}.CreateCapacityProvider"))
    assert answer.status in (400, 404, 501) and answer.kind.endswith("Exception"), (answer, answer.body)


def test_an_oversized_body(engine):
    body = json.dumps({"family": "a", "pad": "x" * OVERSIZED_BYTES}).encode()
    answer = send(engine, signed(engine, target=f"{ECS}.RegisterTaskDefinition", body=body))
    assert answer.status in (400, 413) and answer.kind
    assert send(engine, signed(engine)).status == 200, "it still serves"


def test_an_oversized_task_definition(engine):
    definition = {
        "family": "large",
        "containerDefinitions": [
            {"name": "a", "image": "a", "memory": 8, "environment": [{"name": "PAD", "value": "x" * 66_000}]}
        ],
    }
    body = json.dumps(definition).encode()
    answer = send(engine, signed(engine, target=f"{ECS}.RegisterTaskDefinition", body=body))
    refused(answer, "ClientException", "Max allowed length is '65536' bytes.")


@pytest.mark.parametrize(
    "text",
    [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
        b"POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
        b"\r\n" * 1000,
        b"POST /" + b"a" * 100_000,
    ],
    ids=["get", "tls", "negative", "two-hosts", "empty", "long"],
)
def test_what_is_not_http_harms_nobody(engine, text):
    with socket.create_connection(("127.0.0.1", engine.port), timeout=10) as connection:
        try:
            connection.sendall(text)
            connection.shutdown(socket.SHUT_WR)
            answer = connection.recv(4096)
        except ConnectionError:
            answer = b""
    assert b" 200 " not in answer.split(b"\r\n", 1)[0]
    assert send(engine, signed(engine)).status == 200
