"""Finds who decides about a user in a review: the owner of the role, or a substitute; never the user.

    default = "security@example.com"      # decides if no role has an owner

    [owners]                              # a role's name or id, and its owner
    "Sales" = "mara@example.com"

    [companies.acme.owners]               # the same for one company; these have precedence
    "Support" = "kim@example.com"

These are lines of `reviews.toml` in the home folder. A role without an owner has that of the nearest role
above it. Without this file, the manager in the roster decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipedrive_graph.common.addresses import AddressError, person, read
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import near
from pipedrive_graph.config import toml
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError

FILE = "reviews.toml"

_KEYS = ("default", "owners")


def same_person(first: str | None, second: str | None) -> bool:
    """Whether two texts are the same e-mail address, or the same name."""
    if not first or not second:
        return False
    return person(first) == person(second)


@dataclass(frozen=True, slots=True)
class Owners:
    """The owners of a company's roles, according to reviews.toml.

    Attributes:
        default: who decides if no role has an owner.
        of: owners by the role's name in lower case, or by its id.
    """

    default: str | None = None
    of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tree:
    """The roles of a company.

    Attributes:
        names: by id.
        above: for each role, itself and those above it, nearest first.
    """

    names: Mapping[int, str | None]
    above: Mapping[int, Sequence[int]]


@dataclass(frozen=True, slots=True)
class RoleOwners:
    """The content of reviews.toml.

    Attributes:
        shared: the owners for all companies.
        companies: the owners for single companies, which have precedence.
        named: the roles in the file, each with its place.
    """

    shared: Owners
    companies: Mapping[str, Owners]
    named: Sequence[tuple[str, str]]

    def of(self, company: str) -> Owners:
        """Return the owners of a company's roles."""
        own = self.companies.get(company, Owners())
        return Owners(own.default or self.shared.default, {**self.shared.of, **own.of})

    def check(self, known: Collection[str]) -> None:
        """Refuse a role that does not exist.

        Args:
            known: names and ids of the roles of all companies.

        Raises:
            ConfigurationError: naming the role and its place.
        """
        names = {name.strip().casefold() for name in known}
        for place, role in self.named:
            key = role.strip().casefold()
            if key not in names:
                raise ConfigurationError(
                    f"{place} names the role '{shown(role)}', which does not exist{near(key, known)}"
                )


def load(settings: Settings) -> RoleOwners | None:
    """Read reviews.toml.

    Args:
        settings: the home folder with the file, and the companies.

    Returns:
        None if the file does not exist.

    Raises:
        ConfigurationError: if it cannot be used, naming the place and the reason.
    """
    file = settings.folder / FILE
    tables = toml.read(file)
    if tables is None:
        return None
    companies = toml.tables_of_companies(tables, file, [company.name for company in settings.companies])
    named: list[tuple[str, str]] = []
    shared = _checked(file, "", tables, named)
    of_companies = {
        name: _checked(file, f"companies.{name}.", table, named) for name, table in companies.items()
    }
    return RoleOwners(shared, of_companies, named)


def decider(owners: Owners, tree: Tree, roles: Sequence[int], email: str | None) -> str | None:
    """Return who decides about a user with these roles: the nearest owner who is not the user.

    Returns:
        None if there is nobody.
    """
    for role_id in roles:
        for above in tree.above.get(role_id, [role_id]):
            name = (tree.names.get(above) or "").strip().casefold()
            owner = owners.of.get(name) or owners.of.get(str(above))
            if owner and not same_person(owner, email):
                return owner
    return None if same_person(owners.default, email) else owners.default


def _checked(file: Path, above: str, table: Mapping[str, Any], named: list[tuple[str, str]]) -> Owners:
    """Check one table, and add its roles to `named`."""
    for key in table:
        if key not in _KEYS:
            raise ConfigurationError(f"{file}: '{above}{shown(key)}' is not a setting{near(key, _KEYS)}")
    default, entries = table.get("default"), table.get("owners", {})
    if not isinstance(entries, dict):
        raise ConfigurationError(
            f'{file}: [{above}owners] must name roles, such as "Sales" = "mara@example.com".'
        )
    of: dict[str, str] = {}
    for role, address in entries.items():
        key = role.strip().casefold()
        if key in of:
            raise ConfigurationError(f"{file}: [{above}owners] names the role '{shown(role)}' twice.")
        named.append((f"{file}: [{above}owners]", role))
        of[key] = _address(f"{file}: [{above}owners] '{shown(role)}'", address)
    return Owners(None if default is None else _address(f"{file}: {above}default", default), of)


def _address(place: str, value: object) -> str:
    try:
        return read(value if isinstance(value, str) else "")
    except AddressError as error:
        raise ConfigurationError(
            f'{place}: must be one e-mail address, such as "mara@example.com".'
        ) from error
