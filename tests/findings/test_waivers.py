"""waivers.toml: reading it, error messages, and adding a waiver."""

from __future__ import annotations

import tomllib
from datetime import date, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st

from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.config import waivers
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.config.waivers import Waiver, Waivers
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.findings import custom_rules

PAGE = Path(__file__).parents[2] / "docs" / "findings.md"

WAIVER = """
[[waiver]]
rule = "unexplained_permission"
subject = "Ana@example.com"
object = "can_use_api"
reason = "Runs the export"
owner = "Kim Lee"
expires = 2027-03-31
"""


@pytest.fixture(autouse=True)
def november(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock of all tests here."""
    monkeypatch.setenv("PIPEDRIVE_GRAPH_CLOCK", "2026-11-20T09:00:00Z")


def settings(home: Path, text: str | None = None) -> Settings:
    if text is not None:
        (home / "waivers.toml").write_text(text, encoding="utf-8")
    return Settings(home, (Company("acme"), Company("beta")))


def load(ours: Settings) -> Waivers:
    return Configuration(ours).waivers


def rules() -> set[str]:
    """The names of the rules that are shipped."""
    return custom_rules.names(Path("/nowhere"))


def test_no_file_is_no_waiver(tmp_path) -> None:
    assert load(settings(tmp_path)).of("acme") == []


def test_a_waiver_is_for_all_companies_or_for_one(tmp_path) -> None:
    read = load(settings(tmp_path, WAIVER + WAIVER.replace("]]", ']]\ncompany = "beta"') + WAIVER))
    waiver = Waiver(
        "unexplained_permission",
        "Ana@example.com",
        "can_use_api",
        "Runs the export",
        "Kim Lee",
        date(2027, 3, 31),
    )

    assert read.of("acme") == [waiver]
    assert read.of("beta") == [waiver]
    only = load(settings(tmp_path, WAIVER.replace("]]", ']]\ncompany = "beta"')))
    assert [only.of("acme"), only.of("beta")] == [[], [waiver]]


def test_an_id_may_be_written_as_a_number(tmp_path) -> None:
    read = load(settings(tmp_path, WAIVER.replace('"Ana@example.com"', "17")))

    assert [waiver.subject for waiver in read.of("acme")] == ["17"]


def test_a_waiver_is_the_same_until_it_is_changed(tmp_path) -> None:
    (first,) = load(settings(tmp_path, WAIVER)).of("acme")
    (same,) = load(settings(tmp_path, "# a comment\n" + WAIVER)).of("acme")
    (other,) = load(settings(tmp_path, WAIVER.replace("Runs", "Still runs"))).of("acme")

    assert first.waiver_id == same.waiver_id != other.waiver_id
    assert Waiver.of(first.written) == first


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("expires = 2027-03-31", "", "'expires' is missing."),
        (
            "2027-03-31",
            '"2027-03-31"',
            "expires (line 16): must be a date without quotes, such as 2027-03-31.",
        ),
        (
            "2027-03-31",
            "2027-03-31T10:00:00",
            "expires (line 16): must be a date without quotes, such as 2027-03-31.",
        ),
        (
            "2027-03-31",
            "2027-11-22",
            "expires: 2027-11-22 is more than 366 days away; use 2027-11-21 or earlier.",
        ),
        ('"Kim Lee"', '"  "', "owner (line 15): must not be empty."),
        ('"Runs the export"', "true", "reason (line 14): must be a text."),
        ('reason = "Runs', 'reasons = "Runs', "'reason' is missing."),
        ("rule =", 'ruel = "x"\nrule =', "'ruel' (line 11) is not a key of a waiver; did you mean rule?"),
        ("rule =", 'company = "acne"\nrule =', "company: unknown company acne; did you mean acme?"),
        ("subject =", "subject = true #", "subject (line 12): must be a text."),
        (
            "unexplained_permission",
            "dormnt_admin",
            "unknown rule dormnt_admin; did you mean dormant_admin?",
        ),
        ("unexplained_permission", "9", "unknown rule 9."),
    ],
)
def test_a_mistake_names_the_waiver_and_the_key(tmp_path, old: str, new: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(settings(tmp_path, WAIVER + WAIVER.replace(old, new)))

    assert str(raised.value) == f"{tmp_path}/waivers.toml: waiver 2: {message}"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[waiver]\nrule = 1", "write each waiver below a line [[waiver]]."),
        ("waiver = [1]", "write each waiver below a line [[waiver]]."),
        ("[[waivers]]", "'waivers' is not a setting; write [[waiver]]."),
    ],
)
def test_a_file_of_another_form_is_refused(tmp_path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(settings(tmp_path, text))

    assert str(raised.value) == f"{tmp_path}/waivers.toml: {message}"


@pytest.mark.parametrize("content", [b"\xff", b"[[waiver]"])
def test_a_file_that_is_no_toml_is_refused(tmp_path, content: bytes) -> None:
    (tmp_path / "waivers.toml").write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"^Cannot read .*waivers.toml: .*\.$"):
        load(settings(tmp_path))


def test_a_rule_may_be_one_of_their_own_that_cannot_be_run_today(tmp_path) -> None:
    (tmp_path / "findings.toml").write_text('[rules]\nfolder = "ours"\n')
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours" / "ana_is_watched.sql").write_text("SELEC")
    text = WAIVER.replace("unexplained_permission", "ana_is_watched")

    assert [waiver.rule for waiver in load(settings(tmp_path, text)).of("acme")] == ["ana_is_watched"]
    with pytest.raises(ConfigurationError, match=r"unknown rule ana_is_wached; did you mean ana_is_watched"):
        load(settings(tmp_path, text.replace("watched", "wached")))


def test_what_is_over_may_stay_in_the_file(tmp_path) -> None:
    assert load(settings(tmp_path, WAIVER.replace("2027-03-31", "2025-01-01"))).of("acme")


def test_a_waiver_is_added_and_the_comments_stay(tmp_path) -> None:
    ours = settings(tmp_path, f"# Ours.\n{WAIVER}   # the last line")
    waiver = Waiver("single_admin", "77", None, 'A "small" firm', "Kim", date(2027, 1, 31))

    waivers.add(ours, rules, "acme", waiver, title="Only one\nadmin.")

    text = (tmp_path / "waivers.toml").read_text()
    assert text == (
        f"# Ours.\n{WAIVER}   # the last line\n"
        "\n# Only one\N{REPLACEMENT CHARACTER}admin.\n[[waiver]]\n"
        'company = "acme"\nrule = "single_admin"\nsubject = "77"\nreason = "A \\"small\\" firm"\n'
        'owner = "Kim"\nexpires = 2027-01-31\n'
    )
    assert load(ours).of("acme")[1:] == [waiver]
    assert (tmp_path / "waivers.toml").stat().st_mode & 0o777 == 0o600


def test_a_waiver_of_the_same_finding_is_replaced(tmp_path) -> None:
    ours = settings(tmp_path)
    waiver = Waiver("single_admin", "77", None, "small", "Kim", date(2027, 1, 31))
    later = Waiver("single_admin", "77", None, "still small", "Lee", date(2027, 2, 28))
    waivers.add(ours, rules, "acme", waiver, title="Only one admin.")
    waivers.add(ours, rules, "beta", waiver, title="Only one admin.")
    (tmp_path / "waivers.toml").write_text((tmp_path / "waivers.toml").read_text() + "# end\n")

    waivers.add(ours, rules, "acme", later, title="Only one admin.")

    assert load(ours).of("acme") == [later]
    assert load(ours).of("beta") == [waiver]
    assert (tmp_path / "waivers.toml").read_text().endswith("# end\n")


def test_nothing_is_added_to_a_file_that_cannot_be_used(tmp_path) -> None:
    ours = settings(tmp_path, "[[waiver]]\nrule = 1\n")

    with pytest.raises(ConfigurationError):
        waivers.add(ours, rules, "acme", Waiver("a", "b", None, "c", "d", date(2027, 1, 1)), title="t")

    assert (tmp_path / "waivers.toml").read_text() == "[[waiver]]\nrule = 1\n"


TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1).filter(
    lambda text: text.strip() == text
)


@pytest.mark.slow
@examples(deadline=None)  # files are written and synced
@given(
    st.lists(
        st.builds(
            Waiver,
            st.sampled_from(["dormant_user", "single_admin", "toxic_combination"]),
            TEXTS,
            st.none() | TEXTS,
            TEXTS,
            TEXTS,
            st.integers(0, 366).map(lambda days: date(2026, 11, 20) + timedelta(days)),
        ),
        min_size=1,
        max_size=3,
    ),
    TEXTS,
)
def test_whatever_is_added_is_read_again(tmp_path_factory, found: list[Waiver], title: str) -> None:
    ours = settings(tmp_path_factory.mktemp("home"))
    for waiver in found:
        waivers.add(ours, rules, "acme", waiver, title=title)

    read = load(ours).of("acme")

    assert {(one.rule, one.subject, one.object) for one in read} == {
        (one.rule, one.subject, one.object) for one in found
    }
    assert found[-1] in read


def test_the_example_in_the_docs_can_be_used(tmp_path) -> None:
    blocks = PAGE.read_text(encoding="utf-8").split("```toml\n")[1:]
    (text,) = (block for each in blocks if "[[waiver]]" in (block := each.partition("```")[0]))

    assert len(load(settings(tmp_path, text)).of("acme")) == len(tomllib.loads(text)["waiver"]) > 1
