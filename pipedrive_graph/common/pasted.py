"""Detects secrets that were pasted in place of a name, a path or an address, and keeps them out of messages.

A wrong value of any setting may be such a secret. So the messages name the setting and its place, and never
the value.
"""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from urllib.parse import SplitResult, urlsplit

from pipedrive_graph.errors import ConfigurationError

SHORTEST_SECRET = 20
"""A text with so many letters and digits in a row is taken for a secret; Pipedrive's tokens have 40."""

HIDDEN = "[hidden]"

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_RUN = re.compile(rf"[A-Za-z0-9]{{{SHORTEST_SECRET},}}")


def looks_secret(text: str) -> bool:
    """Whether a text has a long run of letters and digits with at least one of each."""
    return any(_is_mixed(run) for run in _RUN.findall(text))


def shown(text: str) -> str:
    """Return a text for a message, with everything hidden that looks like a secret."""
    return _RUN.sub(lambda run: HIDDEN if _is_mixed(run[0]) else run[0], text)


def is_variable_name(text: str) -> bool:
    """Whether a text can be the name of an environment variable, and does not look like a secret."""
    return _NAME.fullmatch(text) is not None and ("_" in text or len(text) < SHORTEST_SECRET)


def check_variable_name(text: str, example: str, *, place: str) -> None:
    """Refuse a text that is not the name of a variable, such as the secret that belongs into the variable.

    Raises:
        ConfigurationError: naming the place.
    """
    if not is_variable_name(text):
        raise ConfigurationError(
            f"{place} must be the name of the variable that holds the secret, such as {example}, and not the"
            " secret itself."
        )


def check_name(text: str, path: Path, what: str, *, place: str) -> None:
    """Refuse a name that looks like a secret, unless `path` exists under this name already.

    Raises:
        ConfigurationError: naming the place, and what belongs there.
    """
    if text.isalnum() and looks_secret(text) and not path.exists():
        raise ConfigurationError(f"{place} holds what looks like a secret instead of {what}.")


def is_plain_address(url: str) -> bool:
    """Whether an address has a host, and no part that is or may be a secret."""
    try:
        parts = urlsplit(url)
        usable, _ = has_host(parts), parts.port
    except ValueError:
        return False
    return (
        parts.scheme in {"http", "https"}
        and usable
        and not (parts.query or parts.fragment or parts.username or parts.password)
        and not looks_secret(url)
    )


def has_host(parts: SplitResult) -> bool:
    """Whether an address has a host; only an IPv6 address may be in brackets.

    Raises:
        ValueError: if the address is not valid.
    """
    host = parts.hostname or ""
    if "[" in parts.netloc.rpartition("@")[2]:
        ipaddress.IPv6Address(host)
    return bool(host)


def _is_mixed(run: str) -> bool:
    return any(map(str.isdigit, run)) and any(map(str.isalpha, run))
