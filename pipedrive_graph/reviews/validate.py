"""Checks what was filled into a review, row by row: what can be taken is a decision, the rest is named."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field

from pipedrive_graph.common.addresses import AddressError, is_address, read
from pipedrive_graph.config.role_owners import same_person
from pipedrive_graph.errors import DecisionError
from pipedrive_graph.reviews import columns
from pipedrive_graph.reviews.read_file import Written

_LONGEST = 2_000
"""Characters of a comment."""


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a review, as far as a decision about it is checked against it."""

    row_id: str
    label: str
    email: str | None
    owner: str | None
    recommendation: str
    sha256: str

    def is_others(self, decided_by: str) -> bool:
        """Whether it is decided by somebody else than its owner, where that has an address."""
        return is_address(self.owner or "") and not same_person(decided_by, self.owner)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about a row; the parts are None but for a change."""

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
        """As it stands in the journal."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Answers:
    """What came of a file.

    Attributes:
        taken: decisions that are new, or other than before.
        same: those that are known already.
        refused: a sentence for each row that cannot be taken: where, who, why.
    """

    taken: list[Decision] = field(default_factory=list)
    same: list[Decision] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def review_of(written: Sequence[Written]) -> str:
    """The review that most rows of a file belong to.

    Raises:
        DecisionError: if no row names one.
    """
    named = Counter(row.text(columns.REVIEW) for row in written if row.text(columns.REVIEW))
    if not named:
        raise DecisionError("The file is no access review: no row names its review.")
    return named.most_common(1)[0][0]


def check(
    written: Sequence[Written],
    review: str,
    rows: Mapping[str, Row],
    known: Mapping[str, Mapping[str, str | None]],
    *,
    by: str | None = None,
) -> Answers:
    """Check the rows of a file against the review as it was frozen.

    Args:
        written: the rows as filled in; those without a decision are left out.
        review: the review's id.
        rows: its rows, by id.
        known: the decisions that count so far, by the id of their row.
        by: who decides, whatever the rows say.
    """
    answers = Answers()
    decided = [row for row in written if not row.is_blank]
    said: dict[str, list[Written]] = {}
    for row in decided:
        said.setdefault(row.text(columns.ROW), []).append(row)
    for row in decided:
        frozen = rows.get(row.text(columns.ROW))
        problem = _strange(row, review, frozen) or _repeated(row, said[row.text(columns.ROW)])
        decision = None if problem or frozen is None else _decision(row, frozen, by)
        if isinstance(decision, Decision):
            if decision.written == known.get(decision.row_id):
                answers.same.append(decision)
            else:
                answers.taken.append(decision)
        else:
            label = (
                frozen.label
                if frozen
                else columns.line(row.text("name") or row.text(columns.ROW) or "nobody")
            )
            answers.refused.append(f"{row.place}, {label}: {problem or decision}.")
    return answers


def _strange(row: Written, review: str, frozen: Row | None) -> str | None:
    """Why a row is none of this review, as it was frozen."""
    if row.text(columns.REVIEW) != review:
        return f"it is of another review ({columns.line(row.text(columns.REVIEW)) or 'none'})"
    if frozen is None:
        return "it is no row of this review"
    if row.text(columns.DIGEST) != frozen.sha256 or columns.digest(frozen.row_id, row.texts) != frozen.sha256:
        return "what was frozen has been changed; decide in the file as it was sent"
    return None


def _repeated(row: Written, group: list[Written]) -> str | None:
    """Why a row does not count beside others about the same user: the first does, if all say the same."""
    if len(group) == 1:
        return None
    alike = all(other.texts == group[0].texts for other in group)
    if alike and row is group[0]:
        return None
    other = next(other for other in group if other is not row)
    return f"{other.place} is about the same user{', and is taken' if alike else ', and says otherwise'}"


def _decision(row: Written, frozen: Row, by: str | None) -> Decision | str:
    """The decision of a row, or why it cannot be taken."""
    decision = row.text(columns.DECISION).lower()
    parts = {name: row.text(name).lower() for name in columns.PARTS}
    comment, decided_by = row.text(columns.COMMENT)[:_LONGEST], (by or row.text(columns.BY)).strip()
    wrong = [name for name, text in parts.items() if text not in {"", *columns.KEEP_OR_REVOKE}]
    revoked = [name for name, text in parts.items() if text == "revoke"]
    if not decision:
        return (
            f"there is no decision, though {' and '.join(name for name in parts if parts[name])} is filled in"
        )
    if decision not in columns.DECISIONS:
        return f"'{columns.line(decision)}' is no decision; use keep, revoke or change"
    if wrong:
        return f"{wrong[0]}: '{columns.line(parts[wrong[0]])}' is neither keep nor revoke"
    if decision == "change" and not revoked:
        return "a change needs revoke for at least one part"
    if decision == "keep" and revoked:
        return f"the decision is keep, but {revoked[0]} says revoke; use change"
    if decision == "keep" and frozen.recommendation == "revoke" and not comment:
        return "to keep what is recommended to be revoked takes a comment"
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
