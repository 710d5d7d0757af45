"""A server that others post to (hooks, notices, functions, SNS): what came, and answers that the test chooses."""

import hashlib
import hmac
import json
import threading
from dataclasses import dataclass
from urllib.parse import parse_qsl, unquote

import pytest

from support.served import Served

KEY = "the key of the test"


@dataclass(frozen=True)
class Post:
    """A request that came."""

    path: str
    headers: dict
    body: bytes

    @property
    def json(self):
        """The body as JSON."""
        return json.loads(self.body)

    @property
    def form(self):
        """The body as a form."""
        return dict(parse_qsl(self.body.decode(), keep_blank_values=True))

    @property
    def id(self):
        """The same when it comes again."""
        return self.headers["x-longshore-delivery"]

    def is_signed(self, key=KEY):
        """Whether its signature is good."""
        good = "sha256=" + hmac.new(key.encode(), self.body, hashlib.sha256).hexdigest()
        return hmac.compare_digest(good, self.headers["x-longshore-signature-256"])


class Posts(Served):
    """Keeps what is posted. `answer` gives the status, or status, body and headers, of each answer."""

    def __init__(self):
        super().__init__()
        self.came = []
        self.answer = lambda post: 200
        self.lock = threading.Lock()

    def serve(self, exchange):
        """Notes it, and answers."""
        headers = {name.lower(): value for name, value in exchange.headers.items()}
        post = Post(unquote(exchange.path), headers, exchange.body)
        with self.lock:
            self.came.append(post)
        answer = self.answer(post)
        exchange.reply(*(answer if isinstance(answer, tuple) else (answer,)))

    def to(self, path):
        """What came to a path."""
        with self.lock:
            return [post for post in self.came if post.path == path]


@pytest.fixture
def posts():
    """A server of the test's own."""
    with Posts() as server:
        yield server
