"""Checks the filled-in rows of a review: a valid row becomes a decision, an invalid row gets a sentence."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pipedrive_graph.common.addresses import AddressError, is_address, read
from pipedrive_graph.config.role_owners import same_person
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.read_file import FilledRow

_LONGEST = 2_000
"""Characters of a comment."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a review, with the fields that a decision about it is checked against."""

    row_id: str
    label: str
    email: str | None
    owner: str | None
    recommendation: str
    sha256: str

    def is_others(self, decided_by: str) -> bool:
        """Whether somebody else than the row's owner decided; False if the owner is not an address."""
        return is_address(self.owner or "") and not same_person(decided_by, self.owner)


@dataclass(frozen=True, slots=True)
class Decision:
    """A decision about a row; the parts are None unless the decision is a change."""

    row_id: str
    decided_by: str
    decision: str
    role: str | None = None
    permission_sets: str | None = None
    sensitive_permissions: str | None = None
    admin_rights: str | None = None
    comment: str | None = None

    @property
    def written(self) -> dict[str, str | None]:
        """The decision as the journal stores it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class CheckedFile:
    """The result of checking a file.

    Attributes:
        taken: decisions that are new, or differ from the known one.
        same: decisions that are known already.
        refused: a sentence for each rejected row: where, who, why.
    """

    taken: list[Decision] = field(default_factory=list)
    same: list[Decision] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def review_of(filled: Sequence[FilledRow]) -> str:
    """Return the id of the review that most rows of a file name.

    Raises:
        DecisionError: if no row names one.
    """
    named = Counter(row.text(columns.REVIEW) for row in filled if row.text(columns.REVIEW))
    if not named:
        raise DecisionError("The file is not an access review: no row names its review.")
    return named.most_common(1)[0][0]


def check(
    filled: Sequence[FilledRow],
    review: str,
    rows: Mapping[str, Row],
    known: Mapping[str, Mapping[str, str | None]],
    *,
    by: str | None = None,
) -> CheckedFile:
    """Check the rows of a file against the review as it was frozen.

    Args:
        filled: the rows of the file; rows without a decision are skipped.
        review: the review's id.
        rows: its rows, by id.
        known: the decisions in force so far, by row id.
        by: the person who decides; overrides the rows.
    """
    checked = CheckedFile()
    decided = [row for row in filled if not row.is_blank]
    by_row: dict[str, list[FilledRow]] = {}
    for row in decided:
        by_row.setdefault(row.text(columns.ROW), []).append(row)
    for row in decided:
        frozen = rows.get(row.text(columns.ROW))
        problem = _mismatch(row, review, frozen) or _duplicate(row, by_row[row.text(columns.ROW)])
        decision = None if problem or frozen is None else _decision(row, frozen, by)
        if isinstance(decision, Decision):
            if decision.written == known.get(decision.row_id):
                checked.same.append(decision)
            else:
                checked.taken.append(decision)
        else:
            label = (
                frozen.label
                if frozen
                else columns.line(row.text("name") or row.text(columns.ROW) or "nobody")
            )
            checked.refused.append(f"{row.place}, {label}: {problem or decision}.")
    return checked


def _mismatch(row: FilledRow, review: str, frozen: Row | None) -> str | None:
    """Return why a row does not belong to this review as it was frozen; None if it does."""
    if row.text(columns.REVIEW) != review:
        return f"it belongs to another review ({columns.line(row.text(columns.REVIEW)) or 'none'})"
    if frozen is None:
        return "this review has no such row"
    if row.text(columns.DIGEST) != frozen.sha256 or columns.digest(frozen.row_id, row.texts) != frozen.sha256:
        return "cells other than the yellow ones were changed; use the file as it was sent"
    return None


def _duplicate(row: FilledRow, group: list[FilledRow]) -> str | None:
    """Return why a row is rejected as a duplicate; None for the first of rows that are all equal."""
    if len(group) == 1:
        return None
    alike = all(other.texts == group[0].texts for other in group)
    if alike and row is group[0]:
        return None
    other = next(other for other in group if other is not row)
    return f"{other.place} is about the same user{', and was used' if alike else ', and contradicts it'}"


def _decision(row: FilledRow, frozen: Row, by: str | None) -> Decision | str:
    """Return the decision of a row, or why the row is rejected."""
    decision = row.text(columns.DECISION).lower()
    parts = {name: row.text(name).lower() for name in columns.PARTS}
    comment, decided_by = row.text(columns.COMMENT)[:_LONGEST], (by or row.text(columns.BY)).strip()
    wrong = [name for name, text in parts.items() if text not in {"", *columns.KEEP_OR_REVOKE}]
    revoked = [name for name, text in parts.items() if text == "revoke"]
    if not decision:
        return (
            f"the decision is missing, but {' and '.join(name for name in parts if parts[name])} is filled in"
        )
    if decision not in columns.DECISIONS:
        return f"'{columns.line(decision)}' is not a decision; use keep, revoke or change"
    if wrong:
        return f"{wrong[0]}: '{columns.line(parts[wrong[0]])}' is neither keep nor revoke"
    if decision == "change" and not revoked:
        return "a change needs revoke for at least one part"
    if decision == "keep" and revoked:
        return f"the decision is keep, but {revoked[0]} says revoke; use change"
    if decision == "keep" and frozen.recommendation == "revoke" and not comment:
        return "a comment is required to keep access that is recommended to be revoked"
    if not decided_by:
        return "decided by is empty"
    try:
        decided_by = read(decided_by)
    except AddressError as error:
        return f"decided by: '{columns.line(decided_by)}' {error}"
    if same_person(decided_by, frozen.email):
        return "nobody decides about their own access"
    chosen = {
        name.replace(" ", "_"): (text or "keep") if decision == "change" else None
        for name, text in parts.items()
    }
    return Decision(frozen.row_id, decided_by, decision, **chosen, comment=comment or None)
