"""No command prints control or invisible characters, whatever the names of people contain."""

from __future__ import annotations

import csv
import io
import os
import pty
import re
import shutil
import subprocess
import sys
import threading
import tty
from collections.abc import Iterator
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from datetime import UTC, datetime
from email import message_from_bytes, policy
from pathlib import Path

import pytest
from installation import Installation

from pipedrive_graph.alerts.channels import _compose
from pipedrive_graph.alerts.message import AlertedFinding, Message
from pipedrive_graph.cli.app import group
from pipedrive_graph.cli.runner import run
from pipedrive_graph.common.text import FORMULA
from pipedrive_graph.config.alert_channels import Mail
from pipedrive_graph.simulator.server import Options, Simulator

AT = datetime(2026, 11, 21, 2, 4, tzinfo=UTC)

NAMES = (
    "Title\x1b]0;owned\x07",  # sets the window's title
    "Copy\x1b]52;c;cm0gLXJmIH4=\x1b\\",  # writes the clipboard
    "Clear\x1b[2J\x1b[H",
    "C1\x9b2J\x90\x9c",
    "Reset\x1bc\x0e\x0f",
    "Back\x08\x08\x08\x7f",
    "Line\nroot:x:0:0\rx",
    "Override\u202egpj.exe\u202c",
    "Isolate\u2066a\u2069\u2067b\u2069",
    "Zero\u200bwidth\u200d\u2060\ufeff\xad",
    "Lines\u2028and\u2029paragraphs\x85",
    "Tag\U000e0041\U000e0042",
    "Null\x00byte",
    "=HYPERLINK(\"http://evil.example\")",
    "\uff1dcmd|'/c calc'!A1",
    "\uff0b1\uff0d1\uff20SUM(A1)",
)  # fmt: skip
"""Names with what a terminal obeys, what turns text around, what has no width, and what starts a formula."""

FORBIDDEN = re.compile(
    r"[\x00-\x09\x0b-\x1f\x7f-\x9f\xad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e007f]"
)
"""All of that but the line feed, which ends our own lines."""

COLOURS = re.compile(r"\x1b\[[0-9;]*m")
"""What this program itself writes to a terminal that has colours; no name above holds any."""

BAR = re.compile(r"\x1b\[(\?25[lh]|\d*[AKG])|\r")
"""What the bar of `sync` writes to a terminal beside its colours."""


@dataclass(frozen=True)
class Home:
    """An installation whose company has hostile names, and one of its findings."""

    installation: Installation
    finding: str


def name_all(simulator: Simulator) -> None:
    """Give the names to people, roles and sets, in turn; and to the company itself."""
    company = simulator.company
    for number, user in enumerate(company.users.values()):
        user.name = f"{NAMES[number % len(NAMES)]} {number}"
    for number, role in enumerate(company.roles.values()):
        role.name = f"{NAMES[(number + 5) % len(NAMES)]} {number}"
    for number, entry in enumerate(company.sets.values()):
        entry.name = f"{NAMES[(number + 9) % len(NAMES)]} {number}"


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """Two nights, with changes between them, and an open review; the simulator still answers."""
    folder = tmp_path_factory.mktemp("hostile")
    with Simulator(Options(users=30, limit=4000)) as simulator:
        name_all(simulator)
        installation = Installation.of(folder / "home", simulator)
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T02:00:00+00:00"
        installation.night()
        company = simulator.company
        people = [user for user in company.users.values() if user.active and not user.admin_apps]
        for user in people[:8]:
            company.grant(user.id, "can_delete_deals")
        company.move(people[2].id, sorted(company.roles)[1])
        company.remove_user(people[9].id)
        name_all(simulator)
        people[3].name = f"Renamed {NAMES[0]}"
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-21T02:00:00+00:00"
        installation.night()
        opened = installation.command("review", "open", "--out", str(folder / "review.csv"))
        assert opened.code == 0, opened.err
        assert not FORBIDDEN.search(opened.out + opened.err)
        finding = installation.command("findings", "--json").objects[0]["finding_id"]
        yield Home(installation, finding)


READING = [
    ["findings"],
    ["findings", "--status", "all"],
    ["findings", "--json"],
    ["findings", "FINDING"],
    ["findings", "FINDING", "--json"],
    ["changes", "--since", "2026-11-01"],
    ["changes", "--since", "2026-11-01", "--json"],
    ["review", "status"],
    ["review", "status", "--json"],
    ["doctor"],
    ["doctor", "--json"],
    ["verify"],
    ["verify", "--json"],
    ["plan"],
    ["plan", "--json"],
    ["alerts"],
    ["sql"],
    *(["sql", "FROM users", "--format", form] for form in ("table", "csv", "json", "markdown")),
    ["sql", "SELECT * FROM findings JOIN roles ON TRUE LIMIT 50"],
    ["sql", "SELECT error(name) FROM users ORDER BY user_id"],
    ["report"],
    ["export", "--format", "csv", "--out", "OUT/csv"],
    ["export", "--format", "bloodhound", "--out", "OUT/bloodhound"],
    ["export", "--format", "sarif", "--out", "OUT/sarif"],
]
"""Commands that print names, or could."""

FOR_PEOPLE = [
    words
    for words in READING
    if "--json" not in words and words[0] in {"findings", "changes", "review", "plan"}
] + [["sql", "FROM users"], ["sql", "FROM users", "--format", "csv"], ["doctor"], ["verify"]]
"""Those that lay out what they print for a terminal."""


def arguments_of(words: list[str], home: Home, folder: Path) -> list[str]:
    return [home.finding if word == "FINDING" else word.replace("OUT", str(folder)) for word in words]


@pytest.mark.parametrize("words", READING, ids=" ".join)
def test_a_command_in_a_pipe(hostile: Home, tmp_path: Path, words: list[str]) -> None:
    result = hostile.installation.command(*arguments_of(words, hostile, tmp_path))

    assert "Unexpected error" not in result.err
    # the lines of a CSV end as its standard says
    assert FORBIDDEN.findall((result.out + result.err).replace("\r\n", "\n")) == []


@pytest.mark.parametrize("words", FOR_PEOPLE, ids=" ".join)
def test_a_command_on_a_terminal(hostile: Home, tmp_path: Path, monkeypatch, words: list[str]) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    monkeypatch.setenv("COLUMNS", "100")

    printed = on_terminal(hostile.installation, arguments_of(words, hostile, tmp_path))

    assert FORBIDDEN.findall(COLOURS.sub("", printed).replace("\r\n", "\n")) == []


def on_terminal(installation: Installation, arguments: list[str]) -> str:
    """What a command writes to a terminal, byte by byte."""
    master, slave = pty.openpty()
    tty.setraw(slave)  # the terminal itself adds no carriage returns
    pieces: list[bytes] = []

    def read() -> None:
        while piece := _read(master):
            pieces.append(piece)

    reader = threading.Thread(target=read)
    reader.start()
    with (
        os.fdopen(slave, "w", encoding="utf-8") as terminal,
        installation._variables_set(),
        redirect_stdout(terminal),
        redirect_stderr(terminal),
    ):
        run(group, arguments)
    reader.join()
    os.close(master)
    return b"".join(pieces).decode()


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 65_536)
    except OSError:  # the other side is closed
        return b""


def test_the_names_are_there(hostile: Home) -> None:
    """Else the tests above would show nothing."""
    objects = hostile.installation.command("sql", "SELECT name FROM users", "--format", "json").objects
    names = " ".join(each["name"] for each in objects)
    assert all(name in names for name in NAMES)
    result = hostile.installation.command("findings", "--json")
    assert "\\u001b" in result.out


@pytest.mark.slow
def test_no_cell_of_a_csv_is_a_formula(hostile: Home, tmp_path: Path) -> None:
    query = (
        "SELECT name FROM users UNION ALL SELECT name FROM roles UNION ALL SELECT name FROM permission_sets"
    )
    result = hostile.installation.command("sql", query, "--csv")
    assert hostile.installation.command("export", "--format", "csv", "--out", str(tmp_path / "csv")).code == 0

    texts = [result.out, (tmp_path / "csv" / "users.csv").read_text(encoding="utf-8")]
    cells = [cell for text in texts for row in csv.reader(io.StringIO(text)) for cell in row]
    assert len(cells) > 200
    assert [cell for cell in cells if FORMULA.match(cell) and not cell.startswith("'")] == []
    assert len([cell for cell in cells if cell.startswith("'") and FORMULA.match(cell[1:])]) >= 3


@pytest.mark.slow
@pytest.mark.parametrize("command", ["waive", "ack"])
def test_a_decision_in_a_copy(hostile: Home, tmp_path: Path, command: str) -> None:
    copy = Installation(tmp_path / "home", dict(hostile.installation.variables))
    shutil.copytree(hostile.installation.home, copy.home)
    name = NAMES[1].replace("\x00", "")
    more = ["--note", name]
    if command == "waive":
        more = ["--reason", name, "--owner", name, "--until", "2027-01-01"]

    result = copy.command(command, hostile.finding, *more)

    assert FORBIDDEN.findall(result.out + result.err) == []


@pytest.mark.slow
def test_a_night_and_a_rebuild_on_a_terminal(hostile: Home, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setenv("TERM", "xterm-256color")
    copy = Installation(tmp_path / "home", dict(hostile.installation.variables))
    shutil.copytree(hostile.installation.home, copy.home)
    copy.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-22T02:00:00+00:00"

    for arguments in (["sync"], ["rebuild"]):
        printed = on_terminal(copy, arguments)
        assert "default" in printed or "Rebuilt" in printed
        assert FORBIDDEN.findall(BAR.sub("", COLOURS.sub("", printed))) == []


def test_a_process_on_a_terminal(hostile: Home) -> None:
    """The same from the outside, with the streams that the program gives itself."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    process = subprocess.Popen(
        [sys.executable, "-m", "pipedrive_graph", "findings"],
        env={**os.environ, **hostile.installation.environment, "TERM": "xterm-256color"},
        stdout=slave,
        stderr=slave,
    )
    os.close(slave)
    printed = b""
    while piece := _read(master):
        printed += piece
    os.close(master)

    assert process.wait() == 0
    assert len(printed) > 1000
    assert FORBIDDEN.findall(COLOURS.sub("", printed.decode())) == []


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("company", ["acme", "acme\r\nBcc: evil@example.com", "\uff1dacme"])
def test_no_name_adds_a_header_to_a_mail(name: str, company: str) -> None:
    injected = f"{name}\r\nBcc: evil@example.com\r\n\r\n<b>body</b>"
    finding = AlertedFinding("f1", "high", "rule", injected, "user", "7", None, "2026-11-21T02:00:00Z")
    message = Message(company, AT, (), {"critical": 0, "high": 1}, (finding,), None, ("f1",))
    mail = Mail("127.0.0.1", 25, "none", "Graph <graph@example.com>", ("ops@example.com",), None, None)

    written = _compose(mail, message).as_bytes()

    head, _, _ = written.replace(b"\r\n", b"\n").partition(b"\n\n")
    read = message_from_bytes(written, policy=policy.default)
    assert b"\nBcc" not in head
    assert "Bcc" not in read
    assert read["To"] == "ops@example.com"
    assert not FORBIDDEN.search(str(read["Subject"]))
