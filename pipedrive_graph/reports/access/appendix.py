"""Reads the appendix of the access report: requests, policy, rule runs, waivers and the proof."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import duckdb

from pipedrive_graph._version import __version__
from pipedrive_graph.common.text import counted
from pipedrive_graph.errors import LandingError
from pipedrive_graph.landing import Landing, Manifest
from pipedrive_graph.reports.access.findings import Rule
from pipedrive_graph.reports.access.source import Source


@dataclass(frozen=True, slots=True)
class Proof:
    """The snapshot in the landing: its files, and whether the chain of snapshots is intact.

    Attributes:
        manifest: the snapshot's manifest; None if the landing does not have it.
        sha256: the digest of the manifest.
        snapshots: the number of snapshots up to this one.
        whole: the result of the checks, in a sentence.
        problem: what is wrong with the landing; None if nothing is.
    """

    manifest: Manifest | None = None
    sha256: str | None = None
    snapshots: int = 0
    whole: str = ""
    problem: str | None = None


@dataclass(frozen=True, slots=True)
class RuleRun:
    """The result of a rule in the snapshot."""

    rule: Rule
    outcome: str
    reason: str | None
    fired: int | None


@dataclass(frozen=True, slots=True)
class Waiver:
    """A waiver of waivers.toml."""

    rule: str
    subject: str
    object: str | None
    reason: str
    owner: str
    expires: date
    state: str
    findings: int


@dataclass(frozen=True, slots=True)
class Appendix:
    """The data with which a reader can check the report."""

    thresholds: tuple[tuple[str, str, str], ...]
    email_domains: str
    sensitive: tuple[str, ...]
    combinations: tuple[tuple[Any, ...], ...]
    rules: tuple[RuleRun, ...]
    waivers: tuple[Waiver, ...]
    unreadable: tuple[tuple[str, str | None, str, str | None], ...]
    roster: str
    roster_problems: tuple[tuple[int, str | None, str], ...]
    versions: tuple[tuple[str, str], ...]

    @property
    def not_run(self) -> tuple[RuleRun, ...]:
        """The rules that abstained or could not be run."""
        return tuple(run for run in self.rules if run.outcome != "ran")


def proof(landing: Landing, source: Source) -> Proof:
    """Find the snapshot in the landing, and verify the chain and the snapshot's files."""
    company = landing.of(source.company)
    try:
        chain = company.chain()
        place = next((n for n, (m, _) in enumerate(chain) if m.snapshot_id == source.now.snapshot_id), None)
        if place is None:
            return Proof(problem=f"The snapshot {source.now.snapshot_id} is not in the landing.")
        manifest, sha256 = chain[place]
        company.verify(manifest)
    except LandingError as error:
        return Proof(problem=str(error))
    whole = (
        f"Verified: each of the {counted(place + 1, 'manifest')} up to this one has the digest of the "
        f"previous one, and all {counted(len(manifest.files), 'file')} of this snapshot are unchanged."
        if place
        else f"Verified: this is the first snapshot, and all {counted(len(manifest.files), 'file')} are"
        " unchanged."
    )
    return Proof(manifest, sha256, place + 1, whole)


def appendix(source: Source, rules: dict[str, Rule], manifest: Manifest | None) -> Appendix:
    """Read the appendix."""
    runs = source.rows(
        "SELECT rule, outcome, reason, fired FROM rule_runs WHERE company = $company ORDER BY rule"
    )
    return Appendix(
        _thresholds(source),
        _email_domains(source),
        tuple(
            flag
            for (flag,) in source.rows(
                "SELECT permission FROM sensitive_permissions WHERE company = $company ORDER BY permission"
            )
        ),
        tuple(_combinations(source)),
        tuple(RuleRun(rules.get(name) or Rule(name, name), *rest) for name, *rest in runs),
        tuple(
            Waiver(*row)
            for row in source.rows(
                """
                SELECT rule, subject, object, reason, owner, expires, state, findings FROM waivers
                WHERE company = $company
                ORDER BY list_position(['active', 'expired', 'unmatched'], state), expires, rule, subject"""
            )
        ),
        tuple(
            source.rows(
                """
                SELECT endpoint, subject_id, field, value FROM unreadable_values
                WHERE company = $company ORDER BY ALL"""
            )
        ),
        _roster(source),
        tuple(
            source.rows(
                """
                SELECT line, email, problem FROM roster
                WHERE company = $company AND problem IS NOT NULL ORDER BY line"""
            )
        ),
        (
            ("this report was made by pipedrive_graph", __version__),
            (
                "the snapshot was collected by pipedrive_graph",
                manifest.identity.version if manifest else "not known",
            ),
            ("DuckDB", duckdb.__version__),
        ),
    )


def _thresholds(source: Source) -> tuple[tuple[str, str, str], ...]:
    """Return name, value and meaning of the thresholds; the meaning is the column's comment."""
    comments = dict(
        source.rows(
            """
            SELECT column_name, coalesce(comment, '') FROM duckdb_columns()
            WHERE table_name = 'rule_thresholds' AND column_name <> 'company' AND $company IS NOT NULL"""
        )
    )
    result = source.connection.execute(
        "SELECT * EXCLUDE (company) FROM rule_thresholds WHERE company = ?", [source.company]
    )
    names = [column[0] for column in result.description or []]
    values = result.fetchone() or ()
    return tuple(
        (name, _plain(value), comments.get(name, "")) for name, value in zip(names, values, strict=False)
    )


def _plain(value: object) -> str:
    text = str(value)
    return text.rstrip("0").rstrip(".") if "." in text else text


def _email_domains(source: Source) -> str:
    """Return a sentence about the company's own e-mail domains and where they come from."""
    own = [
        f"{domain} ({counted(users, 'active user')})"
        for domain, users in source.rows(
            """
            SELECT domain, users FROM own_email_domains WHERE company = $company
            ORDER BY users DESC, domain LIMIT 20"""
        )
    ]
    named, total, public_list = source.row(
        """
        SELECT coalesce(bool_or(named), FALSE), count(*) FILTER (own), any_value(public_list)
        FROM email_domains WHERE company = $company"""
    )
    listed = ", ".join(own) + (f" and {total - len(own):,} more" if total > len(own) else "")
    if named:
        return f"The company's own e-mail domains, from findings.toml: {listed}."
    public = f" Domains of public providers (list: {public_list}) are never proposed." * bool(public_list)
    if own:
        return (
            "findings.toml does not name the company's e-mail domains. Proposed are the domains of many "
            f"active users: {listed}.{public}"
        )
    return (
        "findings.toml does not name the company's e-mail domains, and none can be proposed, so external "
        f"addresses were not checked.{public}"
    )


def _combinations(source: Source) -> list[tuple[Any, ...]]:
    return source.rows(
        """
        SELECT combination, severity, title, clauses FROM combination_texts($company) ORDER BY combination"""
    )


def _roster(source: Source) -> str:
    total, leavers, unused = source.row(
        """
        SELECT count(*), count(*) FILTER (leaver AND problem IS NULL), count(*) FILTER (problem IS NOT NULL)
        FROM roster WHERE company = $company"""
    )
    if not total:
        return "Without a roster, leavers, unknown people and unexpected roles could not be checked."
    return (
        f"The roster lists {counted(total - unused, 'person', 'people')}, including"
        f" {counted(leavers, 'leaver')}; {counted(unused, 'row')} could not be used."
    )
