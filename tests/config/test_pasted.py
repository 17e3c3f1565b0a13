"""A secret that is pasted where a name, a path or an address belongs is refused, and repeated nowhere."""

from __future__ import annotations

import random
import string

import pytest
from installation import Installation

from config.test_secrets import places
from pipedrive_graph.common import pasted
from pipedrive_graph.config import alerts_file, role_owners, settings
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.orchestration.configuration import load_leniently

_random = random.Random(4)  # noqa: S311 - the same tokens in every run


def token(first: str = "") -> str:
    """Forty hexadecimal digits, as Pipedrive's API tokens are."""
    return (first + "".join(_random.choices("0123456789abcdef", k=40)))[:40]


TOKENS = [token() for _ in range(500)] + [token(_random.choice("abcdef")) for _ in range(500)]
LETTERED = token("c")
PASSWORD = "hunter_two"  # noqa: S105 - a password that could be a variable's name


def test_no_token_is_the_name_of_a_variable() -> None:
    assert [one for one in TOKENS if pasted.is_variable_name(one)] == []
    assert [one for one in TOKENS if one in pasted.shown(f"There is no '{one}' in /srv/{one}/x.csv")] == []


@pytest.mark.parametrize(
    ("text", "is_name"),
    [
        ("ACME_TOKEN", True),
        ("_x", True),
        ("token2", True),
        ("PIPEDRIVE_API_TOKEN_OF_THE_SECOND_COMPANY", True),
        ("A" * 19, True),
        ("A" * 20, False),
        ("", False),
        ("2ND_TOKEN", False),
        ("ACME-TOKEN", False),
        ("$ACME_TOKEN", False),
        ("ACME_TOKEN\n", False),
        ("ÄCME_TOKEN", False),
    ],
)
def test_what_can_name_a_variable(text: str, is_name: bool) -> None:
    assert pasted.is_variable_name(text) is is_name


def test_words_are_no_secrets() -> None:
    for text in ("internationalbusinessmachines", "acme2024", "2026-11-01T02:00:00", string.digits * 3):
        assert pasted.shown(text) == text


def refusal(home, text: str, variables: dict[str, str] | None = None) -> str:
    if text:
        (home / "companies.toml").write_text(text)
    with pytest.raises(ConfigurationError) as caught:
        settings.load({"PIPEDRIVE_GRAPH_HOME": str(home), **(variables or {})})
    return str(caught.value)


@pytest.mark.parametrize("key", ["api_token_env", "client_id_env", "client_secret_env", "refresh_token_env"])
def test_each_setting_that_names_a_variable(tmp_path, key) -> None:
    other = "client_id_env" if key == "api_token_env" else "api_token_env"
    text = f'[acme]\n{other} = "NAME"\n\n# the token of an admin\n{key} = "{LETTERED}"\n'

    assert refusal(tmp_path, text) == (
        f"{tmp_path / 'companies.toml'}: [acme]: {key} (line 5) must be the name of the variable that holds"
        " the secret, such as ACME_TOKEN, and not the secret itself."
    )


@pytest.mark.parametrize(
    ("text", "variables", "sentence"),
    [
        (
            '[acme]\napi_token_env = "A"\nroster = "{}"',
            {},
            "{file}: [acme]: roster (line 3) holds what looks",
        ),
        ('[acme]\napi_token_env = "A"\nbase_url = "{}"', {}, "{file}: [acme]: base_url (line 3) must be a"),
        ('[acme]\napi_token_env = "A"\nbase_url = "https://x.example/{}"', {}, "{file}: [acme]: base_url "),
        ('[acme]\napi_token_env = "A"\ncollect = "{}"', {}, "{file}: [acme]: collect (line 3) must be "),
        ('[acme]\napi_token_env = "A"\n{} = 1', {}, "{file}: [acme]: '[hidden]' (line 3) is not a setting."),
        ('[{}]\napi_token_env = "A"', {}, "{file}: a table's name (line 1) holds what looks like a secret"),
        ('[a]\nb = 1\n["{} x"]\napi_token_env = "A"', {}, "{file}: [a] must name the variable of its token"),
        ('["{} x"]\napi_token_env = "A"', {}, "{file}: [[hidden] x]: '[hidden] x' cannot name a company"),
        ("", {"PIPEDRIVE_COMPANY": "{}"}, "The variable PIPEDRIVE_COMPANY holds what looks like a secret"),
        ("", {"PIPEDRIVE_ROSTER": "{}"}, "The variable PIPEDRIVE_ROSTER holds what looks like a secret"),
        ("", {"PIPEDRIVE_BASE_URL": "{}"}, "The variable PIPEDRIVE_BASE_URL must be a plain https"),
        ("", {"PIPEDRIVE_COLLECT": "{}"}, "The variable PIPEDRIVE_COLLECT must be "),
        ("", {"PIPEDRIVE_DAILY_LIMIT": "{}"}, "The variable PIPEDRIVE_DAILY_LIMIT must hold a number"),
    ],
)
def test_other_settings_do_not_repeat_a_token(tmp_path, text, variables, sentence) -> None:
    for secret in (LETTERED, token("7")):
        filled = {name: value.format(secret) for name, value in variables.items()}
        told = refusal(tmp_path, text.format(secret), filled)

        assert told.startswith(sentence.format(file=tmp_path / "companies.toml"))
        assert secret not in told


WAIVER = '[[waiver]]\nsubject = "1"\nreason = "r"\nowner = "o"\nexpires = 2026-12-01\n'


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("findings.toml", "{} = 1"),
        ("findings.toml", "[thresholds]\n{} = 1"),
        ("findings.toml", "[companies.{}]"),
        ("findings.toml", "[combinations.{}]\nx = 1"),
        ("findings.toml", '[rules]\nfolder = "{}"'),
        ("findings.toml", '[allowed]\nemail_domains = ["{}@"]'),
        ("findings.toml", "[{0}]\n[{0}]"),
        ("waivers.toml", "{} = 1"),
        ("waivers.toml", WAIVER + 'rule = "{}"'),
        ("waivers.toml", WAIVER + 'rule = "dormant_user"\ncompany = "{}"'),
        ("waivers.toml", WAIVER + 'rule = "dormant_user"\n{} = 1'),
        ("alerts.toml", "[{0}]\n[{0}]"),
        ("companies.toml", "[{0}]\n[{0}]"),
    ],
)
def test_no_file_of_settings_repeats_a_token(installation, file, text) -> None:
    installation.home.mkdir()
    (installation.home / file).write_text(text.format(LETTERED))

    result = installation.command("doctor")

    assert file in result.out + result.err
    assert LETTERED not in result.out + result.err


@pytest.mark.parametrize(
    "text", ["{} = 1", "[companies.{}]", '[owners]\n"{}" = "a@x.com"', '[owners]\n"{}" = 1']
)
def test_the_owners_of_a_review_do_not_repeat_a_token(tmp_path, text) -> None:
    (tmp_path / "reviews.toml").write_text(text.format(LETTERED))

    def load() -> None:
        found = role_owners.load(Settings(tmp_path, (Company("acme"),)))
        assert found
        found.check(["Sales"])

    with pytest.raises(ConfigurationError) as caught:
        load()

    assert LETTERED not in str(caught.value)


@pytest.mark.parametrize("variable", [True, False])
def test_a_token_is_no_partition_in_dagster(tmp_path, variable) -> None:
    variables = {"PIPEDRIVE_GRAPH_HOME": str(tmp_path)}
    if variable:
        variables["PIPEDRIVE_COMPANY"] = LETTERED
    else:
        (tmp_path / "companies.toml").write_text(f'[{LETTERED}]\napi_token_env = "A"')

    configuration = load_leniently(variables)

    assert [company.name for company in configuration.known.companies] == ["default"]
    assert LETTERED not in str(configuration.problem)


def test_a_home_that_is_a_token(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        ConfigurationError, match=r"^The variable PIPEDRIVE_GRAPH_HOME holds what looks like a"
    ):
        settings.load({"PIPEDRIVE_GRAPH_HOME": LETTERED})
    (tmp_path / LETTERED).mkdir()
    assert settings.load({"PIPEDRIVE_GRAPH_HOME": LETTERED}).folder == tmp_path / LETTERED


def test_a_company_keeps_the_name_under_which_it_has_data(tmp_path) -> None:
    name = "acmecorporation2024emea"
    with pytest.raises(ConfigurationError):
        settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path), "PIPEDRIVE_COMPANY": name})
    (tmp_path / "landing" / name).mkdir(parents=True)
    loaded = settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path), "PIPEDRIVE_COMPANY": name})
    assert loaded.companies[0].name == name


@pytest.mark.parametrize("key", ["url_env", "password_env"])
def test_alerts_name_the_line_and_not_the_secret(tmp_path, key) -> None:
    (tmp_path / "alerts.toml").write_text(
        '[[alert]]\nkind = "slack"\nurl_env = "SLACK_URL"\n\n'
        f'[[alert]]\nkind = "email"\nuser = "x"\n{key} = "{LETTERED}"\n'
    )
    with pytest.raises(ConfigurationError) as caught:
        alerts_file.read(Settings(tmp_path, (Company("acme"),))).usable()

    place = f"{tmp_path / 'alerts.toml'}: alert 2: {key} (line 8)"
    assert str(caught.value).startswith(f"{place} must be the name of the variable that holds the secret")
    assert LETTERED not in str(caught.value)


ALERTS = '[[alert]]\nkind = "slack"\nurl_env = "{}"\n'
PLAIN = '[default]\napi_token_env = "PIPEDRIVE_API_TOKEN"\nbase_url = "{url}"\n'


@pytest.mark.slow
@pytest.mark.parametrize(
    ("file", "text", "secret"),
    [
        ("companies.toml", '[acme]\napi_token_env = "{}"\nbase_url = "{url}"\n', LETTERED),
        ("companies.toml", '[acme]\napi_token_env = "{}"\nbase_url = "{url}"\n', PASSWORD),
        ("companies.toml", PLAIN + 'roster = "hr/{}"\n', LETTERED),
        ("alerts.toml", ALERTS, LETTERED),
        ("alerts.toml", ALERTS, PASSWORD),
    ],
)
def test_a_pasted_secret_is_written_nowhere(installation, simulator, tmp_path, file, text, secret) -> None:
    dagster_home = tmp_path / "dagster"
    dagster_home.mkdir()
    installation.home.mkdir()
    path = installation.home / file
    path.write_text(text.format(secret, url=simulator.url))
    installation.variables["DAGSTER_HOME"] = str(dagster_home)

    told = [
        installation.command(*arguments)
        for arguments in (("sync", "--json", "--debug"), ("doctor",), ("alerts",), ("plan",))
    ]

    assert secret not in "".join(one.out + one.err for one in told)
    path.unlink()
    assert places(installation.home, dagster_home, secret=secret) == []


@pytest.mark.slow
def test_a_token_as_the_name_of_a_company_is_not_repeated(installation: Installation) -> None:
    installation.night()
    for arguments in (
        ("sync",), ("plan",), ("alerts",), ("findings",), ("report",), ("changes", "--since", "2026-11-01"),
        ("export", "--format", "csv"), ("review", "status"), ("explore", "--headless"),
    ):  # fmt: skip
        result = installation.command(*arguments, "--company", LETTERED)

        assert result.code != 0, arguments
        assert LETTERED not in result.out + result.err, arguments


@pytest.mark.slow
def test_no_argument_that_is_a_token_is_repeated(installation: Installation) -> None:
    installation.night()
    reasons = ("--reason", "r", "--owner", "o", "--until", "2026-12-01")
    for arguments in (
        (LETTERED,), ("sync", f"--{LETTERED}"), ("doctor", LETTERED), ("sync", "--collect", LETTERED),
        ("report", "--since", LETTERED), ("changes", "--since", LETTERED), ("findings", LETTERED),
        ("findings", "--rule", LETTERED), ("ack", LETTERED), ("waive", LETTERED, *reasons),
        ("review", "import", LETTERED), ("simulate", "--users", LETTERED),
    ):  # fmt: skip
        result = installation.command(*arguments)

        assert result.code != 0, arguments
        assert LETTERED not in result.out + result.err, arguments
