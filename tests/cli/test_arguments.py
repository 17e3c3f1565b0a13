"""Options that are repeated or empty are used or refused, never silently ignored."""

from __future__ import annotations

import json
from collections.abc import Iterator

import click
import pytest
from installation import Installation

from pipedrive_graph.cli.app import group


def walk(command: click.Command, *path: str) -> Iterator[tuple[tuple[str, ...], click.Parameter]]:
    """Every option and argument of every command, with the words that lead to the command."""
    context = click.Context(command)
    if path:
        for parameter in command.get_params(context):
            if not parameter.is_eager:
                yield path, parameter
    if isinstance(command, click.Group):
        for name in command.list_commands(context):
            below = command.get_command(context, name)
            assert below is not None
            yield from walk(below, *path, name)


ALL = list(walk(group))
OPTIONS = [(path, option) for path, option in ALL if isinstance(option, click.Option)]


def test_the_walk_finds_them() -> None:
    words = {(*path, option.opts[0]) for path, option in OPTIONS}
    assert {("sync", "--company"), ("review", "open", "--due"), ("simulate", "--null-lists")} <= words
    assert len(OPTIONS) > 80


def test_an_option_is_given_once_or_each_of_its_values_counts(home) -> None:
    for path, option in OPTIONS:
        if option.multiple:
            continue  # that each counts is tested below
        given = [option.opts[0]] if option.is_flag else [option.opts[0], "1"]

        result = Installation(home).command(*path, *given, *given)

        sentence = result.err.splitlines()[-1]  # below a traceback, where the option is --debug
        assert result.code == 2, (path, given)
        assert option.opts[0] in sentence
        assert sentence.endswith(" can be given only once.")
        assert not home.exists()


@pytest.mark.parametrize("blank", ["", " \r"])
def test_an_empty_value_is_refused(home, blank) -> None:
    for path, parameter in ALL:
        option = isinstance(parameter, click.Option)
        if option and parameter.is_flag:
            continue

        result = Installation(home).command(*path, *([parameter.opts[0]] if option else []), blank)

        name = parameter.opts[0] if option else parameter.name.upper()
        assert (result.code, result.sentence) == (
            2,
            f"{name} is empty. Is the variable that should fill it set?",
        ), path
        assert not home.exists()


def test_one_empty_value_of_several_is_refused(home) -> None:
    result = Installation(home).command("sync", "--company", "a", "--company=")

    assert (result.code, result.sentence) == (
        2,
        "--company is empty. Is the variable that should fill it set?",
    )


def test_two_names_of_one_option_are_refused(home) -> None:
    result = Installation(home).command("sql", "SELECT 1", "--format", "json", "--csv")

    assert (result.code, result.sentence) == (2, "--format or --csv can be given only once.")


REPEATABLE = {
    ("sync", "--company"), ("plan", "--company"), ("alerts", "--company"), ("report", "--company"),
    ("changes", "--company"), ("changes", "--kind"), ("export", "--company"), ("findings", "--company"),
    ("findings", "--severity"), ("findings", "--rule"), ("review", "status", "--company"),
}  # fmt: skip


def test_what_may_be_repeated() -> None:
    assert {(*path, option.opts[0]) for path, option in OPTIONS if option.multiple} >= REPEATABLE


@pytest.mark.slow
def test_every_company_that_is_named_counts(home, serve) -> None:
    simulators = {name: serve(users=12, seed=seed) for seed, name in enumerate(("alpha", "beta", "gamma"), 1)}
    home.mkdir()
    (home / "companies.toml").write_text(
        "".join(
            f'[{name}]\napi_token_env = "{name.upper()}_TOKEN"\nbase_url = "{simulator.url}"\n'
            for name, simulator in simulators.items()
        )
    )
    tokens = {f"{name.upper()}_TOKEN": simulator.token for name, simulator in simulators.items()}
    installation = Installation(home, tokens)
    two = ("--company", "beta", "--company", "alpha", "--company", "beta")

    def companies(*arguments: str) -> list[str]:
        result = installation.command(*arguments)
        assert result.code == 0, result.err
        return [line["company"] for line in result.objects]

    assert companies("sync", "--json", *two) == ["beta", "alpha"]
    assert simulators["gamma"].requests == []
    assert companies("plan", "--json", *two) == ["beta", "alpha"]
    assert {*companies("sync", "--json", "--company", "gamma")} == {"gamma"}
    simulators["gamma"].company.deactivate(simulators["gamma"].company.plain_user_id)
    simulators["beta"].company.deactivate(simulators["beta"].company.plain_user_id)
    assert companies("sync", "--json") == ["alpha", "beta", "gamma"]

    assert {*companies("findings", "--json", *two)} == {"alpha", "beta"}
    assert {*companies("changes", "--since", "2020-01-01", "--json", *two)} == {"beta"}
    written = installation.command("report", *two).out.splitlines()
    assert [line.split("/")[-2] for line in written] == ["beta", "alpha"]
    exported = installation.command("export", "--format", "jsonl", "--tables", "users", *two)
    assert exported.code == 0
    lines = (home / "exports" / "jsonl" / "users.jsonl").read_text().splitlines()
    assert {json.loads(line)["company"] for line in lines} == {"alpha", "beta"}
    for company in ("alpha", "beta", "gamma"):
        out = str(home / f"{company}.csv")
        assert installation.command("review", "open", "--company", company, "--out", out).code == 0
    assert {*companies("review", "status", "--json", *two)} == {"alpha", "beta"}
