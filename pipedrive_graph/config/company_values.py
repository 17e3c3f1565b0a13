"""Checks the values of a company's settings, wherever they are set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipedrive_graph.common import pasted
from pipedrive_graph.config.company import Collect, Plan
from pipedrive_graph.errors import ConfigurationError


def check(table: Mapping[str, Any], labels: Mapping[str, str]) -> None:
    """Refuse a value that cannot be used.

    Args:
        table: the values, by key.
        labels: the name of each key and where it is set, for messages.

    Raises:
        ConfigurationError: naming the first one.
    """
    reserve, limit = table["daily_reserve"], table["daily_limit"]
    if isinstance(reserve, bool) or not isinstance(reserve, int | float) or not 0 <= reserve < 1:
        raise ConfigurationError(
            f"{labels['daily_reserve']} must be a number from 0 to less than 1, such as 0.25."
        )
    if isinstance(limit, bool) or not isinstance(limit, int) or limit < 1:
        raise ConfigurationError(f"{labels['daily_limit']} must be a whole number above 0, such as 80000.")
    if table["collect"] not in set(Collect):
        raise ConfigurationError(
            f"{labels['collect']} must be {' or '.join(Collect)}, not '{pasted.shown(table['collect'])}'."
        )
    days = table["observe_within"]
    if isinstance(days, bool) or not isinstance(days, int | float) or not 0 < days <= 366:
        raise ConfigurationError(
            f"{labels['observe_within']} must be a number of days above 0, at most 366, such as 7."
        )
    if not isinstance(table["visibility"], bool):
        raise ConfigurationError(f"{labels['visibility']} must be true or false.")
    plan = table["plan"]
    if plan is not None and plan not in set(Plan):
        raise ConfigurationError(
            f"{labels['plan']} must be {', '.join(list(Plan)[:-1])} or {Plan.ULTIMATE}, not"
            f" '{pasted.shown(str(plan))}'."
        )
    retention = table["retention_days"]
    if retention is not None and (
        isinstance(retention, bool) or not isinstance(retention, int) or retention < 1
    ):
        raise ConfigurationError(
            f"{labels['retention_days']} must be a whole number of days above 0, such as 365; leave it out"
            " to keep everything."
        )
