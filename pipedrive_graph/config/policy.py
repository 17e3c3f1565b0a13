"""Reads findings.toml: the thresholds, permissions, domains and combinations that the rules use.

The defaults are in sql/findings.toml; a file of that name in the home folder changes them, for all companies
or for one. The rules read the values from the tables of the schema `policy`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from pipedrive_graph.common import addresses, files
from pipedrive_graph.common.addresses import AddressError
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.common.text import near
from pipedrive_graph.config import toml
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.validation import sentence
from pipedrive_graph.errors import ConfigurationError

FILE = "findings.toml"

_SOME_DAYS = ("creep_days", "dormant_admin_days", "dormant_user_days")
"""Numbers of days that must be at least 1: with 0, all users would be dormant, and permissions would be
compared with themselves. The other numbers of days may be 0: then a finding opens, or ends, at once."""

_Text = Annotated[str, Field(min_length=1)]


def _domain(text: str) -> str:
    try:
        return addresses.domain(text)
    except AddressError as error:
        raise ValueError(f"'{text}' {error}") from error


_Domain = Annotated[_Text, AfterValidator(_domain)]


class _Table(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class _Permissions(_Table):
    sensitive: list[_Text]


class _Allowed(_Table):
    email_domains: list[_Domain]
    permissions: dict[str, list[_Text]]


class _Mailboxes(_Table):
    names: list[_Text]
    public_domains: list[_Domain]


class _Combination(_Table):
    severity: Literal["critical", "high", "medium", "low", "info"]
    title: _Text
    all_of: Annotated[list[Annotated[list[_Text], Field(min_length=1)]], Field(min_length=1)]


class _Rules(_Table):
    folder: _Text


class Policy(_Table):
    """The policy of one company: the values that the rules use."""

    thresholds: dict[str, Annotated[float, Field(ge=0, le=99_999, allow_inf_nan=False)]]
    permissions: _Permissions
    allowed: _Allowed
    mailboxes: _Mailboxes
    combinations: dict[str, _Combination]

    def rows(self) -> dict[str, list[tuple[Any, ...]]]:
        """Return the rows of the tables of the schema `policy`, without the company."""
        return {
            "thresholds": sorted(self.thresholds.items()),
            "sensitive_permissions": [(name,) for name in sorted({*self.permissions.sensitive})],
            "email_domains": [(name,) for name in sorted({*self.allowed.email_domains})],
            "public_domains": [(name,) for name in sorted({*self.mailboxes.public_domains})],
            "allowed_permissions": sorted(
                {(role, name) for role, names in self.allowed.permissions.items() for name in names}
            ),
            "mailbox_names": [(name,) for name in sorted({*map(addresses.mailbox, self.mailboxes.names)})],
            "combinations": [
                (name, entry.severity, entry.title, clause, permission)
                for name, entry in sorted(self.combinations.items())
                for clause, permissions in enumerate(entry.all_of, 1)
                for permission in sorted({*permissions})
            ],
        }


@dataclass(frozen=True)
class Policies:
    """The policy of every company, and the folder of custom rules.

    Attributes:
        default: the policy of companies without their own.
        companies: the policies of the companies that have their own.
        rules: the folder of custom rules; it need not exist, unless findings.toml names it.
        collected: the companies in companies.toml; empty if that file does not exist.
    """

    default: Policy
    companies: Mapping[str, Policy]
    rules: Path
    collected: tuple[str, ...] = ()


def load(settings: Settings) -> Policies:
    """Read findings.toml and merge it with the defaults.

    Args:
        settings: the home folder with the file, and the companies.

    Raises:
        ConfigurationError: if the file cannot be used, naming the place and the reason.
    """
    file = settings.folder / FILE
    text = toml.text(file) or ""
    own = toml.parse(text, file)
    known = [company.name for company in settings.companies]
    companies = toml.tables_of_companies(own, file, known)
    shared = _merged(_shipped(), own)
    rules = shared.pop("rules")
    for name, table in companies.items():
        if "rules" in table:
            raise ConfigurationError(
                f"{file}: [companies.{name}] cannot name a folder of rules; all share one."
            )
    return Policies(
        default=_checked(shared, file, text),
        companies={
            name: _checked(_merged(shared, table), file, text, name) for name, table in companies.items()
        },
        rules=_rules(rules, file, text, named="rules" in own),
        collected=tuple(known) if settings.listed else (),
    )


def usual_folder(home: Path) -> Path:
    """Return the default folder of custom rules, which findings.toml may change."""
    folder: str = _shipped()["rules"]["folder"]
    return home / folder


def _rules(table: object, file: Path, text: str, *, named: bool) -> Path:
    try:
        name = _Rules.model_validate(table).folder
        folder = file.parent / files.expanded(name)
    except ValidationError as error:
        line = partial(toml.on_line, text)
        problem = sentence(error, _Rules, str(file), above=["rules"], line=line)
        raise ConfigurationError(problem) from error
    if named and not folder.is_dir():
        raise ConfigurationError(f"{file}: [rules] folder: {file.parent / shown(name)} does not exist.")
    return folder


@cache
def _shipped() -> dict[str, Any]:
    return toml.read(sql_folder() / FILE) or {}


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge one file over the other: tables entry by entry, anything else as a whole.

    `false` in place of a table removes it.
    """
    merged = dict(below)
    for name, value in above.items():
        known = merged.get(name)
        if value is False and isinstance(known, dict):
            del merged[name]
        elif isinstance(value, dict) and isinstance(known, dict):
            merged[name] = _merged(known, value)
        else:
            merged[name] = value
    return merged


def _checked(tables: Mapping[str, Any], file: Path, text: str, company: str | None = None) -> Policy:
    place = f"{file}: [companies.{company}]" if company else f"{file}"
    line = partial(toml.on_line, text, *(["companies", company] if company else []))
    known = _shipped()["thresholds"]
    try:
        policy = Policy.model_validate(tables)
    except ValidationError as error:
        raise ConfigurationError(sentence(error, Policy, place, line=line)) from error
    for name in policy.thresholds.keys() - known.keys():
        raise ConfigurationError(
            f"{place}: [thresholds] has no setting {shown(name)}{line('thresholds', name)}{near(name, known)}"
        )
    for name, value in policy.thresholds.items():
        if isinstance(known[name], int) and not value.is_integer():
            raise ConfigurationError(
                f"{place}: [thresholds] {name}{line('thresholds', name)} must be a whole number."
            )
        if name in _SOME_DAYS and value < 1:
            raise ConfigurationError(
                f"{place}: [thresholds] {name}{line('thresholds', name)} must be at least 1 day."
            )
    return policy
