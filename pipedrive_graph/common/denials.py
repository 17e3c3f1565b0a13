"""Says in a sentence that the system forbids a file to this process, whichever library repeats it.

Such a file may be as it should be: nobody is to take it for damaged, restore it or make it again.
"""

from __future__ import annotations

import errno
import os
import re
from pathlib import Path

from pipedrive_graph.common import files
from pipedrive_graph.errors import LandingError

_FORBIDDEN = (errno.EACCES, errno.EPERM, errno.EROFS)
"""What the system says where the file may be as it should be, and this process may not use it."""


def forbidden(path: Path | None, error: BaseException) -> LandingError | None:
    """The sentence where an error says that the system forbids it; None where it says something else.

    Args:
        path: the file that is meant where the error does not name one; DuckDB may name a write-ahead log.
        error: of the system, or of a library that repeats what the system says.
    """
    if isinstance(error, OSError):
        number = error.errno if error.errno in _FORBIDDEN else None
        named = error.filename
    else:
        number = next((one for one in _FORBIDDEN if os.strerror(one) in str(error)), None)
        quoted = re.search(r'"(/[^"]+)"', str(error))
        named = quoted[1] if quoted else None
    file = Path(os.fsdecode(named)) if isinstance(named, str | bytes) else path
    if number is None or file is None:
        return None
    return LandingError(f"Cannot open {file}: {files.reason(file, OSError(number, os.strerror(number)))}.")
