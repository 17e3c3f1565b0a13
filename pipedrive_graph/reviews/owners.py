"""Finds who is to decide about a user: the owner of the role, or who stands in; never the user.

    default = "security@example.com"      # who decides where no role has an owner

    [owners]                              # a role's name or id, and who answers for it
    "Sales" = "mara@example.com"

    [companies.acme.owners]               # the same for one company; what it names goes before
    "Support" = "kim@example.com"

That is `reviews.toml` in the home folder. A role without an owner has that of the nearest role above it.
Where there is no such file, the roster's manager decides.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipedrive_graph import toml_file
from pipedrive_graph.addresses import AddressError, person, read
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.pasted import shown
from pipedrive_graph.settings import Settings
from pipedrive_graph.text import near

FILE = "reviews.toml"

_KEYS = ("default", "owners")


def same_person(one: str | None, other: str | None) -> bool:
    """Whether two texts are the same e-mail address, or the same name."""
    if not one or not other:
        return False
    return person(one) == person(other)


@dataclass(frozen=True, slots=True)
class Owners:
    """Who owns which role of a company, as reviews.toml says.

    Attributes:
        default: who decides where no role has an owner.
        of: owners by the role's name, in lower case, or its id.
    """

    default: str | None = None
    of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Tree:
    """The roles of a company.

    Attributes:
        names: by id.
        above: of each role, itself and those above it, the nearest first.
    """

    names: Mapping[int, str | None]
    above: Mapping[int, Sequence[int]]


def load(settings: Settings, company: str, known: Collection[str] | None) -> Owners | None:
    """Read reviews.toml for a company.

    Args:
        settings: the file lies in their home folder.
        company: whose owners are wanted.
        known: names and ids of the roles of all companies; another one is a mistake. None where no role
            is known yet.

    Returns:
        None where there is no such file.

    Raises:
        ConfigurationError: if it cannot be used, naming the place and the reason.
    """
    file = settings.home / FILE
    tables = toml_file.read(file)
    if tables is None:
        return None
    companies = tables.pop("companies", {})
    if not isinstance(companies, dict) or not all(isinstance(table, dict) for table in companies.values()):
        raise ConfigurationError(f"{file}: [companies] must hold a table per company, as [companies.acme].")
    names = [one.name for one in settings.companies]
    for name in companies:
        if name not in names:
            raise ConfigurationError(f"{file}: [companies] knows no {shown(name)}{near(name, names)}")
    shared = _checked(file, "", tables, known)
    of_companies = {
        name: _checked(file, f"companies.{name}.", table, known) for name, table in companies.items()
    }
    own = of_companies.get(company, Owners())
    return Owners(own.default or shared.default, {**shared.of, **own.of})


def decider(owners: Owners, tree: Tree, roles: Sequence[int], email: str | None) -> str | None:
    """Who decides about a user with these roles: the nearest owner who is not the user.

    Returns:
        None where there is nobody.
    """
    for role_id in roles:
        for above in tree.above.get(role_id, [role_id]):
            name = (tree.names.get(above) or "").strip().casefold()
            owner = owners.of.get(name) or owners.of.get(str(above))
            if owner and not same_person(owner, email):
                return owner
    return None if same_person(owners.default, email) else owners.default


def _checked(file: Path, above: str, table: Mapping[str, Any], known: Collection[str] | None) -> Owners:
    """Check one table, and what it holds."""
    for key in table:
        if key not in _KEYS:
            raise ConfigurationError(f"{file}: '{above}{shown(key)}' is not a setting{near(key, _KEYS)}")
    default, entries = table.get("default"), table.get("owners", {})
    if not isinstance(entries, dict):
        raise ConfigurationError(f'{file}: [{above}owners] must name roles, as "Sales" = "mara@example.com".')
    names = None if known is None else {name.strip().casefold() for name in known}
    of: dict[str, str] = {}
    for role, address in entries.items():
        key = role.strip().casefold()
        if names is not None and key not in names:
            meant = near(key, known or ())
            raise ConfigurationError(
                f"{file}: [{above}owners] names the role '{shown(role)}', which is none{meant}"
            )
        if key in of:
            raise ConfigurationError(f"{file}: [{above}owners] names the role '{shown(role)}' twice.")
        of[key] = _address(f"{file}: [{above}owners] '{shown(role)}'", address)
    return Owners(None if default is None else _address(f"{file}: {above}default", default), of)


def _address(place: str, value: object) -> str:
    try:
        return read(value if isinstance(value, str) else "")
    except AddressError as error:
        raise ConfigurationError(f'{place}: must be one e-mail address, as "mara@example.com".') from error
