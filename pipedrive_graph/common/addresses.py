"""Reads e-mail addresses that people typed or exported, and gives the form in which they are compared.

A cell or a setting may hold `Ana Bell <ana@example.com>`, a `mailto:` link, or characters that nobody sees.
What cannot be read as exactly one address is refused with a reason, never guessed.
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
"""Characters without a shape, such as a soft hyphen or a zero-width space."""

_QUOTES = "\"'`\u00ab\u00bb\u2018\u2019\u201a\u201c\u201d\u201e\u2039\u203a"

_PLAIN = re.compile(r"[a-z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-z0-9_-]+(\.[a-z0-9_-]+)*", re.IGNORECASE)
"""An address of ASCII letters is compared as it is; a mail server may be stricter or not."""

_MARKS = tuple("=+-*?|/#!&~^%$`.")
"""What stands before an address that is part of a formula or a list; hardly any mailbox begins so."""

_NOT_FIRST = (*_MARKS, *_QUOTES)

_NAMED = re.compile(r"(?P<name>[^<>]*)<(?P<address>[^<>]+)>")
_SEPARATORS = re.compile(r"[,;\s]+")
_PUNYCODE = "xn--"


class AddressError(ValueError):
    """A text that is not exactly one e-mail address; the message goes on after the text itself."""


def read(text: str) -> str:
    """The one e-mail address that a text names, with the domain in lower case and in its own script.

    Raises:
        AddressError: if it names none, or more than one.
    """
    # nearly all are plain, and need nothing of what follows
    return _lowered(text) if _is_plain(text) else _read(text)


def _is_plain(text: str) -> bool:
    """Whether a text is an ASCII address and nothing else."""
    return (
        text.isascii()
        and not text.startswith(_NOT_FIRST)
        and _PLAIN.fullmatch(text) is not None
        and _PUNYCODE not in text.lower()
    )


def _lowered(address: str) -> str:
    """A plain address with its domain in lower case."""
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
    # a domain may end with a dot, and so may a sentence
    address = (next(iter(parts.values())) if len(parts) == 1 else inside).removesuffix(".")
    if address.startswith(_MARKS):
        raise AddressError("is not an e-mail address")
    if _PLAIN.fullmatch(address) and _PUNYCODE not in address.lower():
        return _lowered(address)
    return _validated(address).normalized


def is_address(text: str) -> bool:
    """Whether a text names exactly one e-mail address."""
    try:
        read(text)
    except AddressError:
        return False
    return True


def comparable(text: str | None) -> str | None:
    """The form in which e-mail addresses are compared, by case, script and what is around them alike.

    Returns:
        None where there is no @. A text that is not exactly one address is compared as it is written.
    """
    if text is None:
        return None
    try:
        return read(text).lower()
    except AddressError:
        return _cleaned(text).lower() if "@" in text else None


def person(text: str | None) -> str:
    """The form in which persons are compared who are known by an address or by a name; empty for nobody."""
    return comparable(text) or visible(text or "").strip().casefold()


def domain(text: str) -> str:
    """A domain as it is compared: in lower case, in its own script, without an @ before it or a dot after it.

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
    """The part of an address before the @, as it is compared; an @ and what follows it may be written too."""
    return _cleaned(text).partition("@")[0].strip().lower()


def recipients(text: str) -> list[tuple[str, str]]:
    """The names (or empty texts) and e-mail addresses of a list with commas or semicolons between.

    Raises:
        AddressError: naming the first that is not an address, or the text where it names none.
    """
    if not visible(text).strip().isprintable():
        raise AddressError(f"'{printable(text)}' is not an e-mail address")
    pairs = getaddresses([re.sub(r";\s*", ", ", _cleaned(text))]) or [("", "")]
    found = []
    for name, address in pairs:
        try:
            found.append((name, read(address)))
        except AddressError as error:
            raise AddressError(f"'{address if address and len(pairs) > 1 else text}' {error}") from error
    return found


def deliverable(address: str) -> str:
    """An address that `read` gave, for a mail server: the domain in ASCII where it can be."""
    if address.isascii():
        return address
    return _validated(address).ascii_email or address


def visible(text: str) -> str:
    """A text in composed characters, without those that nobody sees."""
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
    """A text without characters that nobody sees and without what stands around it.

    Letters of full width and ligatures, as a PDF has them, count as the letters that they show.
    """
    stripped = visible(unicodedata.normalize("NFKC", text)).strip().strip(",;").strip()
    if stripped.lower().startswith("mailto:") or "<" not in stripped:
        return _unquoted(stripped)
    return stripped


def _unquoted(text: str) -> str:
    """A text without the quotes around it, straight or typographic, or the one before it.

    A spreadsheet marks a text with an apostrophe in front.
    """
    text = text.strip()
    while len(text) > 1 and text[0] in _QUOTES and text[-1] in _QUOTES:
        text = text[1:-1].strip()
    return text.lstrip(_QUOTES).lstrip()
