"""The bytes of the TOML files that people write: marks, line ends, encodings, and what cannot be read."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.config import alerts_file, policy, role_owners, toml, waivers
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.waivers import Waiver
from pipedrive_graph.errors import ConfigurationError

BOM = b"\xef\xbb\xbf"


def acme(home: Path) -> Settings:
    return Settings(home, (Company("acme"),))


FILES: dict[str, tuple[str, Callable[[Path], Any], Any]] = {
    "companies.toml": (
        '# our companies: Zürich\n[zurich]\napi_token_env = "ZURICH_TOKEN"\n',
        lambda home: [
            one.token_variable for one in settings_module.load({"PIPEDRIVE_GRAPH_HOME": str(home)}).companies
        ],
        ["ZURICH_TOKEN"],
    ),
    "findings.toml": (
        "# Zürich\n[thresholds]\ndormant_admin_days = 61\n",
        lambda home: policy.load(acme(home)).default.thresholds["dormant_admin_days"],
        61,
    ),
    "waivers.toml": (
        '# Zürich\n[[waiver]]\nrule = "shadow_admin"\nsubject = "Zoë"\nreason = "r"\nowner = "o"\n'
        "expires = 2026-12-31\n",
        lambda home: [waiver.subject for waiver in Configuration(acme(home)).waivers.of("acme")],
        ["Zoë"],
    ),
    "alerts.toml": (
        '# Zürich\n[[alert]]\nkind = "slack"\nurl_env = "SLACK_WEBHOOK_URL"\n',
        lambda home: [channel.url_variable for channel in alerts_file.read(acme(home)).usable().channels],
        ["SLACK_WEBHOOK_URL"],
    ),
    "reviews.toml": (
        '# Zürich\ndefault = "zoe@example.com"\n',
        lambda home: (found := role_owners.load(acme(home))) and found.of("acme").default,
        "zoe@example.com",
    ),
}


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK", "2026-11-20T09:00:00Z")


def refusal(home: Path, name: str) -> str:
    with pytest.raises(ConfigurationError) as raised:
        FILES[name][1](home)
    return str(raised.value).replace(str(home / name), "FILE")


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("mark", [b"", BOM, BOM + BOM], ids=["no mark", "a mark", "two marks"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"], ids=["LF", "CRLF", "CR"])
def test_any_editor_may_have_written_the_file(tmp_path, name: str, mark: bytes, end: str) -> None:
    text, load, value = FILES[name]
    (tmp_path / name).write_bytes(mark + text.replace("\n", end).encode())

    assert load(tmp_path) == value


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32"])
def test_utf_16_is_one_sentence(tmp_path, name: str, encoding: str) -> None:
    (tmp_path / name).write_bytes(FILES[name][0].encode(encoding))

    assert refusal(tmp_path, name) == "Cannot read FILE: it is UTF-16, not UTF-8; save the file as UTF-8."


@pytest.mark.parametrize("name", FILES)
def test_bytes_that_are_not_utf_8_are_named_by_their_line(tmp_path, name: str) -> None:
    (tmp_path / name).write_bytes(b"# first\r\n" + FILES[name][0].encode("latin-1"))

    assert refusal(tmp_path, name) == "Cannot read FILE: line 2 is not UTF-8; save the file as UTF-8."


@pytest.mark.parametrize("name", FILES)
def test_what_is_not_toml_is_named_by_its_line(tmp_path, name: str) -> None:
    (tmp_path / name).write_bytes(BOM + b"# first\r\n[[oops\r\n")

    assert refusal(tmp_path, name).startswith("Cannot read FILE: ")
    assert "line 2" in refusal(tmp_path, name)


@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("content", ["a = " + "[" * 5000, "a = " + "9" * 5000], ids=["nested", "digits"])
def test_what_the_parser_cannot_bear_is_one_sentence(tmp_path, name: str, content: str) -> None:
    (tmp_path / name).write_text(content)

    assert refusal(tmp_path, name).startswith("Cannot read FILE: ")


@pytest.mark.parametrize("name", FILES)
def test_a_folder_or_a_link_to_nothing_is_not_taken_for_no_file(tmp_path, name: str) -> None:
    (tmp_path / name).mkdir()
    assert refusal(tmp_path, name) == "Cannot read FILE: Is a directory."
    (tmp_path / name).rmdir()

    (tmp_path / name).symlink_to(tmp_path / "gone.toml")
    assert refusal(tmp_path, name) == "Cannot read FILE: it is a link to a file that does not exist."


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", FILES)
def test_a_folder_that_may_not_be_entered(tmp_path, name: str) -> None:
    home = tmp_path / "home"
    home.mkdir(mode=0o600)
    assert refusal(home, name) == "Cannot read FILE: Permission denied."


@given(st.binary(max_size=60))
def test_any_bytes_are_tables_or_one_sentence(
    tmp_path_factory: pytest.TempPathFactory, content: bytes
) -> None:
    file = tmp_path_factory.getbasetemp() / "any.toml"
    file.write_bytes(content)
    try:
        read: object = toml.read(file)
    except ConfigurationError as error:
        read = str(error)

    assert isinstance(read, dict) or (str(read).startswith(f"Cannot read {file}: ") and str(read)[-1] == ".")


@pytest.mark.parametrize("before", [BOM, b""])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_adding_a_waiver_keeps_the_mark_and_the_line_ends(tmp_path, before: bytes, end: str) -> None:
    file = tmp_path / "waivers.toml"
    text = FILES["waivers.toml"][0].replace("\n", end)
    file.write_bytes(before + text.encode())
    waiver = Waiver("shadow_admin", "b", None, "r", "o", date(2026, 12, 31))

    waivers.add(acme(tmp_path), lambda: ["shadow_admin"], "acme", waiver, title="Title.")

    added = [
        "", "# Title.", "[[waiver]]", 'company = "acme"', 'rule = "shadow_admin"', 'subject = "b"',
        'reason = "r"', 'owner = "o"', "expires = 2026-12-31", "",
    ]  # fmt: skip
    assert file.read_bytes() == before + text.encode() + end.join(added).encode()
    assert len(Configuration(acme(tmp_path)).waivers.of("acme")) == 2


PLACES = '''\
# a comment
"quoted key" = 1
acme.token = "a"
inline = {a = {b = 1}}
list = [
    1,
]

[table]   # with a comment
text = """
[not.a.table]
"""
[table.sub."x.y"]
key = 1
[[alert]]
to = [{a = 1}, {b = 2}]
[alert.more]
key = 1
[[ alert ]]
to = "b"
[[alert.each]]
key = 1
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("quoted key",), 2),
        (("acme",), 3),
        (("acme", "token"), 3),
        (("inline", "a", "b"), 4),
        (("list",), 7),
        (("table",), 9),
        (("table", "text"), 12),
        (("table", "sub"), 13),
        (("table", "sub", "x.y", "key"), 14),
        (("alert", 0), 15),
        (("alert", 0, "to", 1, "b"), 16),
        (("alert", 0, "more", "key"), 18),
        (("alert", 1), 19),
        (("alert", 1, "to"), 20),
        (("alert", 1, "each", 0, "key"), 22),
    ],
)
def test_the_line_of_a_setting(path: tuple[str | int, ...], line: int) -> None:
    assert toml.on_line(PLACES, *path) == f" (line {line})"


@pytest.mark.parametrize(
    "path", [("not",), ("table", "other"), ("list", 3), ("alert", 2), ("alert", 1, "more")]
)
def test_a_setting_that_is_not_there_has_no_line(path: tuple[str | int, ...]) -> None:
    assert toml.on_line(PLACES, *path) == ""


def test_the_lines_of_all_settings_are_found_by_reading_each_statement_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    companies = 50
    table = '[company{0}]\napi_token_env = "TOKEN_{0}"\nroster = "{0}.csv"\n'
    (tmp_path / "companies.toml").write_text("".join(table.format(number) for number in range(companies)))
    parsed: list[str] = []

    def loads(text: str, read: Callable[[str], dict[str, Any]] = tomllib.loads) -> dict[str, Any]:
        parsed.append(text)
        return read(text)

    monkeypatch.setattr(tomllib, "loads", loads)

    assert len(settings_module.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path)}).companies) == companies
    assert len(parsed) < 4 * companies


def test_a_file_that_no_person_wrote_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "waivers.toml"
    path.write_bytes(b"# " * (2 * 2**20 + 1))
    with pytest.raises(ConfigurationError, match=r"^Cannot read .*waivers.toml: it is larger than 4 MiB.$"):
        toml.read(path)
