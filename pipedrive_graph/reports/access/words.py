"""Formats names, times and numbers for people."""

from __future__ import annotations

from datetime import date, datetime

_SHOUTED = {"api": "API", "id": "ID", "ids": "IDs", "crm": "CRM"}


def permission(flag: str) -> str:
    """Return a permission's short label: can_export_data_from_lists is 'export data from lists'."""
    return " ".join(_SHOUTED.get(word, word) for word in flag.removeprefix("can_").split("_") if word) or flag


def field(name: str) -> str:
    """Return the label of a field of the evidence: nearest_peers is 'Nearest peers'."""
    about = name.removeprefix("threshold_")
    text = " ".join(_SHOUTED.get(word, word) for word in about.split("_") if word) or name
    return f"Threshold: {text}" if about != name else text[:1].upper() + text[1:]


def moment(at: datetime | None) -> str:
    """Return a time to the minute; all times are in UTC."""
    return "not known" if at is None else f"{at:%Y-%m-%d %H:%M} UTC"


def day(at: date | datetime | None) -> str:
    """Return a day."""
    return "not known" if at is None else f"{at:%Y-%m-%d}"


def number(count: int | None) -> str:
    """Return a number with thousands separators."""
    return "not known" if count is None else f"{count:,}"


def percent(part: float | None) -> str:
    """Return a share, 0 to 1, in whole per cent; only exact values become 0 % or 100 %."""
    if part is None:
        return "not known"
    rounded = round(part * 100)
    if rounded == 0 and part > 0:
        return "<1 %"
    return ">99 %" if rounded == 100 and part < 1 else f"{rounded} %"


def delta(now: int, before: int | None) -> str:
    """Return the change of a number: '+3', 'unchanged' or with a minus; empty if the old one is unknown."""
    if before is None:
        return ""
    if now == before:
        return "unchanged"
    return f"+{now - before:,}" if now > before else f"\N{MINUS SIGN}{before - now:,}"
