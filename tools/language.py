"""Counts phrases of a private dialect in the code, the SQL, the docs and the templates; `make lint` runs it.

The guide is in CONTRIBUTING.md, "Plain English". A count is per 10,000 lines, and each has a bar: a few uses
are right, many are a habit. With `--list`, every line that counts is printed.
"""

from __future__ import annotations

import re
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
COUNTED = ("pipedrive_graph/", "sql/", "docs/", "deploy/", "examples/", "tools/docs/")
PAGES = {"README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md"}
SUFFIXES = {".py", ".sql", ".md", ".toml", ".html", ".jinja", ".j2", ".css", ".js"}


@dataclass(frozen=True, slots=True)
class Phrase:
    """Words that are counted.

    Attributes:
        name: how the report names them.
        pattern: what is searched for.
        most: how many there may be per 10,000 lines.
    """

    name: str
    pattern: re.Pattern[str]
    most: float


PHRASES = (
    Phrase("told, tell, tells", re.compile(r"\b(?:told|tells?)\b", re.IGNORECASE), 10),
    Phrase(
        "is no X",
        re.compile(
            r"\b(?:is|are|be|was|were) no (?!longer\b|more than\b|less than\b|later\b)", re.IGNORECASE
        ),
        5,
    ),
    Phrase("whom, anew, tonight", re.compile(r"\b(?:whom|anew|tonight)\b", re.IGNORECASE), 2),
)


def main() -> int:
    """Print the counts; return 1 if one is over its bar."""
    listed = "--list" in sys.argv[1:]
    only = [argument for argument in sys.argv[1:] if not argument.startswith("--")]
    lines = 0
    hits: dict[str, list[str]] = {phrase.name: [] for phrase in PHRASES}
    for name in _files(only):
        for number, line in enumerate((ROOT / name).read_text(encoding="utf-8").splitlines(), 1):
            lines += 1
            for phrase in PHRASES:
                hits[phrase.name] += [f"{name}:{number}: {line.strip()}"] * len(phrase.pattern.findall(line))
    over = False
    for phrase in PHRASES:
        count = len(hits[phrase.name])
        rate = count * 10_000 / max(lines, 1)
        over = over or rate > phrase.most
        if listed:
            sys.stdout.write("".join(f"{hit}\n" for hit in hits[phrase.name]))
        sys.stdout.write(
            f"{phrase.name}: {count} in {lines} lines, {rate:.1f} per 10,000 (at most {phrase.most:g})\n"
        )
    return 1 if over else 0


def _files(only: list[str]) -> list[str]:
    """The names of the files that count, below the given folders or everywhere."""
    listing = subprocess.run(
        ["git", "ls-files"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.splitlines()
    return [
        name
        for name in listing
        if (name in PAGES or (name.startswith(COUNTED) and Path(name).suffix in SUFFIXES))
        and (not only or name.startswith(tuple(only)))
    ]


if __name__ == "__main__":
    raise SystemExit(main())
