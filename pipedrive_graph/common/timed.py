"""Logs the steps of this program with their durations, for `--debug`."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def timed(log: logging.Logger, step: str, *, announced: bool = False) -> Iterator[None]:
    """Log how long the block takes, or the error with which it ends.

    Args:
        log: the logger of the calling module.
        step: what the block does, as the beginning of a sentence.
        announced: whether to log the beginning of the step as well.
    """
    if not log.isEnabledFor(logging.DEBUG):
        yield
        return
    if announced:
        log.debug("%s: started", step)
    began = time.monotonic()
    try:
        yield
    except BaseException as error:
        seconds = time.monotonic() - began
        log.debug(
            "%s: ended with %s after %.3f s",
            step,
            type(error).__name__,
            seconds,
            extra={"seconds": round(seconds, 3)},
        )
        raise
    seconds = time.monotonic() - began
    log.debug("%s: done in %.3f s", step, seconds, extra={"seconds": round(seconds, 3)})
