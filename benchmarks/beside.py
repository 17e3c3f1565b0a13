"""Runs a function in a separate process, so that it does not share a core with the measured one."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection


@contextmanager
def beside(function: Callable[..., None], *arguments: object) -> Iterator[Connection]:
    """Run a function in a separate process until the block ends.

    Args:
        function: takes the arguments and its end of a pipe; it must return when the pipe is closed.
        arguments: are pickled.

    Yields:
        This process's end of the pipe.
    """
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    process = context.Process(target=function, args=(*arguments, there), daemon=True)
    process.start()
    there.close()
    try:
        yield here
    finally:
        here.close()
        process.join(timeout=10)
        if process.is_alive():
            process.terminate()
