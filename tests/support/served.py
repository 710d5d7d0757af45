"""A small HTTP/1.1 server on a free port of 127.0.0.1: what the servers that surround the product are made of."""

import socket
import sys
import threading
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Exchange(BaseHTTPRequestHandler):
    """One request and the means to answer it, or not to."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def handle_one_request(self):
        """A client that goes away is no news."""
        try:
            super().handle_one_request()
        except OSError:
            self.close_connection = True

    def take(self):
        """Reads the body and hands the exchange to the server's owner."""
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            self.body = b"".join(self._chunks())
        else:
            self.body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.owner.serve(self)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = take

    def _chunks(self):
        while size := int(self.rfile.readline().split(b";")[0], 16):
            yield self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()

    def reply(self, status, body=b"", headers=()):
        """Answers."""
        self.send_response_only(status)
        for name, value in dict(headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def drop(self):
        """Closes the connection without an answer."""
        self.close_connection = True
        with suppress(OSError):
            self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, *_):
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        """What goes wrong in a handler is kept for the test: nobody reads a thread's traceback."""
        self.owner.errors.append(sys.exc_info()[1])


class Served:
    """A server that gives every request to its method `serve`. A context manager."""

    def __init__(self):
        self.errors = []
        self._server = _Server(("127.0.0.1", 0), Exchange)
        self._server.owner = self
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True)

    @property
    def port(self):
        """Where it listens."""
        return self._server.server_address[1]

    @property
    def url(self):
        """Such as `http://127.0.0.1:40000`."""
        return f"http://127.0.0.1:{self.port}"

    def serve(self, exchange):
        """Answers a request."""
        raise NotImplementedError

    def __enter__(self):
        self._thread.start()
        return self

    def __exit__(self, kind, *_):
        self._server.shutdown()
        self._server.server_close()
        assert kind or not self.errors, self.errors
