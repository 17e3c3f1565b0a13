"""An alert message, and its forms: Slack blocks, JSON, plain text and an HTML mail."""

from __future__ import annotations

import hashlib
import html
import re
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from pipedrive_graph.common import clock
from pipedrive_graph.common.text import counted, printable

SHOWN = 10
"""The most findings that a message lists; it counts the others."""

COLOURS = {"critical": "#8b0000", "high": "#c62828", "medium": "#b26a00", "low": "#00697a", "info": "#555555"}

_HEADER = 150
"""The most characters of a Slack header."""
_TITLE = 300
"""The most characters of a finding's title."""
_NOTE = 550
"""The most characters of a note in Slack: its limit is 3,000, and an escaped character takes up to five."""
_NOTHING = "\N{ZERO WIDTH SPACE}"
_BIDI = re.compile("[\u200e\u200f\u202a-\u202e\u2066-\u2069]")
_EVERYBODY = re.compile(r"@(?=(?:channel|here|everyone|all)\b)", re.IGNORECASE)
_LINK = re.compile(r"(?<=\])(?=[(\[])|(?<=:)(?=//)|(?<=www)(?=\.)|(?<=mailto)(?=:)", re.IGNORECASE)
"""Where a text would become a link in Markdown (as in Mattermost) or in a mail program."""


@dataclass(frozen=True, slots=True)
class Note:
    """Something to report about a run, apart from findings.

    Attributes:
        kind: partial, not_run, failed, first or test.
        key: identifies the event; a note whose key was already sent is not sent again.
        short: a few words for the subject of a mail.
        text: a sentence or two.
    """

    kind: str
    key: str
    short: str
    text: str


@dataclass(frozen=True, slots=True)
class AlertedFinding:
    """A finding in an alert.

    Attributes:
        news: new, reopened, or worse (more severe than when it was last sent).
        also: other rules with a finding about the same thing.
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
    """An alert about one company for one channel.

    Attributes:
        company: its name in the settings; None in a test message.
        at: when it was composed (UTC, timezone-aware).
        notes: events of the run.
        counts: the number of all new findings, by severity.
        findings: the worst new findings; findings about the same thing are one. Empty if the channel only
            gets counts.
        report: the address or path of the report.
        keys: identify the findings of the message, for its id.
    """

    company: str | None
    at: datetime
    notes: tuple[Note, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    findings: tuple[AlertedFinding, ...] = ()
    report: str | None = None
    keys: tuple[str, ...] = ()

    @property
    def total(self) -> int:
        """The number of new findings, listed or only counted."""
        return sum(self.counts.values())

    @property
    def id(self) -> str:
        """Equal for equal content, so that a receiver can drop duplicates."""
        keys = [*(note.key for note in self.notes), *self.keys, self.company or ""]
        return hashlib.sha256("\n".join(keys).encode()).hexdigest()[:24]

    @property
    def headline(self) -> str:
        """A summary of the message in one line."""
        parts = [note.short for note in self.notes]
        if self.total:
            open_ = "open" if any(note.kind == "first" for note in self.notes) else "new"
            findings = counted(self.total, f"{open_} finding")
            parts.append(f"{findings} ({self.counted})")
        return f"{self.company or 'pipedrive_graph'}: {'; '.join(parts)}"

    @property
    def counted(self) -> str:
        """The counts by severity as text: `1 critical, 3 high`."""
        return ", ".join(f"{count:,} {name}" for name, count in self.counts.items() if count)

    @property
    def more(self) -> int:
        """The number of findings that are counted but not listed."""
        return self.total - sum(1 + len(finding.also) for finding in self.findings)


def plain(message: Message) -> str:
    """The message as plain text, for mail programs without HTML."""
    lines = [_unlinked(message.headline), ""]
    for note in message.notes:
        lines += [_unlinked(note.text), ""]
    for finding in message.findings:
        lines += [f"{finding.severity:<9} {finding.rule}", f"          {_unlinked(_sentence(finding))}"]
    if message.findings and message.more:
        lines.append(f"          and {message.more:,} more")
    if message.findings:
        lines.append("")
    if message.report:
        lines += [f"Report: {message.report}", ""]
    return "\n".join(lines)


def document(message: Message) -> dict[str, Any]:
    """The message as the JSON object for a generic webhook."""
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
                "finding_id": finding.finding_id,
                "severity": finding.severity,
                "rule": finding.rule,
                "title": _clean(finding.title),
                "subject_kind": finding.subject_kind,
                "subject_id": finding.subject_id,
                "object": finding.object,
                "opened_at": finding.opened_at,
                "news": finding.news,
                "also": list(finding.also),
            }
            for finding in message.findings
        ],
        "more": message.more,
        "report": message.report,
    }


def slack(message: Message) -> dict[str, Any]:
    """The message for a Slack-compatible webhook: blocks, and a text for clients without blocks."""
    blocks: list[dict[str, Any]] = [
        {
            "type": "header",
            "text": {"type": "plain_text", "text": _cut(_clean(message.headline), _HEADER), "emoji": False},
        }
    ]
    texts = [_escaped(_cut(note.text, _NOTE)) for note in message.notes]
    texts += [
        f"*{finding.severity}*  `{finding.rule}`\n{_escaped(_sentence(finding))}"
        for finding in message.findings
    ]
    if message.findings and message.more:
        texts.append(f"and {message.more:,} more")
    if message.report:
        link = message.report
        shown = html.escape(_clean(link), quote=False).replace("|", "%7C")
        texts.append(f"<{shown}|Report>" if "://" in link else f"Report: `{shown}`")
    # verbatim: nothing in a name becomes a link or a mention
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
            f'<tr><td style="padding:4px 12px 4px 0;color:{COLOURS[finding.severity]};font-weight:bold;'
            f'vertical-align:top">{finding.severity}</td><td style="padding:4px 0">'
            f'{_html(_sentence(finding))}<br><span style="color:#555555;font-size:12px">'
            f"{_html(finding.rule)}</span></td></tr>"
            for finding in message.findings
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


def _sentence(finding: AlertedFinding) -> str:
    """A finding's title; also whether it is reopened or worse, and which other rules agree."""
    title = _cut(_clean(finding.title), _TITLE)
    if finding.news != "new":
        title += {"reopened": " It is open again.", "worse": " It is worse than before."}[finding.news]
    return f"{title} Also: {', '.join(sorted({*finding.also}))}." if finding.also else title


def _clean(text: str) -> str:
    """The text on one line, without characters that change the writing direction."""
    return _BIDI.sub("\N{REPLACEMENT CHARACTER}", printable(text))


def _unlinked(text: str) -> str:
    """The clean text without links: the only link of a message is the one to the report."""
    return _LINK.sub(_NOTHING, _clean(text))


def _html(text: str) -> str:
    return html.escape(_unlinked(text))


def _escaped(text: str) -> str:
    """The text with Slack's mark-up and mentions escaped."""
    cleaned = _EVERYBODY.sub(f"@{_NOTHING}", _unlinked(text))
    return cleaned.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[: longest - 1]}…"
