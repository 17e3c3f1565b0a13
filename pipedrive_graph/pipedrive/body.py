"""Reads the body of an answer, a pure function of its bytes: one line of valid JSON, and what it says."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import NoReturn

_KEPT = 2_000  # characters of a body that is no JSON
_MOST_VALUES = 4_000_000  # a large company's list has a tenth; each takes up to 200 bytes once it is read
_NAME = 80  # characters of a field's name in a message
# Within a JSON document these can stand in strings only, so escaping them changes no value.
_UNICODE_BREAKS = {"\u2028": r"\u2028", "\u2029": r"\u2029", "\x85": r"\u0085"}
_ESCAPES = re.compile(r"\\(?:u[dD][89abAB]..\\u[dD][c-fC-F]..|(u[dD][89a-fA-F]..)|.)", re.DOTALL)


class UnusableError(ValueError):
    """The body cannot be worked with; the message says where and why."""


def one_line(body: bytes) -> tuple[str, object]:
    """Return `body` as one line of JSON, and what it says.

    Bytes are kept but for line breaks, a byte order mark, and escapes of half a surrogate pair: those
    are no characters, and strict readers refuse the whole document for one of them.

    Raises:
        UnusableError: if the body is no JSON (NaN, Infinity and bytes that are no UTF-8 are none), or
            names a field twice, or it has so many values that reading it would take all the memory.
    """
    try:
        text = body.decode("utf-8-sig").strip(" \t\r\n")
        # Raw line breaks are not allowed in JSON's strings, so these stand between tokens.
        text = text.replace("\r", " ").replace("\n", " ")
        for character, escape in _UNICODE_BREAKS.items():
            text = text.replace(character, escape)
        if r"\ud" in text or r"\uD" in text:
            text = _ESCAPES.sub(lambda found: r"\ufffd" if found[1] else found[0], text)
        _check_values(text)
        return text, json.loads(text, parse_constant=_no_number, object_pairs_hook=_object)
    except UnicodeDecodeError:
        raise UnusableError("the body is no UTF-8") from None
    except UnusableError:
        raise
    except (ValueError, RecursionError):
        raise UnusableError("the body is no JSON" if body.strip() else "the body is empty") from None


def _check_values(text: str) -> None:
    if text.count(",") >= _MOST_VALUES:
        raise UnusableError(f"the body holds more than {_MOST_VALUES:,} values")


def as_json_string(body: bytes, redacted: Callable[[str], str] = str) -> str:
    """Return a body that is no JSON as a JSON string of at most 2,000 characters, or `null`.

    Args:
        body: the body.
        redacted: takes secrets out of a text; before it is cut, or the beginning of one would stay.
    """
    if not body.strip():
        return "null"
    return json.dumps(redacted(body[: 32 * _KEPT].decode("utf-8", "replace").strip())[:_KEPT])


def error_message(payload: object) -> str | None:
    """Return what an error's body says, on one line; Pipedrive's errors use several names for it."""
    if isinstance(payload, dict):
        for name in ("error", "message", "error_info"):
            if isinstance(said := payload.get(name), str) and said.strip():
                return " ".join(said.split())[:200]
    return None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object]:
    """Refuse an object that says two things of one field: which one is meant would be a guess."""
    fields = dict(pairs)
    if len(fields) != len(pairs):
        names: set[str] = set()
        for name, _ in pairs:
            if name in names:
                raise UnusableError(f"the field {name[:_NAME]!r} stands twice")
            names.add(name)
    return fields


def _no_number(name: str) -> NoReturn:
    raise ValueError(name)
