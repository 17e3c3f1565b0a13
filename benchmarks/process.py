"""Processes of their own for what is measured, and what the system says that they used."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

_STATUS = Path("/proc/self/status")


class FailedError(RuntimeError):
    """The process ended with an error; the message is the last thing it said."""


def peak_memory() -> int:
    """Return the largest resident set that this process has had, in bytes.

    Linux's `VmHWM` is asked for where it is there: `ru_maxrss` starts with what the parent had.
    """
    if _STATUS.exists():
        for line in _STATUS.read_text(encoding="ascii").splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def run(module: str, *arguments: str) -> str:
    """Run a module of this folder with this Python, and return the last line that it printed.

    Raises:
        FailedError: if it fails.
    """
    told = subprocess.run(  # noqa: S603 - this Python, and a module from here
        [sys.executable, "-m", module, *arguments],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        said = told.stderr.strip().splitlines() or ["it says nothing"]
        raise FailedError(f"{module} ended with {told.returncode}: {said[-1][:300]}")
    return (told.stdout.strip().splitlines() or [""])[-1]
