"""What the pages say: their code blocks and the names they use."""

import re
from dataclasses import dataclass
from pathlib import Path

from client_tests.harness import ROOT

FOLDER = ROOT / "docs" / "clients"
PAGES = tuple(sorted(path.name for path in FOLDER.glob("*.md")))

_BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Page:
    """A page in markdown."""

    text: str

    @classmethod
    def read(cls, name: str) -> "Page":
        """Read a page of `docs/clients`."""
        return cls((FOLDER / name).read_text(encoding="utf-8"))

    def blocks(self, *languages: str) -> list[str]:
        """Return the code blocks of some languages (of all, unless named), in order."""
        return [code for language, code in _BLOCK.findall(self.text) if not languages or language in languages]

    def write_module(self, language: str, path: Path) -> Path:
        """Write all blocks of a language as one module."""
        path.write_text("\n\n".join(self.blocks(language)), encoding="utf-8")
        return path
