"""Compares the model of visibility in the published file with what Pipedrive says about some deals.

The model is the macro `viewers_of`, from which `who_can_see` and `can_see` are made. It knows the defaults
only, so a deal with followers or with a visibility of its own may differ.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipedrive_graph.collect.permitted import Audience
from pipedrive_graph.errors import WarehouseError
from pipedrive_graph.published import queries
from pipedrive_graph.published.connection import reading


@dataclass(frozen=True, slots=True)
class Difference:
    """A user about whom model and Pipedrive disagree.

    Attributes:
        deal_id: the deal.
        owner: its owner, as the published file names the user.
        visible_to: the deal's own visibility; None if Pipedrive does not say.
        default: the setting of the owner's role, which new deals get; None if it is not known.
        user_id: the user.
        user: the user, as the published file names the user.
        sees: whether the user sees the deal, according to Pipedrive; the model says the opposite.
        reason: the reason that the model gives.
    """

    deal_id: int
    owner: str
    visible_to: int | None
    default: int | None
    user_id: int
    user: str
    sees: bool
    reason: str


@dataclass(frozen=True, slots=True)
class Comparison:
    """The comparison of a sample of deals; it counts pairs of a deal and a user.

    Attributes:
        company: the company.
        deals: how many deals were compared.
        owners: how many owners they have.
        unknown_owners: how many further deals belong to users who are not in the published file.
        expected: pairs in which the user sees the deal, according to the model.
        actual: the same, according to Pipedrive.
        both: the same, according to both.
        unknown: pairs for which the model has no answer; not counted elsewhere.
        differences: the pairs about which they disagree.
    """

    company: str
    deals: int
    owners: int
    unknown_owners: int
    expected: int
    actual: int
    both: int
    unknown: int
    differences: tuple[Difference, ...]

    @property
    def precision(self) -> float | None:
        """The share of the model's pairs that Pipedrive confirms; None without any."""
        return self.both / self.expected if self.expected else None

    @property
    def recall(self) -> float | None:
        """The share of Pipedrive's pairs that the model has; None without any."""
        return self.both / self.actual if self.actual else None


def check_collected(published: Path, company: str) -> None:
    """Refuse a company whose published snapshot does not say who can see what.

    Raises:
        WarehouseError: if it does not, or nothing is published.
    """
    with reading(published) as connection:
        row = connection.execute(
            "SELECT visibility FROM current_snapshot WHERE company = ?", [company]
        ).fetchone()
    if row is None or not row[0]:
        raise WarehouseError(
            f"The published file does not say who can see what in company '{company}': set visibility = true"
            " in the settings, and run sync."
        )


def compare(published: Path, company: str, audiences: Sequence[Audience]) -> Comparison:
    """Compare the model with what Pipedrive says about the users of the published file.

    Raises:
        WarehouseError: if the published file cannot be read.
    """
    expected = actual = both = unknown = unknown_owners = 0
    owners, differences = set[int](), list[Difference]()
    with reading(published) as connection:
        queries.create(connection, "deal_viewers")
        for audience in audiences:
            rows = connection.execute("FROM deal_viewers(?, ?)", [company, str(audience.owner_id)]).fetchall()
            unknown_owners += not rows
            owners |= {audience.owner_id} if rows else set()
            for user_id, user, owner, sees, reason, default in rows:
                permitted = user_id in audience.user_ids
                if sees is None:
                    unknown += 1
                    continue
                expected, actual, both = expected + sees, actual + permitted, both + (sees and permitted)
                if sees != permitted:
                    differences.append(
                        Difference(
                            audience.deal_id,
                            owner,
                            audience.visible_to,
                            default,
                            user_id,
                            user,
                            permitted,
                            reason,
                        )
                    )
    return Comparison(
        company,
        len(audiences) - unknown_owners,
        len(owners),
        unknown_owners,
        expected,
        actual,
        both,
        unknown,
        tuple(differences),
    )
