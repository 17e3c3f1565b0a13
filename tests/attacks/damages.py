"""Damages one file of a home folder, as disks and people do, and runs commands on it.

Whatever is damaged, no command ends with exit code 0 and published tables that differ from those of a home
in which nothing was damaged, and none ends with a traceback. `verify` notices every damage to what cannot be
made again: the landing, the journals, and what they name.
"""

from __future__ import annotations

import random
import shutil
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from published import Row, differing

from attacks.ready import CHANGING, KILLED, Ready
from attacks.stage import STORY, Stage, Step, staged

Damage = Callable[[bytes, random.Random], bytes | None]


def flipped(content: bytes, chance: random.Random) -> bytes:
    """Flip one bit."""
    if not content:
        return b"\x00"
    place = chance.randrange(len(content))
    return content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]


def cut(content: bytes, chance: random.Random) -> bytes:
    """Cut off the end."""
    return content[: chance.randrange(len(content))] if content else b""


def emptied(_: bytes, __: random.Random) -> bytes:
    """Empty the file."""
    return b""


def zeroed(content: bytes, chance: random.Random) -> bytes:
    """Overwrite a block with zeros, as after a power cut."""
    start = chance.randrange(len(content)) // 512 * 512 if content else 0
    return content[:start] + bytes(len(content[start : start + 512])) + content[start + 512 :]


def halved(content: bytes, _: random.Random) -> bytes:
    """Remove every second line; for a file without lines, the second half."""
    lines = content.splitlines(keepends=True)
    return b"".join(lines[::2]) if len(lines) > 1 else content[: len(content) // 2]


def removed(_: bytes, __: random.Random) -> None:
    """Delete the file."""


DAMAGES: tuple[Damage, ...] = (flipped, flipped, cut, emptied, zeroed, halved, removed)

NOT_ALERTED = 6
"""Exit code of a run without an error, but with an alert that could not be sent."""

SYNC = Step(("sync", "--json"), "2026-11-17T02:40:00Z")
REBUILD = Step(("rebuild",), "2026-11-17T03:00:00Z")
VERIFY = Step(("verify",), "2026-11-17T03:20:00Z")

DERIVED = {"warehouse.duckdb", "identity_graph.duckdb", "alerts", "runs", "cache", ".seed"}
"""Files that can be rebuilt or are copies; `verify` need not notice every damage of them."""

EDITED = {"roster.csv", "alerts.toml", "waivers.toml", "first.csv", "second.xlsx", "decided.csv"}
"""Files that people write: a damage may be a valid change, so it can change the findings."""


@dataclass
class Damages:
    """The result of an attack.

    Attributes:
        done: how often a kind of file was damaged.
        refused: how often a command refused, with a sentence.
        healed: how often commands ended with 0 and the right tables.
        losses: a sentence for each thing that went wrong, with the seed that repeats it.
    """

    done: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    healed: int = 0
    losses: list[str] = field(default_factory=list)


def kind(path: Path) -> str:
    """The kind of a file: its path without the names of snapshots, companies and reviews."""
    parts = [part for part in path.parts if not part[:8].isdigit()]
    return "/".join("…" if len(part) > 40 else part for part in parts)


def play(stage: Stage, ready: Ready, expected: dict[str, list[Row]], seed: int, result: Damages) -> None:
    """Damage one file in a copy of the home folder, and run commands."""
    chance = random.Random(seed)  # noqa: S311 - chance that can be repeated
    copy = stage.copy(stage.home.parent / f"damage-{seed}")
    files: dict[str, list[Path]] = {}
    for path in sorted(copy.home.rglob("*")):
        name = path.relative_to(copy.home)
        if (
            path.is_file()
            and not path.name.endswith(".lock")
            and name.parts[0] not in EDITED | {"reports", "exports"}
        ):
            files.setdefault(kind(name), []).append(path)
    what = sorted(files)[seed % len(files)]
    path = chance.choice(files[what])
    damage = chance.choice(DAMAGES)
    before = path.read_bytes()
    after = damage(before, chance)
    if after == before:
        after = flipped(before, chance)
    if after is None:
        path.unlink()
    else:
        path.write_bytes(after)
    result.done[what] += 1
    case = f"seed {seed}: {path.relative_to(copy.home)} {damage.__name__}"

    verified = ready.run(copy.environment(VERIFY), *copy.arguments(VERIFY))
    derived = bool(DERIVED & {*path.relative_to(copy.home).parts})
    if verified.code == 0 and not derived and not _is_draft(path):
        result.losses.append(f"{case}: verify ended with 0")
    for step in (SYNC, REBUILD):
        told = ready.run(copy.environment(step), *copy.arguments(step))
        lines = [line for line in told.err.splitlines() if not line.startswith("Warning: ")]
        if told.code == 0:
            differences = differing(copy.seen(), expected)
            if differences:
                result.losses.append(f"{case}: {step.name} ended with 0, and {differences}")
            else:
                result.healed += 1
        elif len(lines) != (told.code != NOT_ALERTED) or "Unexpected" in told.err or "Traceback" in told.err:
            result.losses.append(f"{case}: {step.name} ended with {told.code}: {told.err.strip()}")
        else:
            result.refused += 1
    if not any(case in loss for loss in result.losses):
        shutil.rmtree(copy.home)


def _is_draft(path: Path) -> bool:
    """Whether a file belongs to an unfinished snapshot, which is collected again."""
    return (path.parent / "draft.json").exists() or path.name == "draft.json"


def attack(folder: Path, *, tries: int, seed: int = 1) -> Damages:
    """Damage files, one at a time, in a home folder in the middle of its third run."""
    result = Damages()
    with staged(folder) as stage, Ready(folder / "ready") as ready:
        for step in STORY:
            if step.name == "sync":
                break
            told = ready.run(stage.environment(step), *stage.arguments(step))
            assert told.code == 0, (step.name, told)
        # of the third night's answers a third is read
        told, calls = ready.record(
            (whole := stage.copy(folder / "whole")).environment(SYNC), CHANGING, "sync"
        )
        assert told.code == 0, told
        told = ready.kill(stage.environment(SYNC), calls, len(calls) // 6, "sync")
        assert told.code == KILLED, told
        assert list(stage.home.glob("landing/*/*/draft.json"))
        expected = whole.seen()
        for number in range(seed, seed + tries):
            play(stage, ready, expected, number, result)
    return result
