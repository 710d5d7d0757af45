"""The proxy beside nginx and HAProxy: wrk, a target that answers with 100 bytes, connections that stay open."""

import json
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import tempfile
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path

ROOT = Path(__file__).parent.parent
HOST = "host-0.example.com"
BODY = "x" * 100
SECONDS = 5
ROUNDS = 3
CONNECTIONS = (16, 64, 256)
RULES = 10_000
CHANGES = 1_000
CHANGES_A_SECOND_MAX = 50
WORKERS = 2
START_SECONDS_MAX = 30
END_SECONDS_MAX = 20


class Proxy:
    """A proxy that runs: its address, its processes, and how its routes are changed for others."""

    def __init__(self, name, process, address, change):
        self.name, self.process, self.address, self.change = name, process, address, change

    def processes(self):
        """Itself and its workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu_seconds(self):
        """CPU time of all its processes so far, in user space and in the kernel."""
        ticks = 0
        for pid in self.processes():
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
        return ticks / os.sysconf("SC_CLK_TCK")

    def peak_mib(self):
        """The most memory that its processes have had, added."""
        kib = 0
        for pid in self.processes():
            kib += int(re.search(r"VmHWM:\s+(\d+)", Path(f"/proc/{pid}/status").read_text()).group(1))
        return kib / 1024


def _free_address():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return f"127.0.0.1:{free.getsockname()[1]}"


def _answers(process, address, request=b"GET / HTTP/1.1\r\nHost: " + HOST.encode() + b"\r\n\r\n"):
    end = time.monotonic() + START_SECONDS_MAX
    host, port = address.split(":")
    while time.monotonic() < end and process.poll() is None:
        try:
            with socket.create_connection((host, int(port)), 1) as client:
                client.sendall(request)
                if client.recv(12).startswith(b"HTTP/1.1 200"):
                    return
        except OSError:
            pass
        time.sleep(0.05)
    raise SystemExit(f"{process.args[0]} does not answer on {address}")


@contextmanager
def _running(command, **options):
    process = subprocess.Popen(command, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(END_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _nginx_configuration(folder, workers, http):
    return f"""
daemon off; pid {folder}/nginx.pid; error_log {folder}/error.log; worker_processes {workers};
worker_rlimit_nofile 65536;
events {{ worker_connections 8192; }}
http {{
  access_log off; keepalive_requests 100000000; server_names_hash_max_size 65536; server_names_hash_bucket_size 128;
  client_body_temp_path {folder}/a; proxy_temp_path {folder}/b; fastcgi_temp_path {folder}/c;
  uwsgi_temp_path {folder}/d; scgi_temp_path {folder}/e;
  {http}
}}
"""


@contextmanager
def target():
    """An nginx that answers everything; it is not measured."""
    address = _free_address()
    http = f"server {{ listen {address} reuseport; location / {{ return 200 '{BODY}'; }} }}"
    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "nginx.conf")
        configuration.write_text(_nginx_configuration(folder, WORKERS, http))
        with _running(["nginx", "-c", str(configuration)], stderr=subprocess.DEVNULL) as process:
            _answers(process, address)
            yield address


@contextmanager
def longshore(to, rules=1):
    """The example `bench_proxy`: the crate with nothing around it."""
    address = _free_address()
    command = [_our_binary(), address, to, str(rules), str(WORKERS)]
    with _running(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:

        def change():
            process.stdin.write("\n")
            process.stdin.flush()
            if process.stdout.readline() != "swapped\n":
                raise SystemExit("the proxy did not swap its table")

        _answers(process, address)
        process.stdout.readline()
        yield Proxy("Longshore", process, address, change)


def _our_binary():
    if "LONGSHORE_BENCH_PROXY" not in os.environ:
        build = ["cargo", "build", "--release", "--quiet", "--package", "longshore-proxy", "--example", "bench_proxy"]
        subprocess.run(build, cwd=ROOT, check=True)
        metadata = subprocess.run(
            ["cargo", "metadata", "--format-version", "1", "--no-deps"], cwd=ROOT, capture_output=True, check=True
        )
        folder = Path(json.loads(metadata.stdout)["target_directory"])
        os.environ["LONGSHORE_BENCH_PROXY"] = str(folder / "release/examples/bench_proxy")
    return os.environ["LONGSHORE_BENCH_PROXY"]


@contextmanager
def nginx(to, rules=1):
    """nginx with a server for each host and kept connections to the target."""
    address = _free_address()
    location = """location / { proxy_pass http://target; proxy_http_version 1.1; proxy_set_header Connection "";
      proxy_set_header Host $host; proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
      proxy_set_header X-Forwarded-Proto $scheme; proxy_set_header X-Forwarded-Port $server_port; }"""
    version = 0

    with tempfile.TemporaryDirectory() as folder:
        configuration = Path(folder, "nginx.conf")

        def write():
            servers = "\n".join(
                f"server {{ listen {address}{' reuseport' if number == 0 else ''}; "
                f"server_name host-{number}.example.com; {location} }}"
                for number in range(rules)
            )
            seen = f"server {{ listen {address}; server_name version-{version}; return 200 'new'; }}"
            http = f"upstream target {{ server {to}; keepalive 256; keepalive_requests 100000000; }}\n{servers}\n{seen}"
            configuration.write_text(_nginx_configuration(folder, WORKERS, http))

        def change():
            nonlocal version
            version += 1
            write()
            process.send_signal(signal.SIGHUP)
            end = time.monotonic() + START_SECONDS_MAX
            while not _has_version(address, version):
                if time.monotonic() > end:
                    raise SystemExit("nginx does not take its new configuration")

        write()
        with _running(["nginx", "-c", str(configuration)], stderr=subprocess.DEVNULL) as process:
            _answers(process, address)
            yield Proxy("nginx", process, address, change)


def _has_version(address, version):
    host, port = address.split(":")
    try:
        with socket.create_connection((host, int(port)), 1) as client:
            client.sendall(f"GET / HTTP/1.0\r\nHost: version-{version}\r\n\r\n".encode())
            return b"new" in b"".join(iter(lambda: client.recv(4096), b""))
    except OSError:
        return False


@contextmanager
def haproxy(to, rules=1):
    """HAProxy with a map of hosts."""
    address = _free_address()
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "hosts.map").write_text("".join(f"host-{number}.example.com target\n" for number in range(rules)))
        configuration = Path(folder, "haproxy.cfg")
        configuration.write_text(f"""
global
  nbthread {WORKERS}
  maxconn 8192
defaults
  mode http
  timeout connect 10s
  timeout client 60s
  timeout server 60s
  option forwardfor
  http-reuse always
frontend web
  bind {address}
  http-request set-header X-Forwarded-Proto http
  http-request set-header X-Forwarded-Port %[dst_port]
  use_backend %[req.hdr(host),lower,map({folder}/hosts.map)]
backend target
  server one {to}
""")
        command = ["haproxy", "-db", "-f", str(configuration)]
        with _running(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
            _answers(process, address)
            yield Proxy("HAProxy", process, address, None)


def _wrk(address, connections, seconds):
    how = ["--threads", "1", "--connections", str(connections), "--duration", f"{seconds}s", "--latency"]
    return ["wrk", *how, "--timeout", "10s", "--header", f"Host: {HOST}", f"http://{address}/"]


def _milliseconds(text):
    number, unit = re.fullmatch(r"([0-9.]+)(us|ms|s)", text).groups()
    return float(number) * {"us": 0.001, "ms": 1, "s": 1000}[unit]


def _load(proxy, connections):
    """Requests per second, the 99th percentile in milliseconds, and CPU microseconds for each request."""
    before = proxy.cpu_seconds()
    command = _wrk(proxy.address, connections, SECONDS)
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    used = proxy.cpu_seconds() - before
    if _failed(said):
        raise SystemExit(f"{proxy.name} failed:\n{said}")
    requests = int(re.search(r"(\d+) requests in", said).group(1))
    rate = float(re.search(r"Requests/sec:\s+([0-9.]+)", said).group(1))
    slowest = re.search(r"^ +99% +(\S+)", said, re.MULTILINE).group(1)
    return rate, _milliseconds(slowest), used / requests * 1e6


def _failed(said):
    errors = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", said)
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    return sum(map(int, errors.groups() if errors else [])) + int(refused.group(1) if refused else 0)


def _needs(*programs):
    missing = [program for program in programs if shutil.which(program) is None]
    if missing:
        raise SystemExit(f"{missing[0]} is missing (Debian: apt-get install nginx-light haproxy wrk)")


def proxy():
    """Rates, latency, CPU and memory; the three proxies take turns, and the median counts."""
    _needs("nginx", "haproxy", "wrk")
    with target() as to, ExitStack() as stack:
        proxies = [stack.enter_context(start(to)) for start in (longshore, nginx, haproxy)]
        for connections in CONNECTIONS:
            seen = {proxy.name: [] for proxy in proxies}
            for _ in range(ROUNDS):
                for proxy in proxies:
                    seen[proxy.name].append(_load(proxy, connections))
            medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in seen.items()}
            for place, (what, unit, goal) in enumerate(
                [
                    ("requests", "/s", "at least 1"),
                    ("99th percentile", " ms", "at most 1"),
                    ("CPU for a request", " µs", "at most 1.15"),
                ]
            ):
                yield _row(f"proxy, {connections} connections: {what}", medians, place, unit, goal)
        memory = {proxy.name: [proxy.peak_mib()] for proxy in proxies}
        yield _row("proxy: peak memory", memory, 0, " MiB", "at most 1")


def _row(name, medians, place, unit, goal):
    values = {name: row[place] for name, row in medians.items()}
    beside = ", ".join(f"{name}: {value:,.1f}{unit}" for name, value in values.items() if name != "Longshore")
    ours = values["Longshore"]
    return name, f"{ours:,.1f}{unit}", beside, f"{ours / values['nginx']:.2f} of nginx", goal


def proxy_rules():
    """CPU for a request with one host rule and with many, in turns."""
    _needs("nginx", "haproxy", "wrk")
    with target() as to, ExitStack() as stack:
        for start in (longshore, nginx, haproxy):
            one, many = (stack.enter_context(start(to, rules)) for rules in (1, RULES))
            costs = {one: [], many: []}
            for _ in range(ROUNDS):
                for proxy in costs:
                    costs[proxy].append(_load(proxy, 64)[2])
            few, more = (statistics.median(costs[proxy]) for proxy in (one, many))
            name = f"{one.name}: CPU for a request with {RULES:,} host rules"
            yield name, f"{more:.1f} µs", f"one rule: {few:.1f} µs", f"{more / few:.2f}", "at most 1.05"


def proxy_changes():
    """Requests that fail while the routes of others change, one change after the other."""
    _needs("nginx", "wrk")
    failed, took = {}, {}
    with target() as to:
        for start in (longshore, nginx):
            with start(to) as proxy:
                load = subprocess.Popen(_wrk(proxy.address, 64, 3600), stdout=subprocess.PIPE, text=True)
                took[proxy.name] = 0
                for _ in range(CHANGES):
                    begun = time.monotonic()
                    proxy.change()
                    seconds = time.monotonic() - begun
                    took[proxy.name] += seconds
                    # Not all at once: requests should meet every change.
                    time.sleep(max(0, 1 / CHANGES_A_SECOND_MAX - seconds))
                load.send_signal(signal.SIGINT)
                said = load.communicate()[0]
                failed[proxy.name] = (_failed(said), int(re.search(r"(\d+) requests in", said).group(1)))
    ours, theirs = failed["Longshore"], failed["nginx"]
    yield (
        f"proxy: failed requests while routes change {CHANGES:,} times",
        f"{ours[0]} of {ours[1]:,}",
        f"nginx: {theirs[0]} of {theirs[1]:,}",
        "-",
        "0",
    )
    yield (
        f"proxy: time for {CHANGES:,} changes",
        f"{took['Longshore']:.1f} s",
        f"nginx: {took['nginx']:.1f} s",
        f"{took['Longshore'] / took['nginx']:.2f}",
        "-",
    )
