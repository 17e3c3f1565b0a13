"""One neutral message, and how it looks in Slack, as JSON, as plain text and as an HTML mail."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipedrive_graph.common import clock
from pipedrive_graph.common.text import printable

SHOWN = 10
"""Findings that are named; the others are counted."""

COLOURS = {"critical": "#8b0000", "high": "#c62828", "medium": "#b26a00", "low": "#00697a", "info": "#555555"}

_HEADER = 150
"""Characters that Slack takes in a header."""
_TITLE = 300
"""Characters of a finding's title that are told."""
_NOTE = 550
"""Characters of what is told about a night in Slack, which takes 3,000; an escaped one has up to five."""
_NOTHING = "\N{ZERO WIDTH SPACE}"
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EVERYBODY = re.compile(r"@(?=(?:channel|here|everyone|all)\b)", re.IGNORECASE)
_LINK = re.compile(r"(?<=\])(?=[(\[])|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=mailto)(?=:)", re.IGNORECASE)
"""Where a text would become a link to a reader of Markdown, as in Mattermost, or of a mail."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something about a night, beside its findings.

    Attributes:
        kind: partial, not_run, failed, first or test.
        key: what makes it another one than yesterday's.
        short: for the subject of a mail.
        text: a sentence or two.
    """

    kind: str
    key: str
    short: str
    text: str


@dataclass(frozen=True, slots=True)
class Told:
    """A finding that is told.

    Attributes:
        news: new, reopened, or worse (more severe than when it was told).
        also: other rules that find something about the same thing.
    """

    finding_id: str
    severity: str
    rule: str
    title: str
    subject_kind: str
    subject_id: str
    object: str | None
    opened_at: str
    news: str = "new"
    also: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Message:
    """What one channel is told of one company.

    Attributes:
        company: its name in the settings; None of a test.
        at: when it was put together; aware, UTC.
        notes: what is to be known about the night.
        counts: new findings by severity, all of them.
        findings: the worst of them, those about the same thing as one; none where only counts are told.
        report: where the report is: an address or a path.
        keys: what makes each finding another one than those told before.
    """

    company: str | None
    at: datetime
    notes: tuple[Note, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    findings: tuple[Told, ...] = ()
    report: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """How many findings are told of, named or counted."""
        return sum(self.counts.values())

    @property
    def id(self) -> str:
        """The same for the same content, so that a receiver can drop what comes twice."""
        told = [*(note.key for note in self.notes), *self.keys, self.company or ""]
        return hashlib.sha256("\n".join(told).encode()).hexdigest()[:24]

    @property
    def headline(self) -> str:
        """All of it in one line."""
        parts = [note.short for note in self.notes]
        if self.total:
            open_ = "open" if any(note.kind == "first" for note in self.notes) else "new"
            findings = f"{self.total:,} {open_} finding{'s' * (self.total != 1)}"
            parts.append(f"{findings} ({self.counted})")
        return f"{self.company or 'pipedrive_graph'}: {'; '.join(parts)}"

    @property
    def counted(self) -> str:
        """The findings by severity, in words."""
        return ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count)

    @property
    def more(self) -> int:
        """How many findings are counted and not named."""
        return self.total - sum(1 + len(one.also) for one in self.findings)


def plain(message: Message) -> str:
    """The message as a text, as a mail program without HTML shows it."""
    lines = [_unlinked(message.headline), ""]
    for note in message.notes:
        lines += [_unlinked(note.text), ""]
    for one in message.findings:
        lines += [f"{one.severity:<9} {one.rule}", f"          {_unlinked(_sentence(one))}"]
    if message.findings and message.more:
        lines.append(f"          and {message.more:,} more")
    if message.findings:
        lines.append("")
    if message.report:
        lines += [f"Report: {message.report}", ""]
    return "\n".join(lines)


def document(message: Message) -> dict[str, Any]:
    """The message as the JSON object that a generic webhook gets."""
    return {
        "type": "pipedrive_graph.alert",
        "version": 1,
        "id": message.id,
        "at": clock.iso(message.at),
        "company": message.company,
        "headline": _clean(message.headline),
        "notes": [{"kind": note.kind, "text": _clean(note.text)} for note in message.notes],
        "counts": message.counts,
        "findings": [
            {
                "finding_id": one.finding_id,
                "severity": one.severity,
                "rule": one.rule,
                "title": _clean(one.title),
                "subject_kind": one.subject_kind,
                "subject_id": one.subject_id,
                "object": one.object,
                "opened_at": one.opened_at,
                "news": one.news,
                "also": list(one.also),
            }
            for one in message.findings
        ],
        "more": message.more,
        "report": message.report,
    }


def slack(message: Message) -> dict[str, Any]:
    """The message as a Slack-compatible webhook takes it: blocks, and a text for who knows none."""
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _cut(_clean(message.headline), _HEADER), "emoji": False},
        }
    ]
    texts = [_escaped(_cut(note.text, _NOTE)) for note in message.notes]
    texts += [f"*{one.severity}*  `{one.rule}`\n{_escaped(_sentence(one))}" for one in message.findings]
    if message.findings and message.more:
        texts.append(f"and {message.more:,} more")
    if message.report:
        link = message.report
        shown = html.escape(_clean(link), quote=False).replace("|", "%7C")
        texts.append(f"<{shown}|Report>" if "://" in link else f"Report: `{shown}`")
    # verbatim: nothing in a name becomes a link or calls somebody
    blocks += [
        {"type": "section", "text": {"type": "mrkdwn", "text": text, "verbatim": True}} for text in texts
    ]
    return {"text": "\n".join([f"*{_escaped(message.headline)}*", *texts]), "blocks": blocks}


def markup(message: Message) -> str:
    """The message as the HTML part of a mail."""
    parts = [f'<h2 style="font-size:18px">{_html(message.headline)}</h2>']
    parts += [f"<p>{_html(note.text)}</p>" for note in message.notes]
    if message.findings:
        rows = "".join(
            f'<tr><td style="padding:4px 12px 4px 0;color:{COLOURS[one.severity]};font-weight:bold;'
            f'vertical-align:top">{one.severity}</td><td style="padding:4px 0">{_html(_sentence(one))}'
            f'<br><span style="color:#555555;font-size:12px">{_html(one.rule)}</span></td></tr>'
            for one in message.findings
        )
        parts.append(f'<table role="presentation" style="border-collapse:collapse">{rows}</table>')
        if message.more:
            parts.append(f"<p>and {message.more:,} more</p>")
    if message.report:
        report = html.escape(_clean(message.report))
        link = f'<a href="{report}">Open the report</a>' if "://" in report else f"Report: {report}"
        parts.append(f"<p>{link}</p>")
    body = "\n".join(parts)
    return (
        '<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>pipedrive_graph</title></head>\n'
        f'<body style="font-family:sans-serif;font-size:14px;color:#1a1a1a">\n{body}\n</body></html>\n'
    )


def _sentence(one: Told) -> str:
    """A finding's title, with what is special about it."""
    title = _cut(_clean(one.title), _TITLE)
    if one.news != "new":
        title += {"reopened": " It is open again.", "worse": " It is worse than before."}[one.news]
    return f"{title} Also: {', '.join(sorted({*one.also}))}." if one.also else title


def _clean(text: str) -> str:
    """A text on one line in which nothing turns the writing direction round."""
    return _BIDI.sub("\N{REPLACEMENT CHARACTER}", printable(text))


def _unlinked(text: str) -> str:
    """A clean text in which nothing becomes a link: the only link of a message is that to the report."""
    return _LINK.sub(_NOTHING, _clean(text))


def _html(text: str) -> str:
    return html.escape(_unlinked(text))


def _escaped(text: str) -> str:
    """A text in which Slack finds no mark-up of its own, and nobody is called."""
    cleaned = _EVERYBODY.sub(f"@{_NOTHING}", _unlinked(text))
    return cleaned.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
