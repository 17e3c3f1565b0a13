"""Renders the access report with templates that escape all text and a policy that forbids all network access.

The page contains its style and script. The content security policy allows only these, by their digests, so
that no text in the data can run or load anything.
"""

from __future__ import annotations

import base64
import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from pipedrive_graph.common.text import counted, legible
from pipedrive_graph.reports.access import words

_FOLDER = Path(__file__).parent / "templates"

_FOOT = """\
@page {{
  @bottom-left {{ content: "Access report, {company}, snapshot {snapshot}"; }}
  @bottom-right {{ content: "Page " counter(page) " of " counter(pages); }}
}}"""


def render(content: dict[str, Any], *, company: str, snapshot_id: str) -> str:
    """Return the page as HTML.

    Args:
        content: the values for the templates.
        company: the company's name in the settings; only letters, digits, - and _.
        snapshot_id: the snapshot, for the footer of each printed page.
    """
    style = _asset("report.css") + _FOOT.format(company=_plain(company), snapshot=_plain(snapshot_id))
    script = _asset("report.js")
    policy = (
        f"default-src 'none'; style-src '{_digest(style)}'; script-src '{_digest(script)}'; "
        "img-src data:; base-uri 'none'; form-action 'none'"
    )
    template = _environment().get_template("report.html.j2")
    files = {"style": Markup(style), "script": Markup(script)}  # noqa: S704 - files of this package
    return template.render(content, company=company, policy=policy, **files)


def prepare() -> None:
    """Compile all templates, for a process that has to wait before it can write its first report."""
    environment = _environment()
    for name in environment.list_templates(extensions=["j2"]):
        environment.get_template(name)


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        counted=counted,
        day=words.day,
        moment=words.moment,
        number=words.number,
        percent=words.percent,
        permission=words.permission,
    )
    return environment


def _shown(value: object) -> object:
    """Return a template's value; texts without control characters and changes of direction."""
    if isinstance(value, str) and not isinstance(value, Markup):
        return legible(value)
    return value


@cache
def _asset(name: str) -> str:
    return (_FOLDER / name).read_text(encoding="utf-8")


def _plain(text: str) -> str:
    """Return a text that is safe inside a string of a style sheet."""
    return "".join(letter for letter in text if letter.isalnum() or letter in "-_")


def _digest(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
