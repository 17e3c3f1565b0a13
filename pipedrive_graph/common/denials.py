"""Recognises errors that deny this process access to a file, whichever library reports them.

Such a file may be intact: it must not be treated as damaged, restored or rebuilt.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from pipedrive_graph.common import files
from pipedrive_graph.errors import LandingError

_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
"""Errors for a file that may be intact although this process may not use it."""


def forbidden(path: Path | None, error: BaseException) -> LandingError | None:
    """Return the error to raise if access was denied; None for other errors.

    Args:
        path: the file, in case the error names none; DuckDB may name a write-ahead log.
        error: an error of the system, or of a library that quotes it.
    """
    if isinstance(error, OSError):
        number = error.errno if error.errno in _FORBIDDEN else None
        named = error.filename
    else:
        number = next((code for code in _FORBIDDEN if os.strerror(code) in str(error)), None)
        quoted = re.search(r'"(/[^"]+)"', str(error))
        named = quoted[1] if quoted else None
    file = Path(os.fsdecode(named)) if isinstance(named, str | bytes) else path
    if number is None or file is None:
        return None
    return LandingError(f"Cannot open {file}: {files.reason(file, OSError(number, os.strerror(number)))}.")
