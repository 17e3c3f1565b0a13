"""Kills commands at random system calls, then lets them finish, and compares the results.

In a round the story is played in a copy of the home, and before each command is let end it is killed some
times. Afterwards every published table equals that of a copy in which nothing was killed, nothing temporary
is left in the home but what the next night removes, and no command but the killed ones has failed.
"""

from __future__ import annotations

import os
import random
import shutil
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from published import Row, differing

from attacks.ready import ANY, CHANGING, KILLED, Ready
from attacks.stage import STORY, Stage, Step, staged
from pipedrive_graph.config import leftovers

LEFT_OVER = {".tmp", ".wal", ".ndjson"}
"""Suffixes of temporary files of a running command; journals also have them, in `journal`."""


@dataclass
class Kills:
    """The result of an attack.

    Attributes:
        killed: how often each command was killed.
        spared: how often a command had ended before the call at which it was to be killed.
        losses: a sentence for each thing that went wrong, with the seed that repeats it.
    """

    killed: Counter[str] = field(default_factory=Counter)
    spared: int = 0
    losses: list[str] = field(default_factory=list)

    @property
    def tries(self) -> int:
        return self.killed.total()


@dataclass(frozen=True)
class Undisturbed:
    """The story without kills: its tables, and both kinds of system calls of each step."""

    tables: dict[str, list[Row]]
    calls: dict[tuple[Step, str], list[str]]


def undisturbed(stage: Stage, ready: Ready) -> Undisturbed:
    """Run the story in two home folders, check that they are equal, and record the calls."""
    calls, seen = {}, []
    for kind in (CHANGING, ANY):
        copy = stage.copy(stage.home.parent / f"undisturbed-{'any' if kind == ANY else 'changing'}")
        for step in STORY:
            told, calls[step, kind] = ready.record(copy.environment(step), kind, *copy.arguments(step))
            assert told.code == 0, (step.name, told)
        seen.append(copy.seen())
    assert differing(*seen) == {}
    return Undisturbed(seen[0], calls)


def play(stage: Stage, ready: Ready, expected: Undisturbed, seed: int, result: Kills) -> None:
    """Run one round."""
    chance = random.Random(seed)  # noqa: S311 - chance that can be repeated
    copy = stage.copy(stage.home.parent / f"round-{seed}")
    for step in STORY:
        kills = chance.choice(step.kills)
        for tried in range(kills):
            if step.is_done and step.is_done(copy):
                break
            kind = chance.choice((CHANGING, CHANGING, ANY))
            calls = expected.calls[step, kind]
            place = chance.randrange(len(calls))
            environment = copy.environment(step, tried=tried)
            told = ready.kill(environment, calls, place, *copy.arguments(step))
            if told.code == KILLED:
                result.killed[step.name] += 1
            else:
                result.spared += 1
            copy.snapshots()
        if step.is_done and step.is_done(copy):
            continue
        told = ready.run(copy.environment(step, tried=kills), *copy.arguments(step))
        if told.code != 0:
            result.losses.append(f"seed {seed}: {step.name} ended with {told.code}: {told.err.strip()}")
    for name, (here, there) in differing(copy.seen(), expected.tables).items():
        result.losses.append(f"seed {seed}: table {name} has {here} instead of {there}")
    _remove_leftovers(copy)
    left = [
        str(path.relative_to(copy.home))
        for path in copy.home.rglob("*")
        if path.suffix in LEFT_OVER and path.parent.name != "journal"
    ]
    if left:
        result.losses.append(f"seed {seed}: left over are {', '.join(sorted(left))}")
    if not any(loss.startswith(f"seed {seed}:") for loss in result.losses):
        shutil.rmtree(copy.home)


def _remove_leftovers(stage: Stage) -> None:
    """Remove the files that a killed command left, as a build two hours later does."""
    earlier = time.time() - 2 * leftovers.OLD
    for path in stage.home.rglob("*"):
        os.utime(path, (earlier, earlier))
    leftovers.remove(stage.installation.settings, ["default"])


def attack(folder: Path, *, tries: int, seed: int = 1) -> Kills:
    """Run rounds until the given number of kills is reached."""
    result = Kills()
    with staged(folder) as stage, Ready(folder / "ready") as ready:
        expected = undisturbed(stage, ready)
        while result.tries < tries:
            play(stage, ready, expected, seed, result)
            seed += 1
    return result
