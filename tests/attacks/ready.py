"""Starts commands without waiting for their imports, and kills them at a given system call."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from types import TracebackType

import pytest
from installation import CommandResult

CHANGING = (
    "write,pwrite64,writev,pwritev,fsync,fdatasync,rename,renameat,renameat2,unlink,unlinkat,rmdir,mkdir,"
    "mkdirat,ftruncate,truncate,link,linkat,symlink,chmod,fchmod,fchmodat"
)
"""The system calls that change files; a kill happens before the call is executed."""

ANY = "all"
"""All system calls."""

KILLED = -9


@dataclass(frozen=True)
class Order:
    """One order to the fork server.

    Attributes:
        arguments: of the command line.
        environment: all variables of the process.
        out, err, log: the files for what it prints, and for strace.
        traced: whether strace follows it.
        calls: the system calls that strace reports, as it names them.
        user: the id of the user to become; 0 stays root.
        groups: the ids of that user's groups, the primary one first.
        kill_at: the number of such a call, from 1, before which the thread that makes it is killed, and its
            process with it; 0 is never. strace counts each name by itself.
    """

    arguments: list[str]
    environment: Mapping[str, str]
    out: str
    err: str
    log: str
    traced: bool = False
    calls: str = CHANGING
    kill_at: int = 0
    user: int = 0
    groups: tuple[int, ...] = ()


class Ready:
    """A fork server, and the folder for the output of its commands."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __enter__(self) -> Ready:
        self.folder.mkdir(parents=True, exist_ok=True)
        here = Path(__file__)
        self._server = subprocess.Popen(
            [sys.executable, "-m", "attacks.fork_server"],
            cwd=here.parent.parent,
            env={**os.environ, "PYTHONPATH": f"{here.parents[2]}:{here.parents[1]}"},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._answer() == "ready\n"
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.communicate()

    def run(self, environment: Mapping[str, str], *arguments: str) -> CommandResult:
        """Run a command to its end."""
        return self._carry_out(self._order(environment, arguments))

    def run_as(
        self, user: int, groups: tuple[int, ...], environment: Mapping[str, str], *arguments: str
    ) -> CommandResult:
        """Run a command to its end as another user; the imports were done as root."""
        return self._carry_out(replace(self._order(environment, arguments), user=user, groups=groups))

    def record(
        self, environment: Mapping[str, str], calls: str, *arguments: str
    ) -> tuple[CommandResult, list[str]]:
        """Run a command to its end; also return the names of the system calls of its first thread."""
        order = replace(self._order(environment, arguments), traced=True, calls=calls)
        told = self._carry_out(order)
        log = Path(order.log).read_text(errors="replace")
        return told, re.findall(rf"^{self._process} +(\w+)\(", log, flags=re.MULTILINE)

    def kill(
        self, environment: Mapping[str, str], recorded: Sequence[str], place: int, *arguments: str
    ) -> CommandResult:
        """Run a command and kill it at one of the recorded system calls; its exit code is then -9."""
        call = recorded[place]
        order = self._order(environment, arguments)
        kill_at = recorded[: place + 1].count(call)
        return self._carry_out(replace(order, traced=True, calls=call, kill_at=kill_at))

    def _order(self, environment: Mapping[str, str], arguments: tuple[str, ...]) -> Order:
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
        out, err, log = (str(self.folder / name) for name in ("out", "err", "log"))
        return Order([*arguments], {**kept, **environment}, out, err, log)

    def _carry_out(self, order: Order) -> CommandResult:
        assert self._server.stdin is not None
        self._server.stdin.write(json.dumps(asdict(order)) + "\n")
        self._server.stdin.flush()
        result = json.loads(self._answer())
        self._process = str(result["process"])
        return CommandResult(
            result["code"],
            Path(order.out).read_text(errors="replace") if Path(order.out).exists() else "",
            Path(order.err).read_text(errors="replace") if Path(order.err).exists() else "",
        )

    def _answer(self) -> str:
        assert self._server.stdout is not None
        return self._server.stdout.readline()


def _can_trace() -> bool:
    """Whether strace is installed and can attach to a process."""
    return bool(shutil.which("strace")) and (
        subprocess.run(["strace", "-o", os.devnull, "true"], capture_output=True, check=False).returncode == 0
    )


ATTACK = [
    pytest.mark.slow,
    pytest.mark.timeout(2_400),
    pytest.mark.skipif(not _can_trace(), reason="strace is not there, or may not follow processes"),
]
"""The marks of a test that runs attacks."""
