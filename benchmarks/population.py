"""Who is there before the load begins: people, the rooms (threads) they are in, and their tokens.

They are written by `seed.py` through the server's own storage layer, before the server starts: the same rows as
`PUT /users` and `POST /threads` would leave, in seconds.
"""

import json
import os
import shutil
import subprocess
import sys
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import jwt

SECRET = "a secret of the benchmarks, 32 bytes or more"  # noqa: S105 - guards nothing but a benchmark
TOKEN_LIFE_S = 7_200


@dataclass(frozen=True, slots=True)
class Crowd:
    """`rooms` of `size` people each, nobody in two of them. The files have a token, or a room's name, in each line."""

    rooms: int
    size: int
    tokens: Path
    names: Path

    @property
    def clients(self) -> int:
        """How many people there are."""
        return self.rooms * self.size


class Population:
    """All people of a run, and a database with them for each version of the server that is measured."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._spec = folder / "population.json"
        self._databases: dict[Path, Path] = {}
        self._crowds: dict[tuple[int, int], Crowd] = {}

    def invent(self, shapes: Sequence[tuple[int, int]]) -> None:
        """Think up crowds of these (rooms, size)."""
        threads: list[dict[str, object]] = []
        next_id = 1
        for rooms, size in shapes:
            ids = [str(number) for number in range(next_id, next_id + rooms * size)]
            next_id += len(ids)
            names = [str(uuid.uuid4()) for _ in range(rooms)]
            threads += [{"id": name, "user_ids": ids[i * size : (i + 1) * size]} for i, name in enumerate(names)]
            self._crowds[rooms, size] = Crowd(
                rooms,
                size,
                _write_lines(self._folder / f"tokens-{rooms}x{size}", [_token(user_id) for user_id in ids]),
                _write_lines(self._folder / f"rooms-{rooms}x{size}", names),
            )
        self._spec.write_text(json.dumps(threads))

    def crowd(self, rooms: int, size: int) -> Crowd:
        """Return a crowd that was invented; also the first `rooms` of a larger one with rooms of the same size."""
        for (most, each), crowd in self._crowds.items():
            if each == size and most >= rooms:
                return Crowd(rooms, size, crowd.tokens, crowd.names)
        raise LookupError((rooms, size))

    def copy_database(self, root: Path, folder: Path) -> str:
        """Put a fresh SQLite file with everyone into a folder; return its `DATABASE_URL`."""
        if root not in self._databases:
            original = self._folder / f"population-{len(self._databases)}.db"
            self.seed(root, f"sqlite:///{original}")
            self._databases[root] = original
        copy = folder / "verihome.db"
        shutil.copyfile(self._databases[root], copy)
        return f"sqlite:///{copy}"

    def seed(self, root: Path, url: str) -> None:
        """Write everyone into an empty database, with the storage layer of the server in `root`."""
        script = Path(__file__).with_name("seed.py")
        # -P: else this folder would come before the server's on the path.
        command = [sys.executable, "-P", str(script), str(self._spec), url]
        subprocess.run(command, cwd=root, env=os.environ | {"PYTHONPATH": str(root)}, check=True, timeout=300)


def _write_lines(path: Path, lines: Sequence[str]) -> Path:
    path.write_text("".join(f"{line}\n" for line in lines))
    return path


def _token(user_id: str) -> str:
    now = int(time.time())
    claims = {"token_type": "access", "user_id": user_id, "iat": now, "exp": now + TOKEN_LIFE_S, "jti": user_id}
    return jwt.encode(claims, SECRET, algorithm="HS256")
