"""Keeps tokens out of everything that is written down: texts, documents, log records."""

from __future__ import annotations

import json
import logging
from urllib.parse import quote, quote_plus

MASK = "[token]"

_SHORTEST = 8
"""What is shorter is no secret, and would be found in half of all words."""


class Redaction:
    """Replaces secrets by a mask, in each of the forms in which they may be met."""

    __slots__ = ("_bytes", "_forms")

    def __init__(self, *secrets: str) -> None:
        self._forms: list[str] = []
        self._bytes: list[bytes] = []
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Learn further secrets; those known before stay secret."""
        forms = set(self._forms)
        for token in secrets:
            forms |= {token, quote(token, safe=""), quote_plus(token), json.dumps(token)[1:-1]}
            forms |= {quote(token, safe="").lower(), quote(token)}
        kept = [form for form in forms if len(form) >= _SHORTEST]
        self._forms = sorted(kept, key=len, reverse=True)
        self._bytes = [form.encode() for form in self._forms]

    def concerns(self, body: bytes) -> bool:
        """Whether a secret stands in `body`."""
        return any(form in body for form in self._bytes)

    def text(self, text: str) -> str:
        """Return `text` without the secrets."""
        for form in self._forms:
            text = text.replace(form, MASK)
        return text

    def document(self, value: object) -> object:
        """Return a JSON document without the secrets, whether in its strings or in its names."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.document(entry) for entry in value]
        if isinstance(value, dict):
            return {self.text(name): self.document(entry) for name, entry in value.items()}
        return value


class RedactingFilter(logging.Filter):
    """Masks secrets in what a logger of somebody else's library is about to write."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def filter(self, record: logging.LogRecord) -> bool:
        """Rewrite the record; it is always kept."""
        message = record.getMessage()
        redacted = self._redaction.text(message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True
