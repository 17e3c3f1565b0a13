"""Parses e-mail addresses that people typed or exported, and normalises them for comparison.

A cell or a setting may hold `Ana Bell <ana@example.com>`, a `mailto:` link, or invisible characters. A text
that is not exactly one address is refused with a reason, never guessed.
"""

from __future__ import annotations

import re
import unicodedata
from email.utils import getaddresses
from typing import TYPE_CHECKING
from urllib.parse import unquote

from pipedrive_graph.common.text import printable

if TYPE_CHECKING:
    from email_validator import ValidatedEmail

_INVISIBLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    "\u2800\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff]"
)
"""Invisible characters, such as a soft hyphen or a zero-width space."""

_QUOTES = "\"'`\u00ab\u00bb\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a"

_PLAIN = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)
"""ASCII addresses; they are compared as they are, even if a mail server would be stricter."""

_MARKS = tuple("=+-*?|/#!&~^%$`.")
"""Characters before an address that is part of a formula or a list; mailboxes hardly ever start with them."""

_NOT_FIRST = (*_MARKS, *_QUOTES)

_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
_SEPARATORS = re.compile(r"[,;\s]+")
_PUNYCODE = "xn--"


class AddressError(ValueError):
    """A text that is not exactly one e-mail address; the message continues a sentence after the text."""


def read(text: str) -> str:
    """Return the one e-mail address in a text, with the domain in lower case and in its own script.

    Raises:
        AddressError: if the text contains none, or more than one.
    """
    # nearly all addresses are plain and need no further work
    return _lowered(text) if _is_plain(text) else _read(text)


def _is_plain(text: str) -> bool:
    """Whether a text is just an ASCII address."""
    return (
        text.isascii()
        and not text.startswith(_NOT_FIRST)
        and _PLAIN.fullmatch(text) is not None
        and _PUNYCODE not in text.lower()
    )


def _lowered(address: str) -> str:
    """Return a plain address with its domain in lower case."""
    local, _, domain = address.rpartition("@")
    return f"{local}@{domain.lower()}"


def _read(text: str) -> str:
    cleaned = _cleaned(text)
    named = _NAMED.fullmatch(cleaned)
    inside = _unquoted(named["address"]) if named else cleaned
    if named and "@" in named["name"] and _cleaned(named["name"]).lower() != inside.lower():
        raise AddressError("holds more than one e-mail address")
    if inside.lower().startswith("mailto:"):
        inside = _cleaned(unquote(inside[len("mailto:") :].partition("?")[0])).lstrip("/")
    parts = {part.lower(): part for part in map(_unquoted, _SEPARATORS.split(inside)) if part}
    if sum("@" in part for part in parts) > 1 or ("<" in inside and inside.count("@") > 1):
        raise AddressError("holds more than one e-mail address")
    # both a domain and a sentence may end with a dot
    address = (next(iter(parts.values())) if len(parts) == 1 else inside).removesuffix(".")
    if address.startswith(_MARKS):
        raise AddressError("is not an e-mail address")
    if _PLAIN.fullmatch(address) and _PUNYCODE not in address.lower():
        return _lowered(address)
    return _validated(address).normalized


def is_address(text: str) -> bool:
    """Whether a text contains exactly one e-mail address."""
    try:
        read(text)
    except AddressError:
        return False
    return True


def comparable(text: str | None) -> str | None:
    """Return an e-mail address in the form for comparisons, independent of case, script and decoration.

    Returns:
        None for a text without an @. A text that is not exactly one address is only cleaned and lower-cased.
    """
    if text is None:
        return None
    try:
        return read(text).lower()
    except AddressError:
        return _cleaned(text).lower() if "@" in text else None


def person(text: str | None) -> str:
    """Return a person's address or name in the form for comparisons; empty if the text names nobody."""
    return comparable(text) or visible(text or "").strip().casefold()


def domain(text: str) -> str:
    """Return a domain for comparisons: in lower case, in its own script, without a leading @ or trailing dot.

    Raises:
        AddressError: if it is not a domain.
    """
    name = _cleaned(text).removeprefix("@").removesuffix(".")
    if "@" in name:
        raise AddressError("is not a domain")
    try:
        return read(f"somebody@{name}").rpartition("@")[2]
    except AddressError as error:
        raise AddressError("is not a domain") from error


def mailbox(text: str) -> str:
    """Return the part of an address before the @, in the form for comparisons; the rest is optional."""
    return _cleaned(text).partition("@")[0].strip().lower()


def recipients(text: str) -> list[tuple[str, str]]:
    """Return the names (or empty texts) and e-mail addresses in a list separated by commas or semicolons.

    Raises:
        AddressError: naming the first entry that is not an address, or the text if it has none.
    """
    if not visible(text).strip().isprintable():
        raise AddressError(f"'{printable(text)}' is not an e-mail address")
    pairs = getaddresses([re.sub(r";\s*", ", ", _cleaned(text))]) or [("", "")]
    addresses = []
    for name, address in pairs:
        try:
            addresses.append((name, read(address)))
        except AddressError as error:
            raise AddressError(f"'{address if address and len(pairs) > 1 else text}' {error}") from error
    return addresses


def deliverable(address: str) -> str:
    """Return an address from `read` for a mail server: the domain in ASCII if possible."""
    if address.isascii():
        return address
    return _validated(address).ascii_email or address


def visible(text: str) -> str:
    """Return a text in composed form without invisible characters."""
    return _INVISIBLE.sub("", unicodedata.normalize("NFC", text))


def _validated(address: str) -> ValidatedEmail:
    from email_validator import EmailNotValidError, validate_email  # takes long to import; few need it

    try:
        return validate_email(
            address, allow_smtputf8=True, check_deliverability=False, globally_deliverable=False
        )
    except EmailNotValidError as error:
        raise AddressError("is not an e-mail address") from error


def _cleaned(text: str) -> str:
    """Return a text without invisible characters and without surrounding punctuation.

    Full-width letters and ligatures, as in a PDF, are replaced by the letters that they show.
    """
    stripped = visible(unicodedata.normalize("NFKC", text)).strip().strip(",;").strip()
    if stripped.lower().startswith("mailto:") or "<" not in stripped:
        return _unquoted(stripped)
    return stripped


def _unquoted(text: str) -> str:
    """Return a text without the quotes around it, straight or typographic, or the one before it.

    A spreadsheet marks a text with an apostrophe in front.
    """
    text = text.strip()
    while len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        text = text[1:-1].strip()
    return text.lstrip(_QUOTES).lstrip()
