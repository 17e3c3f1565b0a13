"""Runs what is measured in separate processes, and reads their time and memory from the system."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

_STATUS = Path("/proc/self/status")
_EVERY = 0.02  # seconds between two measurements of a process


class FailedError(RuntimeError):
    """The process ended with an error; the message has the last line of its output."""


def peak_memory() -> int:
    """Return the largest resident set of this process so far, in bytes.

    On Linux it is `VmHWM`, because `ru_maxrss` starts with the value of the parent process.
    """
    if _STATUS.exists() and (peak := _peak_of(_STATUS)):
        return peak
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run(module: str, *arguments: str) -> str:
    """Run a module of this folder with this Python, and return the last line of its output.

    Raises:
        FailedError: if it fails.
    """
    ended = subprocess.run(  # noqa: S603 - this Python, and a module from here
        [sys.executable, "-m", module, *arguments],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        lines = ended.stderr.strip().splitlines() or ["it printed nothing"]
        raise FailedError(f"{module} ended with {ended.returncode}: {lines[-1][:300]}")
    return (ended.stdout.strip().splitlines() or [""])[-1]


@dataclass(frozen=True, slots=True)
class Used:
    """What a process and its children used.

    Attributes:
        cpu: seconds of processor time.
        after: those after the last event; None if no events were counted.
        wall: seconds from start to end.
        peak: largest resident set of the process itself, in bytes.
    """

    cpu: float
    after: float | None
    wall: float
    peak: int


def watched(
    arguments: Sequence[str], variables: dict[str, str], events: Callable[[], int] | None = None
) -> Used:
    """Run this Python and measure what it uses; Linux only.

    Args:
        arguments: the arguments of Python.
        variables: environment variables to set; those of this project and of Dagster are not inherited.
        events: returns the number of events so far; the last event is noticed within 20 ms.

    Raises:
        FailedError: if it fails.
    """
    inherited = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith("PIPEDRIVE_") and name != "DAGSTER_HOME"
    }
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = time.monotonic()
        child = subprocess.Popen(  # noqa: S603 - this Python
            [sys.executable, *arguments], env={**inherited, **variables}, stdout=out, stderr=err
        )
        peak, until_the_last, happened = 0, 0.0, 0
        while not os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            peak = max(peak, _peak_of(Path(f"/proc/{child.pid}/status")))
            if events is not None and (number := events()) != happened:
                happened, until_the_last = number, _cpu_of(child.pid)
            time.sleep(_EVERY)
        wall = time.monotonic() - started
        cpu = _cpu_of(child.pid)
        if child.wait():
            err.seek(0)
            lines = err.read().strip().splitlines() or ["it printed nothing"]
            raise FailedError(f"{' '.join(arguments)} ended with {child.returncode}: {lines[-1][:300]}")
    return Used(cpu, cpu - until_the_last if happened else None, wall, peak)


def _peak_of(status: Path) -> int:
    """Return the largest resident set of a process so far, in bytes; 0 after it has ended."""
    for line in status.read_text(encoding="ascii").splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    return 0


def _cpu_of(pid: int) -> float:
    """Return the seconds of processor time of a process and of its ended children."""
    fields = Path(f"/proc/{pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11:15])) / os.sysconf("SC_CLK_TCK")
