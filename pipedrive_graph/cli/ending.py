"""Ends the process at once, without taking apart what the system frees anyhow."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn


def end(code: int) -> NoReturn:
    """End the process with an exit code; what is written and buffered has been flushed by the caller.

    Taking apart some 100,000 objects and as many as a company has users costs more than half a second.
    Functions that are registered to run at the end are run; where a thread must end first, or somebody
    looks at the whole process (a profiler, a debugger, Python's development mode), Python ends as usual.
    """
    if _is_awaited():
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - Python has no other way to run them
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _is_awaited() -> bool:
    """Whether something goes on after the command, or observes how the process ends."""
    threads = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    observed = sys.getprofile() or sys.gettrace() or sys.flags.dev_mode or sys.flags.inspect
    return bool(observed) or any(not thread.daemon for thread in threads)
