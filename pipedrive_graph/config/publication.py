"""Where the published file goes: written beside what readers have open, and put in its place in one step.

`PublishedFile` keeps it as a file of the home folder. Another place, such as an object store, is another
implementation of `Publication`, and nothing that publishes changes.
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
        """How messages name it."""

    def temporary(self) -> Path:
        """The local path at which a new file is to be written; whatever lies there may be replaced."""

    def put_in_place(self, temporary: Path) -> None:
        """Give a finished file to the readers, in place of the earlier one.

        Raises:
            OSError: if that cannot be done; the earlier file stays.
        """


@dataclass(frozen=True, slots=True)
class PublishedFile:
    """A file that readers open: who has the old one open keeps it until they close it.

    Attributes:
        target: its path.
        access: who may read it; None for its owner alone.
    """

    target: Path
    access: OutputAccess | None = None

    def temporary(self) -> Path:
        """A path in the same folder, so that one rename puts the file in place."""
        return files.temporary_for(self.target)

    def put_in_place(self, temporary: Path) -> None:
        """Rename the file; it has its group and mode before it has its name."""
        if self.access is not None:
            self.access.prepare(temporary, self.target)
        # the write-ahead log that a replaced file has left behind would spoil the new one
        self.target.with_name(f"{self.target.name}.wal").unlink(missing_ok=True)
        files.put_in_place(temporary, self.target)
        if self.access is not None:
            self.access.apply()  # to what earlier settings, or somebody's hand, have left otherwise
