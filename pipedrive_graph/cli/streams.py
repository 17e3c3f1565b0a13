"""Makes writing to stdout and stderr safe even if they are closed, a broken pipe, or not UTF-8.

A command must not fail because its output is not read to the end. So output after the reader has gone is
dropped, and characters that the encoding lacks are replaced.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from typing import TextIO


class SafeStream:
    """A text stream whose writes never fail.

    It has no `buffer`, so that libraries cannot bypass it with bytes.

    Attributes:
        is_closed: whether the reader has closed the pipe; further output is dropped.
        error: another reason why output could not be written, such as a full disk.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self.is_closed = False
        self.error: OSError | None = None

    def write(self, text: str | bytes) -> int:
        """Write text while the stream works. Click writes bytes for shell completion."""
        if isinstance(text, bytes):
            text = text.decode(errors="replace")
        self._attempt(lambda: self._stream.write(text))
        return len(text)

    def flush(self) -> None:
        """Flush the buffer."""
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
        """Redirect to the null device: Python flushes the buffer once more when it ends."""
        with suppress(OSError, ValueError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, self._stream.fileno())
            os.close(nowhere)


def secure() -> None:
    """Replace stdout and stderr by streams whose writes never fail."""
    for descriptor in (0, 1, 2):  # a database file must not get the descriptor of a closed stdout
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open(os.devnull, os.O_RDWR), True)
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name) or open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        stream.reconfigure(errors="replace")
        setattr(sys, name, SafeStream(stream))


def reader_is_gone() -> bool:
    """Whether the reader of stdout is gone, as after `| head -1`; then output need not be computed."""
    stdout: object = sys.stdout  # in tests it is another stream
    return isinstance(stdout, SafeStream) and stdout.is_closed


def lost() -> OSError | None:
    """Flush the streams; return why output was lost, unless the reader closed the pipe."""
    for stream in (sys.stdout, sys.stderr):
        stream.flush()
    stdout: object = sys.stdout
    return stdout.error if isinstance(stdout, SafeStream) else None
