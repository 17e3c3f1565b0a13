"""Keeps tokens out of everything that is written: texts, documents, log records.

A server may return a token in another encoding. So texts are also searched after decoding nested JSON
escapes, HTML entities and percent-encoding, and each secret is also searched for in base64.
"""

from __future__ import annotations

import base64
import html
import logging
import re
from urllib.parse import unquote_to_bytes
from weakref import WeakSet

MASK = "[token]"

_SHORTEST = 8
"""A shorter text is not a secret; it would occur in half of all words."""

_LAYERS = 8
"""How many nested encodings are decoded; a text with more of them is masked as a whole."""

_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|(["/bfnrt]))')
_LETTERS = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t"}
_PERCENT_U = re.compile(r"%u([0-9A-Fa-f]{4})")
_PIECE = "[A-Za-z0-9+/_-]?"  # a character of base64 with a part of the secret's first or last byte


class Redaction:
    """Replaces secrets by a mask, in any encoding."""

    __slots__ = ("__weakref__", "_base64", "_bytes", "_secrets", "_texts")

    def __init__(self, *secrets: str) -> None:
        _in_use.add(self)
        self._secrets: set[str] = set()
        self._texts: list[str] = []
        self._bytes: list[bytes] = []
        self._base64: re.Pattern[str] | None = None
        self.add(*secrets)

    def add(self, *secrets: str) -> None:
        """Add secrets; earlier ones are still masked."""
        self._secrets |= {secret for secret in secrets if len(secret) >= _SHORTEST}
        texts = self._secrets | {_decoded(secret) or secret for secret in self._secrets}
        codes = sorted({code for text in self._secrets for code in _base64_of(text)}, key=len, reverse=True)
        self._texts = sorted((text for text in texts if len(text) >= _SHORTEST), key=len, reverse=True)
        self._bytes = [text.encode() for text in (*self._texts, *codes)]
        if codes:
            # e-mail programs break base64 into lines
            broken = "|".join(r"\s*".join(map(re.escape, code)) for code in codes)
            self._base64 = re.compile(f"{_PIECE}(?:{broken}){_PIECE}")

    def concerns(self, body: bytes) -> bool:
        """Whether `body` contains a secret, encoded or not.

        Most bodies contain hardly anything that could be an encoding; for these, a few searches suffice.
        """
        if self._occurs_in(body):
            return True
        if b"\\" not in body and b"%" not in body and b"&" not in body and b"\0" not in body:
            return False
        decoded = _decoded(body.decode("utf-8", "replace"))
        return decoded is None or self._occurs_in(decoded.encode("utf-8", "replace"))

    def text(self, text: str) -> str:
        """Return `text` without the secrets; a text with an encoded secret is decoded first."""
        text = self._masked(text)
        decoded = _decoded(text)
        if decoded is None:
            return MASK
        if decoded != text and (masked := self._masked(decoded)) != decoded:
            return masked
        return text

    def document(self, value: object) -> object:
        """Return a JSON document without the secrets in its strings, numbers and names."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, list):
            return [self.document(entry) for entry in value]
        if isinstance(value, dict):
            return {self.text(name): self.document(entry) for name, entry in value.items()}
        if isinstance(value, int | float) and self._occurs_in(repr(value).encode()):
            return MASK
        return value

    def _occurs_in(self, body: bytes) -> bool:
        if any(form in body for form in self._bytes):
            return True
        compact = b"".join(body.split()) if b"\n" in body or b"\r" in body else body
        return compact is not body and any(form in compact for form in self._bytes)

    def _masked(self, text: str) -> str:
        for secret in self._texts:
            text = text.replace(secret, MASK)
        return self._base64.sub(MASK, text) if self._base64 else text


_in_use: WeakSet[Redaction] = WeakSet()
"""Every redaction of this process that is in use."""


def masked(value: object) -> object:
    """Return a text or JSON document without any secret that is in use in this process."""
    for redaction in list(_in_use):
        value = redaction.document(value)
    return value


class RedactingFilter(logging.Filter):
    """Masks secrets in the log records of a library."""

    def __init__(self, redaction: Redaction) -> None:
        super().__init__()
        self._redaction = redaction

    def filter(self, record: logging.LogRecord) -> bool:
        """Mask the record; it is never dropped."""
        message = record.getMessage()
        redacted = self._redaction.text(message)
        if redacted != message:
            record.msg, record.args = redacted, ()
        return True


def _decoded(text: str) -> str | None:
    """Return a fully decoded text; None if it has more than `_LAYERS` nested encodings."""
    for _ in range(_LAYERS):
        before = text
        if "\0" in text:  # UTF-16 that was read as UTF-8
            text = text.replace("\0", "")
        # all JSON escapes first: an entity with escaped digits would be decoded only in part
        text = _without_escapes(text)
        if "&" in text:
            text = html.unescape(text)
        if "%" in text:
            text = _PERCENT_U.sub(_unescaped, text)
            text = unquote_to_bytes(text.encode("utf-8", "replace")).decode("utf-8", "replace")
        if text == before:
            return text
    return None


def _without_escapes(text: str) -> str:
    """Return a text with all nested JSON escapes decoded."""
    for _ in range(_LAYERS):
        if "\\" not in text:
            break
        before = text
        text = text.replace(r"\\", "\0")
        text = _ESCAPE.sub(_unescaped, text).replace("\0", "\\")
        if text == before:
            break
    return text


def _unescaped(match: re.Match[str]) -> str:
    if match[1]:
        return chr(int(match[1], 16))
    return _LETTERS.get(match[2], match[2])


def _base64_of(secret: str) -> set[str]:
    """Return the codes that the base64 of any text with the secret contains, in both alphabets.

    The text before the secret shifts it by 0, 1 or 2 bytes; the first and the last character are left out if
    they also encode bits of neighbouring bytes.
    """
    codes = set()
    for shift in range(3):
        content = bytes(shift) + secret.encode()
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            code = encode(content + bytes(2)).decode()
            codes.add(code[-(-8 * shift // 6) : 8 * len(content) // 6])
    return codes
