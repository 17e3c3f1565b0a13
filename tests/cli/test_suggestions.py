"""Unknown names on the command line are refused with a suggestion."""

from __future__ import annotations

from pathlib import Path

import click
import pytest
from installation import Installation

from cli.test_arguments import OPTIONS

SECRET = "4f5a8c2b9e1d7f3a6b0c"  # noqa: S105 - it stands in for one


def error(told) -> str:
    """The sentence below the usage."""
    return told.err.splitlines()[-1]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["snyc"], "Error: No such command 'snyc'; did you mean sync?"),
        (["zzz"], "Error: No such command 'zzz'."),
        (["review", "imprt"], "Error: No such command 'imprt'; did you mean import?"),
        (["review", "zzz"], "Error: No such command 'zzz'."),
        (["sync", "--comapny", "acme"], "Error: No such option '--comapny'; did you mean --company?"),
        (["review", "status", "--jsn"], "Error: No such option '--jsn'; did you mean --json?"),
        (["--vresion"], "Error: No such option '--vresion'; did you mean --version?"),
        (["sync", "--zzz"], "Error: No such option '--zzz'."),
        (
            ["sync", "--collect", "every-usr"],
            "Error: Invalid value for '--collect': 'every-usr' is not one of 'every-user', 'by-access'; did"
            " you mean every-user?",
        ),
        (
            ["findings", "--severity", "critical", "--severity", "hihg"],
            "Error: Invalid value for '--severity': 'hihg' is not one of 'critical', 'high', 'medium', 'low',"
            " 'info'; did you mean high?",
        ),
        (
            ["dagster", "--only", "zzz"],
            "Error: Invalid value for '--only': 'zzz' is not one of 'web', 'daemon'.",
        ),
    ],
)
def test_the_name_that_may_be_meant(home: Path, arguments: list[str], sentence: str) -> None:
    result = Installation(home).command(*arguments)

    assert (result.code, result.out, error(result)) == (2, "", sentence)


def test_every_choice_of_every_command_is_suggested(home: Path) -> None:
    choices = [(path, option) for path, option in OPTIONS if isinstance(option.type, click.Choice)]
    assert len(choices) > 8
    for path, option in choices:
        first = str(option.type.choices[0])

        result = Installation(home).command(*path, option.opts[0], f"{first}x")

        assert result.code == 2
        assert f"'{first}x' is not one of '{first}'," in result.err
        assert "; did you mean " in error(result), (path, option)


def test_a_company_that_may_be_meant(home: Path) -> None:
    home.mkdir(0o700)
    (home / "companies.toml").write_text('[acme]\napi_token_env = "A"\n[globex]\napi_token_env = "B"\n')

    result = Installation(home).command("sync", "--company", "acmee")

    sentence = "The settings have no company 'acmee' (did you mean acme?); there is: acme, globex."
    assert (result.code, result.sentence) == (2, sentence)


@pytest.mark.parametrize(
    "arguments",
    [[SECRET], ["review", SECRET], [f"--{SECRET}"], ["sync", f"--{SECRET}"], ["sync", "--collect", SECRET],
     ["sync", "--company", SECRET], ["sync", SECRET]],
)  # fmt: skip
def test_what_looks_like_a_secret_is_not_repeated(home: Path, arguments: list[str]) -> None:
    result = Installation(home).command(*arguments)

    assert (result.code, result.out) == (2, "")
    assert SECRET not in result.err


@pytest.mark.parametrize(
    "arguments",
    [["a\x1b[31m"], ["review", "a\x1b[31m"], ["--a\x1b[31m"], ["sync", "--collect", "a\u202eb\x1b[31m"],
     ["sync", "a\x1b[31m"], ["findings", "--rule", "a\x1b[31m"], ["sync", "--company", "a\x1b[31m"]],
)  # fmt: skip
def test_an_unknown_name_is_printed_without_what_a_terminal_obeys(home: Path, arguments: list[str]) -> None:
    result = Installation(home).command(*arguments)

    assert result.code in {1, 2}
    assert not set("\x1b\u202e") & set(result.out + result.err)
