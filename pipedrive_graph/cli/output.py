"""Makes stdout and stderr safe to write to, whatever they are: closed, a broken pipe, or not UTF-8.

What a command has done counts, and not whether somebody reads all of what it prints. So output that nobody
reads any more is dropped, and a character that the encoding lacks is replaced.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO


class Output:
    """A text stream on which writing never fails.

    It offers no `buffer`, so that no library writes bytes past it.

    Attributes:
        is_closed: whether the reader has closed the pipe; what is written then is dropped.
        error: what else kept the output from being written, such as a full disk.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_closed = False
        self.error: OSError | None = None

    def write(self, text: str | bytes) -> int:
        """Write a text, unless nothing can be written any more; Click writes bytes where a shell reads it."""
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Write what is buffered."""
        self._attempt(self._stream.flush)

    def __getattr__(self, name: str) -> object:
        if name == "buffer":
            raise AttributeError(name)
        return getattr(self._stream, name)

    def _attempt(self, action: Callable[[], object]) -> None:
        if self.is_closed or self.error is not None:
            return
        try:
            action()
        except BrokenPipeError:
            self.is_closed = True
        except OSError as error:
            self.error = error
        else:
            return
        self._discard()

    def _discard(self) -> None:
        """Let what is buffered go nowhere: Python writes it once more at its end."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def secure() -> None:
    """Replace stdout and stderr by streams on which writing never fails."""
    for descriptor in (0, 1, 2):  # a database that got the number of a closed stdout would be written over
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        stream.reconfigure(errors="replace")
        setattr(sys, name, Output(stream))


def reader_is_gone() -> bool:
    """Whether nobody reads stdout any more, as after `| head -1`: further output is not worth computing."""
    stdout: object = sys.stdout  # in tests it is another stream
    return isinstance(stdout, Output) and stdout.is_closed


def lost() -> OSError | None:
    """Write what is buffered; return why output was lost, where its reader is not the reason."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    stdout: object = sys.stdout
    return stdout.error if isinstance(stdout, Output) else None
