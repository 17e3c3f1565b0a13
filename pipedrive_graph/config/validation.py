"""Describes the first error that pydantic reports for a configuration file, in one sentence."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from pipedrive_graph.common.pasted import shown
from pipedrive_graph.common.text import near

_PHRASES = {
    "bool_type": "must be true or false",
    "finite_number": "must be a finite number",
    "float_type": "must be a number",
    "greater_than": "must be more than {gt}",
    "greater_than_equal": "must be at least {ge}",
    "int_from_float": "must be a whole number",
    "int_type": "must be a whole number",
    "less_than": "must be less than {lt}",
    "less_than_equal": "must be at most {le}",
    "list_type": 'must be a list, such as ["…"]',
    "literal_error": "must be {expected}",
    "string_too_short": "must not be empty",
    "string_type": "must be a text",
    "too_short": "must not be empty",
}
"""Our messages in place of pydantic's, by the type of the error, with the values of its context."""

_TABLES = {"dict_type", "model_type", "model_attributes_type"}


def sentence(
    error: ValidationError,
    model: type[BaseModel],
    place: str,
    *,
    noun: str = "setting",
    above: Sequence[str] = (),
    depth: int | None = None,
    line: Callable[..., str] = lambda *_: "",
    labels: Mapping[str, str] | None = None,
) -> str:
    """Describe the first error: its key, its line, and what is wrong.

    Args:
        error: the error of pydantic.
        model: the model that the tables were validated with; it has the known keys.
        place: the file, and the table in it if there are several.
        noun: what a key of the model is called.
        above: the keys above the tables in the file.
        depth: how many steps of the path to name; further ones may be the type that pydantic tried.
        line: returns ` (line 3)` for a path, if the line is known.
        labels: the beginning of the sentence about the value of a key, in place of file, key and line.
    """
    first = error.errors(include_url=False)[0]
    steps = first["loc"][:depth]
    path = [*above, *steps]
    name, kind = shown(".".join(map(str, path))), first["type"]
    if kind == "extra_forbidden":
        similar = near(str(steps[-1]), _known(model, steps[:-1]))
        return f"{place}: '{name}'{line(*path)} is not a {noun}{similar}"
    if kind == "missing":
        return f"{place}: '{name}' is missing."
    label = (labels or {}).get(name, f"{place}: {name}{line(*path)}:")
    return f"{label} {_phrase(kind, first, name)}."


def _phrase(kind: str, error: Mapping[str, Any], name: str) -> str:
    """Return what is wrong with a value."""
    if kind in _TABLES:
        return f"must be a table, such as [{name}]"
    if kind.startswith("date"):
        return "must be a date without quotes, such as 2027-03-31"
    if kind in _PHRASES:
        return _PHRASES[kind].format(**error.get("ctx", {}))
    message = shown(str(error["msg"]).removeprefix("Value error, "))
    return f"{message[0].lower()}{message[1:]}"


def _known(model: type[BaseModel], path: Iterable[int | str]) -> set[str]:
    """Return the keys of the table at a path of a model; empty if any key is allowed."""
    reached: Any = model
    for step in path:
        if isinstance(reached, type) and issubclass(reached, BaseModel):
            fields = {field.alias or name: field.annotation for name, field in reached.model_fields.items()}
            reached = fields.get(str(step))
        elif get_origin(reached) in {dict, list}:
            reached = get_args(reached)[-1]
    if not (isinstance(reached, type) and issubclass(reached, BaseModel)):
        return set()
    return {field.alias or name for name, field in reached.model_fields.items()}
