"""Ends the process quickly, without Python's clean-up of objects that the system frees anyway."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from typing import NoReturn


def end(code: int) -> NoReturn:
    """End the process with an exit code. The caller has flushed its output.

    Freeing 100,000 objects or more takes over half a second. Functions registered with atexit are run. If a
    thread must end first, or the process is observed (by a profiler, a debugger, or Python's development
    mode), Python ends as usual.
    """
    if _is_awaited():
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - Python has no other way to run them
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    os._exit(code)


def _is_awaited() -> bool:
    """Whether a thread outlives the command, or something observes the end of the process."""
    threads = [thread for thread in threading.enumerate() if thread is not threading.main_thread()]
    observed = sys.getprofile() or sys.gettrace() or sys.flags.dev_mode or sys.flags.inspect
    return bool(observed) or any(not thread.daemon for thread in threads)
