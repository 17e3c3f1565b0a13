"""Reads waivers.toml: the accepted findings, with owner, reason and end date; and adds waivers to it.

    [[waiver]]
    rule = "unexplained_permission"
    subject = "ana@example.com"      # an e-mail address, an id, a name, or a pattern such as "*@acme.com"
    object = "can_export_data"       # for a rule whose findings have an object; "*" is any
    reason = "Exports the monthly report until the new tool is there"
    owner = "Kim Lee"
    expires = 2027-03-31             # the last day on which it holds

A waiver hides nothing: its findings stay in every list, marked as waived.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Collection
from dataclasses import asdict, dataclass
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError, field_validator

from pipedrive_graph.common import clock, files
from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import near, printable
from pipedrive_graph.config import toml
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.validation import sentence
from pipedrive_graph.errors import ConfigurationError

FILE = "waivers.toml"

LONGEST = timedelta(days=366)
"""The longest duration of a waiver: accepted findings are reviewed at least once a year."""

Rules = Callable[[], Collection[str]]
"""Returns the names of all rules, including custom rules that cannot be run today."""

_Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


@dataclass(frozen=True, slots=True)
class Waiver:
    """One waiver, independent of its company."""

    rule: str
    subject: str
    object: str | None
    reason: str
    owner: str
    expires: date

    @property
    def waiver_id(self) -> str:
        """The id of the waiver, a digest of all its values."""
        text = json.dumps(self.written, ensure_ascii=False, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    @property
    def written(self) -> dict[str, str | None]:
        """The waiver in the form of the journal."""
        return {**asdict(self), "expires": self.expires.isoformat()}

    @classmethod
    def of(cls, written: dict[str, Any]) -> Waiver:
        """Return the waiver from its form in the journal."""
        return cls(**{**written, "expires": date.fromisoformat(written["expires"])})


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    rule: _Text
    subject: _Text
    object: _Text | None = None
    company: _Text | None = None
    reason: _Text
    owner: _Text
    expires: date

    @field_validator("subject", "object", mode="before")
    @classmethod
    def _id(cls, value: Any) -> Any:  # noqa: ANN401 - whatever stands in the file
        return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


@dataclass(frozen=True, slots=True)
class Waivers:
    """The content of waivers.toml, in order."""

    entries: tuple[tuple[str | None, Waiver], ...] = ()
    """The waivers, each with its company; None means all companies."""

    def of(self, company: str) -> list[Waiver]:
        """Return the company's waivers, without duplicates."""
        return list(dict.fromkeys(waiver for only, waiver in self.entries if only in {None, company}))


def load(settings: Settings, rules: Rules) -> Waivers:
    """Read waivers.toml.

    Args:
        settings: the home folder with the file, and the companies.
        rules: returns the names of the rules; called if the file has a waiver.

    Raises:
        ConfigurationError: if it cannot be used, with the waiver's number and the key; or if the names of
            the rules cannot be determined.
    """
    file = settings.folder / FILE
    return _parsed(toml.text(file) or "", file, settings, rules)


def _parsed(text: str, file: Path, settings: Settings, rules: Rules) -> Waivers:
    """Parse the text of a waivers.toml; `file` is its path for messages."""
    tables = toml.parse(text, file)
    entries = tables.pop("waiver", [])
    if tables:
        raise ConfigurationError(f"{file}: '{shown(next(iter(tables)))}' is not a setting; write [[waiver]].")
    if not isinstance(entries, list) or not all(isinstance(entry, dict) for entry in entries):
        raise ConfigurationError(f"{file}: write each waiver below a line [[waiver]].")
    latest = clock.now().date() + LONGEST
    companies = [company.name for company in settings.companies]
    names = rules() if entries else set()
    waivers = []
    for number, entry in enumerate(entries, 1):
        place = f"{file}: waiver {number}"
        try:
            checked = _Entry.model_validate(entry)
        except ValidationError as error:
            line = partial(toml.on_line, text, "waiver", number - 1)
            problem = sentence(error, _Entry, place, noun="key of a waiver", depth=1, line=line)
            raise ConfigurationError(problem) from error
        if checked.rule not in names:
            raise ConfigurationError(
                f"{place}: unknown rule {shown(checked.rule)}{near(checked.rule, sorted(names))}"
            )
        if checked.expires > latest:
            raise ConfigurationError(
                f"{place}: expires: {checked.expires} is more than {LONGEST.days} days away; "
                f"use {latest} or earlier."
            )
        if checked.company not in {None, *companies}:
            name = str(checked.company)
            raise ConfigurationError(
                f"{place}: company: unknown company {shown(name)}{near(name, companies)}"
            )
        waivers.append((checked.company, Waiver(**checked.model_dump(exclude={"company"}))))
    return Waivers(tuple(waivers))


def add(settings: Settings, rules: Rules, company: str, waiver: Waiver, *, title: str) -> Waivers:
    """Write a waiver into waivers.toml, replacing the one for the same finding if there is one.

    Everything else in the file stays as it is, including comments.

    Args:
        settings: the home folder with the file, and the companies.
        rules: returns the names of the rules.
        company: the company of the waiver.
        waiver: the waiver to write.
        title: the finding in one sentence, for a comment above it.

    Returns:
        All waivers of the new file.

    Raises:
        ConfigurationError: if the file cannot be used, or the waiver is not valid.
        LandingError: if the file cannot be written.
    """
    import tomlkit  # takes long to import, and a run only reads waivers
    from tomlkit.exceptions import TOMLKitError

    file = settings.folder / FILE
    before = toml.document(file) or toml.Document()
    text = before.text
    _parsed(text, file, settings, rules)
    try:
        document = tomlkit.parse(text)
    except TOMLKitError as error:
        raise ConfigurationError(f"Cannot read {file}: {error}.") from error
    values = {name: value for name, value in asdict(waiver).items() if value is not None}
    same = {"company": company, **values}
    for entry in document.get("waiver", []):
        if all(entry.get(name) == same.get(name) for name in ("company", "rule", "subject", "object")):
            entry.update({name: values[name] for name in ("reason", "owner", "expires")})
            changed = tomlkit.dumps(document)
            break
    else:
        table = tomlkit.table()
        table.update(same)
        gap = "" if not text or text.endswith("\n") else "\n"
        gap += "\n" if text.strip() else ""
        changed = f"{text}{gap}# {printable(title)}\n[[waiver]]\n{tomlkit.dumps(table)}"
    waivers = _parsed(changed, file, settings, rules)
    files.write_atomically(file, before.encoded(changed))
    return waivers
