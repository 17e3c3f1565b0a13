"""The values of a company's settings, wherever they are set: a table of companies.toml, or variables."""

from __future__ import annotations

import math
from collections.abc import Callable
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict

from pipedrive_graph.common import pasted
from pipedrive_graph.common.text import listed
from pipedrive_graph.config.company import DEFAULT_BASE_URL, Collect, Plan


def _only(is_valid: Callable[[Any], bool], expected: str) -> BeforeValidator:
    """Refuse a value that is not valid, with a message about what is expected."""

    def check(value: object) -> object:
        if not is_valid(value):
            raise ValueError(f"must be {expected}")
        return value

    return BeforeValidator(check)


def _number(value: Any, *, whole: bool = False) -> float:  # noqa: ANN401 - whatever stands in the file
    """Return a number for a comparison; anything else is not a number."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return value if is_number and (not whole or isinstance(value, int)) else math.nan


def _one_of(kind: type[StrEnum]) -> BeforeValidator:
    """Convert a value to one of a list, or refuse it."""

    def converted(value: Any) -> StrEnum:  # noqa: ANN401 - whatever stands in the file
        if value not in [*kind]:
            raise ValueError(f"must be {listed([*kind], 'or')}, not '{value}'")
        return kind(value)

    return BeforeValidator(converted)


_text = _only(lambda value: isinstance(value, str) and bool(value.strip()), "a text")
_address = _only(
    lambda value: not isinstance(value, str) or pasted.is_plain_address(value),
    f"a plain https address, such as {DEFAULT_BASE_URL}",
)
_share = _only(lambda value: 0 <= _number(value) < 1, "a number from 0 to less than 1, such as 0.25")
_limit = _only(lambda value: _number(value, whole=True) >= 1, "a whole number above 0, such as 80000")
_days = _only(lambda value: 0 < _number(value) <= 366, "a number of days above 0, at most 366, such as 7")
_retention = _only(
    lambda value: _number(value, whole=True) >= 1,
    "a whole number of days above 0, such as 365; leave it out to keep everything",
)
_switch = _only(lambda value: isinstance(value, bool), "true or false")
_Text = Annotated[str, _text]


class CompanyValues(BaseModel):
    """The settings of one company by their keys, checked."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    base_url: Annotated[_Text, _address]
    daily_reserve: Annotated[float, _share]
    daily_limit: Annotated[int, _limit]
    collect: Annotated[Collect, _one_of(Collect)]
    observe_within: Annotated[float, _days]
    retention_days: Annotated[int, _retention] | None = None
    visibility: Annotated[bool, _switch] = False
    plan: Annotated[Plan, _one_of(Plan)] | None = None
    api_token_env: _Text | None = None
    client_id_env: _Text | None = None
    client_secret_env: _Text | None = None
    refresh_token_env: _Text | None = None
    roster: _Text | None = None
