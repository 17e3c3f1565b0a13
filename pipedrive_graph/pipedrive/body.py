"""Parses the body of a response into one line of valid JSON and its value; pure functions of the bytes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn

_KEPT = 2_000  # characters that are kept of a body that is not JSON
_MOST_VALUES = 4_000_000  # ten times a large company's list; each parsed value takes up to 200 bytes
_NAME = 80  # characters of a field's name in a message
# Within a JSON document these characters occur only in strings, so escaping them changes no value.
_UNICODE_BREAKS = {"\u2028": r"\u2028", "\u2029": r"\u2029", "\x85": r"\u0085"}
_ESCAPES = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


class UnusableError(ValueError):
    """The body cannot be used; the message says where and why."""


def one_line(body: bytes) -> tuple[str, object]:
    """Return `body` as one line of JSON, and its value.

    The bytes are kept, except line breaks, a byte order mark, and escapes of half a surrogate pair: these
    are not characters, and strict parsers refuse the whole document because of one of them.

    Raises:
        UnusableError: if the body is not JSON (NaN, Infinity and bytes that are not UTF-8 are not), or an
            object has a field twice, or there are so many values that parsing would exhaust the memory.
    """
    try:
        text = body.decode("utf-8-sig").strip(" \t\r\n")
        # Raw line breaks are not allowed in JSON's strings, so these are between tokens.
        text = text.replace("\r", " ").replace("\n", " ")
        for character, escape in _UNICODE_BREAKS.items():
            text = text.replace(character, escape)
        if r"\ud" in text or r"\uD" in text:
            text = _ESCAPES.sub(lambda match: r"\ufffd" if match[1] else match[0], text)
        _check_values(text)
        return text, json.loads(text, parse_constant=_no_number, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise UnusableError("the body is not UTF-8") from None
    except UnusableError:
        raise
    except (ValueError, RecursionError):
        raise UnusableError("the body is not JSON" if body.strip() else "the body is empty") from None


def _check_values(text: str) -> None:
    if text.count(",") >= _MOST_VALUES:
        raise UnusableError(f"the body holds more than {_MOST_VALUES:,} values")


def as_json_string(body: bytes, redacted: Callable[[str], str] = str) -> str:
    """Return a body that is not JSON as a JSON string of at most 2,000 characters, or `null`.

    Args:
        body: the body.
        redacted: masks secrets in a text; applied before cutting, or a part of a secret could remain.
    """
    if not body.strip():
        return "null"
    return json.dumps(redacted(body[: 32 * _KEPT].decode("utf-8", "replace").strip())[:_KEPT])


def error_message(payload: object) -> str | None:
    """Return the message in an error's body, on one line; Pipedrive uses several names for this field."""
    if isinstance(payload, dict):
        for name in ("error", "message", "error_info"):
            if isinstance(message := payload.get(name), str) and message.strip():
                return " ".join(message.split())[:200]
    return None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object with a duplicate field: choosing one of its values would be a guess."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise UnusableError(f"the field {name[:_NAME]!r} appears twice")
            names.add(name)
    return fields


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
