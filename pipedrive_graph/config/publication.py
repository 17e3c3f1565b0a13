"""Publishes the file that users open: it is written beside the current one and replaces it in one step.

`PublishedFile` keeps it in the home folder. Another place, such as an object store, would be another
implementation of `Publication`; nothing else that publishes would change.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from pipedrive_graph.common import files
from pipedrive_graph.config.output_access import OutputAccess


class Publication(Protocol):
    """The place of the published file."""

    @property
    def target(self) -> Path:
        """Its location, for messages."""

    def temporary(self) -> Path:
        """Return the local path for a new file; an existing file there may be replaced."""

    def put_in_place(self, temporary: Path) -> None:
        """Replace the published file by a finished one.

        Raises:
            OSError: if that fails; the earlier file stays.
        """


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A local file; a reader who has the old one open keeps it until closing it.

    Attributes:
        target: its path.
        access: who may read it; None for its owner only.
    """

    target: Path
    access: OutputAccess | None = None

    def temporary(self) -> Path:
        """Return a path in the same folder, so that one rename publishes the file."""
        return files.temporary_for(self.target)

    def put_in_place(self, temporary: Path) -> None:
        """Set group and mode of the file, then rename it."""
        if self.access is not None:
            self.access.prepare(temporary, self.target)
        # a write-ahead log of the replaced file would corrupt the new one
        self.target.with_name(f"{self.target.name}.wal").unlink(missing_ok=True)
        files.put_in_place(temporary, self.target)
        if self.access is not None:
            self.access.apply()  # corrects the access of other output
