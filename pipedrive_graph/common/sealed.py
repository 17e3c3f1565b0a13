"""Records with a digest of themselves, so that a damaged file is noticed when it is read."""

from __future__ import annotations

import hashlib
from typing import ClassVar, Self

from pydantic import BaseModel


class Sealed(BaseModel):
    """A record with a field for the sha256 of all its other fields, as JSON.

    Attributes:
        SEAL: the name of that field.
    """

    SEAL: ClassVar[str] = "sha256"

    @property
    def digest(self) -> str:
        """The sha256 of all other fields."""
        return hashlib.sha256(self.model_dump_json(exclude={self.SEAL}).encode()).hexdigest()

    def sealed(self) -> Self:
        """Return a copy of the record with its digest."""
        return self.model_copy(update={self.SEAL: self.digest})
