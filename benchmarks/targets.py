"""The servers under test, ours and the peers: child processes on one core, and how each is spoken to."""

import http.client
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.install import PEERS, ROOT, Peers
from benchmarks.population import SECRET
from client_tests.services import LOOPBACK, free_port

READY_S = 30.0
STOP_S = 15.0
POLL_S = 0.02

MESSAGING = "/messaging"
NAMESPACES = (MESSAGING, "/threads", "/notifications", "/presence")

_INHERITED = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH")
"""Nothing else of the caller's environment configures a server under test."""

_SOCKETIO = (
    "--path",
    "/socket.io/?EIO=4&transport=websocket",
    "--auth",
    '{"token":"{token}"}',
    "--refusal",
    '"ok":false',
)

PLAIN_WIRE = (
    *("--join", '{"type":"join","room":"{room}"}', "--entered", '{"type":"joined"'),
    *("--send", '{"type":"send","id":{id},"content":"{content}"}'),
    *("--delivery", '{"type":"message"', "--ack", '{"type":"ack","id":'),
)
"""JSON over WebSocket, as `peers/node_ws.mjs` describes it."""

SOCKETIO_WIRE = (
    *_SOCKETIO,
    *("--namespace", MESSAGING, "--join", '["join","{room}"]'),
    *("--send", f'42{MESSAGING},{{id}}["send_message",{{"content":"{{content}}"}}]'),
    *("--delivery", f'42{MESSAGING},["new_message",', "--ack", f"43{MESSAGING},"),
)
"""Socket.IO as its guides show it."""


def our_wire(*namespaces: str) -> tuple[str, ...]:
    """Return how our server is spoken to; messages are sent on the first namespace.

    On `/messaging` everyone hears the threads they are in; on `/threads` a thread is joined first.
    """
    first = namespaces[0]
    join = ("--join", '["join",{"thread_id":"{room}"}]') if first == "/threads" else ()
    send = '["send_message",{"thread_id":"{room}","client_message_id":"{uuid}","content":"{content}"}]'
    return (
        *_SOCKETIO,
        *(word for namespace in namespaces for word in ("--namespace", namespace)),
        *("--entered", '"connection_established"', *join, "--send", f"42{first},{{id}}{send}"),
        *("--delivery", f'42{first},["new_message",', "--ack", f"43{first},"),
    )


@dataclass(frozen=True, slots=True)
class Cores:
    """Which core serves and which one loads; the same set for both where there is only one."""

    server: frozenset[int]
    generator: frozenset[int]

    @classmethod
    def choose(cls) -> "Cores":
        """Give the first allowed core to the server and the others to the generator (and databases)."""
        allowed = sorted(os.sched_getaffinity(0))
        if len(allowed) == 1:
            return cls(frozenset(allowed), frozenset(allowed))
        return cls(frozenset(allowed[:1]), frozenset(allowed[1:]))


@dataclass
class Target:
    """Running processes that do the same work, and how to speak to them.

    `ours` targets must not fail; `other_pids` are the database or Redis behind them.
    """

    name: str
    ports: tuple[int, ...]
    wire: tuple[str, ...]
    processes: list[subprocess.Popen[bytes]] = field(default_factory=list)
    ours: bool = False
    other_pids: tuple[int, ...] = ()

    @property
    def pids(self) -> tuple[int, ...]:
        """Process ids, in the order of the ports."""
        return tuple(process.pid for process in self.processes)

    def stop(self) -> None:
        """End all processes as a deployment would."""
        for process in self.processes:
            process.send_signal(signal.SIGTERM)
        for process in self.processes:
            try:
                process.wait(STOP_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


UNLIMITED = {"OPERATIONS_PER_S": "1000000", "CONNECTIONS_PER_USER": "1000000"}
"""Counted as always, and never met: a load generator asks more than any person."""


def start_ours(
    cores: Cores, root: Path, folder: Path, environments: Sequence[Mapping[str, str]]
) -> tuple[tuple[int, ...], list[subprocess.Popen[bytes]]]:
    """Start `python -m server serve` of the server in `root`, one for each environment; return when all answer."""
    started = []
    for number, environment in enumerate(environments):
        port = free_port()
        env = {
            "HOST": LOOPBACK,
            "PORT": str(port),
            "JWT_SECRET": SECRET,
            "PYTHONPATH": str(root),
            **UNLIMITED,
            **environment,
        }
        log = folder / f"server-{number}.log"
        started.append((port, _spawn(cores, [sys.executable, "-m", "server", "serve"], root, env, log), log))
    for port, process, log in started:
        _until(lambda port=port: _is_healthy(port), process, log)
    return tuple(port for port, _, _ in started), [process for _, process, _ in started]


def start_floor(cores: Cores, program: Path, folder: Path) -> Target:
    """Start the C floor."""
    return _start_peer(cores, "C floor", [[str(program)]], (), PLAIN_WIRE, folder)


def start_node_ws(cores: Cores, peers: Peers, folder: Path, *, database: bool = False) -> Target:
    """Start the bare Node server; with a database, it inserts every message."""
    file = (str(folder / "messages.db"),) if database else ()
    name = "Node ws + better-sqlite3" if database else "Node ws"
    return _start_peer(cores, name, [[str(peers.node), str(PEERS / "node_ws.mjs")]], file, PLAIN_WIRE, folder)


def start_socketio_node(cores: Cores, peers: Peers, folder: Path, *, redis: str = "", processes: int = 1) -> Target:
    """Start Socket.IO for Node, several processes over one Redis if its URL is given."""
    name = "Socket.IO Node + redis-adapter" if redis else "Socket.IO Node"
    command = [str(peers.node), str(PEERS / "socketio_node.mjs")]
    return _start_peer(cores, name, [command] * processes, (redis,) if redis else (), SOCKETIO_WIRE, folder)


def start_socketio_python(
    cores: Cores, peers: Peers, folder: Path, *, redis: str = "", processes: int = 1, database: bool = False
) -> Target:
    """Start stock python-socketio; with a database, it inserts every message."""
    options = ("--redis", redis) if redis else ()
    options += ("--database", str(folder / "messages.db")) if database else ()
    name = f"python-socketio{' + AsyncRedisManager' if redis else ''}{' + sqlite3' if database else ''}"
    command = [str(peers.python), str(PEERS / "socketio_python.py")]
    return _start_peer(cores, name, [command] * processes, options, SOCKETIO_WIRE, folder)


def start_channels(cores: Cores, peers: Peers, folder: Path) -> Target:
    """Start Django Channels on daphne."""
    command = [str(peers.python), str(PEERS / "channels_daphne.py")]
    return _start_peer(cores, "Django Channels", [command], (), PLAIN_WIRE, folder)


def write_figures(port: int) -> tuple[int, int]:
    """Return how many writes and how many batches of them one of our servers committed so far."""
    lines = _get(port, "/metrics").splitlines()
    values = {name: value for name, _, value in (line.partition(" ") for line in lines)}
    return int(float(values["verihome_writes_total"])), int(float(values["verihome_write_batches_total"]))


def _start_peer(
    cores: Cores,
    name: str,
    commands: Sequence[Sequence[str]],
    options: Sequence[str],
    wire: tuple[str, ...],
    folder: Path,
) -> Target:
    target = Target(name, (), wire)
    for number, command in enumerate(commands):
        port, log = free_port(), folder / f"peer-{number}.log"
        process = _spawn(cores, [*command, str(port), *options], ROOT, {}, log)
        target.processes.append(process)
        target.ports += (port,)
        _until(lambda log=log: log.read_bytes().startswith(b"ready "), process, log)
    return target


def _spawn(
    cores: Cores, command: list[str], folder: Path, env: Mapping[str, str], log: Path
) -> subprocess.Popen[bytes]:
    kept = {name: os.environ[name] for name in _INHERITED if name in os.environ}
    log.parent.mkdir(parents=True, exist_ok=True)
    own = os.sched_getaffinity(0)
    # A child inherits the affinity, and so do all the threads that it will have.
    os.sched_setaffinity(0, cores.server)
    try:
        with log.open("wb") as output:
            return subprocess.Popen(command, cwd=folder, env=kept | env, stdout=output, stderr=output)
    finally:
        os.sched_setaffinity(0, own)


def _until(ready: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + READY_S
    while not ready():
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            process.wait()
            raise RuntimeError(f"a server did not start:\n{log.read_text(errors='replace')[-2000:]}")
        time.sleep(POLL_S)


def _is_healthy(port: int) -> bool:
    try:
        return bool(_get(port, "/healthz"))
    except OSError:
        return False


def _get(port: int, path: str) -> str:
    connection = http.client.HTTPConnection(LOOPBACK, port, timeout=5)
    try:
        connection.request("GET", path)
        return connection.getresponse().read().decode()
    finally:
        connection.close()
