"""Reads whose items each user sees by default and why, as sentences, and who sees the items of a role."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from pipedrive_graph.common.text import counted, listed
from pipedrive_graph.reports.access.source import Source

NOT_COLLECTED = (
    "Whose items users see was not looked at: the run did not collect visibility"
    " (visibility = true in the settings)."
)

LIMITS = (
    "This is about new items with the default visibility: followers of an item, items whose visibility"
    " somebody set, items from before the present settings, and hidden pipelines are not in it."
)

_ITEMS = {
    "deal": "deals",
    "lead": "leads",
    "org": "organizations",
    "person": "persons",
    "product": "products",
}
"""The kinds of items, in the order in which they are shown."""

COLUMNS = tuple(name.capitalize() for name in _ITEMS.values())
"""The headings above the values of `shares`."""

_SHARED = {
    "everyone": "everyone",
    "branch": "role and below",
    "group": "role",
    "owner": "owner",
    None: "not known",
}
"""Who sees new items of a role's members, by the reach of the role."""

_MEANINGS = {"everyone": "the entire company", "group": "the owner's role"}

_BASES = {
    "plan": "according to the plan in the settings",
    "values": "because a role has a wider value than that",
    "roles": "because the company has several roles",
    "single role": "because the company has one role only",
}

_VIEWS = "SELECT * EXCLUDE (company, share) FROM default_reach WHERE company = $company"


@dataclass(frozen=True, slots=True)
class Visibility:
    """What is known about visibility in the company.

    Attributes:
        note: one or more sentences about what the report shows.
        shares: for each role, which users see each kind of item; empty if visibility was not collected.
        views: for each live user, sentences about whose items the user sees and why.
    """

    note: str
    shares: dict[int, tuple[str, ...]]
    views: dict[int, tuple[str, ...]]


def visibility(source: Source) -> Visibility:
    """Read the visibility of the company."""
    meanings = source.rows("SELECT three_means, basis FROM visibility_meaning WHERE company = $company")
    if not meanings:
        return Visibility(NOT_COLLECTED, {}, {})
    return Visibility(f"{LIMITS} {_meaning(*meanings[0])}", _shares(source), _views(source))


def _meaning(three_means: str | None, basis: str | None) -> str:
    if three_means is None or basis is None:
        return (
            "It is not known what the value 3 of a setting means in this company, so it is not known who"
            " sees the items of some roles; name the company's plan in the settings."
        )
    return f"The value 3 of a setting means {_MEANINGS[three_means]} here, {_BASES[basis]}."


def _shares(source: Source) -> dict[int, tuple[str, ...]]:
    reaches: dict[int, dict[str, str | None]] = {}
    for role_id, item, reach in source.rows(
        "SELECT role_id, item, reach FROM role_visibility WHERE company = $company"
    ):
        reaches.setdefault(role_id, {})[item] = reach
    return {role_id: tuple(_SHARED[items.get(item)] for item in _ITEMS) for role_id, items in reaches.items()}


def _views(source: Source) -> dict[int, tuple[str, ...]]:
    """Return the sentences of each user; kinds of items with the same numbers share a sentence."""
    alike: dict[int, dict[tuple[object, ...], list[str]]] = {}
    for user_id, item, *numbers in source.rows(_VIEWS):
        alike.setdefault(user_id, {}).setdefault(tuple(numbers), []).append(item)
    return {
        user_id: tuple(
            _sentence(items, *numbers)  # type: ignore[arg-type]
            for numbers, items in sorted(views.items(), key=lambda view: min(map(_place, view[1])))
        )
        for user_id, views in alike.items()
    }


def _sentence(
    items: list[str],
    reach: str | None,
    seen: int,
    unknown: int,
    owners: int,
    from_everyone: int,
    from_group: int,
    from_branch: int,
    from_below: int,
) -> str:
    what = f"New {_names(items)}"
    if reach == "admin":
        return f"{what}: those of all {counted(owners, 'active user')}, as an admin of the app."
    reasons = [
        (from_everyone, "whose role shares with everyone"),
        (from_group, "in the same role, which shares with its members"),
        (from_branch, "in a role above, which shares with the roles below it"),
        (from_below, "in a role below the user's own"),
    ]
    others = [f"{number:,} {reason}" for number, reason in reasons if number]
    text = f"{what}: {'' if unknown else 'only '}the user's own"
    if others:
        count = f"those of {seen:,} of {counted(owners, 'active user')}"
        reasons_given = "; ".join(["the user's own", *others])
        text = f"{what}: {count}: {reasons_given}"
    if unknown:
        text += f"; for {counted(unknown, 'active user')} it is not known"
    return f"{text}."


def _names(items: Iterable[str]) -> str:
    return listed([_ITEMS.get(item, item) for item in sorted(items, key=_place)])


def _place(item: str) -> int:
    return [*_ITEMS].index(item)
