"""A `forget` that is killed, meets a full disk, or meets another process."""

from __future__ import annotations

import os
import resource

import pytest
from published import tables

from pipedrive_graph.errors import NoSpaceError
from pipedrive_graph.forget import stage
from pipedrive_graph.forget.stage import Stage

from .homes import Home, contents

pytestmark = pytest.mark.slow
"""The home that they copy takes 20 seconds; test_age has one of its own in every run."""

BEFORE = ("--before", "2026-11-03", "--company", "alpha")


class Killed(BaseException):
    """Ends a process at a place, as a kill does: nothing is cleaned up by what it passes."""


@pytest.fixture(scope="module")
def committed(played: Home, tmp_path_factory: pytest.TempPathFactory):
    """A home whose `forget` was killed when all was prepared and nothing exchanged; and one that was not."""
    folder = tmp_path_factory.mktemp("committed")
    whole, killed = played.copy(folder / "whole"), played.copy(folder / "killed")
    assert whole.forget(*BEFORE).code == 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Stage, "_put_in_place", _killed)
        with pytest.raises(Killed):
            killed.forget(*BEFORE)
    return killed, whole


def _killed(*_: object, **__: object) -> None:
    raise Killed


def test_one_that_is_killed_while_it_prepares_has_changed_nothing(home: Home, monkeypatch) -> None:
    before = contents(home.path)
    with monkeypatch.context() as patch:
        patch.setattr("pipedrive_graph.forget.run.build.rebuild", _killed)
        patch.setattr("pipedrive_graph.forget.run._prepared", lambda stage: _only_prepared(stage))
        with pytest.raises(Killed):
            home.forget(*BEFORE)
    assert (home.path / ".forget").is_dir()
    result = home.installation.command("forget", "--finish")
    assert (result.code, result.err) == (
        0,
        "An earlier `forget` was interrupted before it changed anything; its prepared files are removed.\n",
    )
    assert contents(home.path) == before
    assert home.faults() == []


class _only_prepared:  # noqa: N801 - stands for a function
    """Prepares the stage, and cleans nothing up."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def __enter__(self) -> None:
        self.stage.prepare()

    def __exit__(self, *_: object) -> None:
        pass


@pytest.mark.parametrize("place", [0, 1, 3, 8, 9, 99])
def test_one_that_is_killed_while_it_exchanges_is_finished(
    committed: tuple[Home, Home], tmp_path, monkeypatch, place: int
) -> None:
    killed, whole = committed
    home = killed.copy(tmp_path / "home")
    _relink(home, killed)
    calls = iter(range(100))
    exchange = stage._exchange

    def until(*arguments: object) -> None:
        if next(calls) == place:
            raise Killed
        exchange(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(stage, "_exchange", until)
        if place < 99:
            with pytest.raises(Killed):
                home.installation.command("forget", "--finish")
    (fault, *_) = home.faults("--quick")
    assert fault == (
        "A `pipedrive-graph forget` was interrupted while it applied its changes"
        f" ({home.path / '.forget'}): run `pipedrive-graph forget --finish`, or sync, which finishes it"
        " first."
    )
    refused = home.installation.command("rebuild")
    assert (refused.code, refused.sentence) == (1, fault)

    result = home.installation.command("forget", "--finish")

    assert (result.code, result.err) == (0, "An earlier `forget` was interrupted; it is finished now.\n")
    assert home.faults() == []
    assert tables(home.published) == tables(whole.published)
    assert {*contents(home.path)} == {*contents(whole.path)}
    assert home.installation.command("forget", "--finish").err == "No forget was interrupted.\n"


def test_sync_finishes_one_that_was_interrupted(committed: tuple[Home, Home], tmp_path) -> None:
    killed, whole = committed
    home = killed.copy(tmp_path / "home")
    _relink(home, killed)
    file = home.path / "companies.toml"
    file.write_text(file.read_text().replace("[alpha]\n", "[alpha]\nretention_days = 400\n"))
    home.at(4)
    result = home.installation.command("sync", "--company", "alpha", "--json")
    assert (result.code, whole.snapshots(), home.snapshots()) == (0, ["03"], ["03", "04"])
    assert "An earlier `forget` was interrupted; it is finished now." in result.err
    assert home.faults() == []


def test_sync_removes_what_is_older_than_the_setting_allows(home: Home) -> None:
    file = home.path / "companies.toml"
    file.write_text(file.read_text().replace("[alpha]\n", "[alpha]\nretention_days = 1\n"))
    home.at(4)
    result = home.installation.command("sync", "--company", "alpha", "--json")
    assert (result.code, home.snapshots(), home.snapshots("beta")) == (0, ["03", "04"], ["01"])
    assert "Removed 2 snapshots older than retention_days = 1" in result.err
    assert home.faults() == []
    # a limit that a full disk keeps from being kept is said, and the night is published
    home.at(5)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pipedrive_graph.forget.run.build.rebuild", _full)
        home.at(6, 3)
        full = home.installation.command("sync", "--company", "alpha")
    assert full.code == 1
    assert "No space is left" in full.err
    assert home.snapshots() == ["03", "04", "06"]
    assert home.faults() == []


def _full(*_: object, **__: object) -> None:
    raise NoSpaceError("No space is left to write it; free some and try again.")


def _relink(home: Home, of: Home) -> None:
    """Let the links of a copied stage lead into the copy."""
    for link in (home.path / ".forget" / "new").rglob("*"):
        if link.is_symlink():
            target = str(link.readlink()).replace(str(of.path), str(home.path))
            link.unlink()
            link.symlink_to(target)


def test_a_company_that_is_being_collected(home: Home) -> None:
    before = contents(home.path)
    with home.installation.landing("alpha").lock():
        told = home.forget(*BEFORE)
    assert (told.code, told.sentence) == (
        1,
        f"Another process ({os.getpid()}) is collecting company 'alpha'; wait until it has ended, then try"
        " again.",
    )
    assert contents(home.path) == before


def test_a_sync_waits_for_a_forget(home: Home) -> None:
    home.installation.variables["PIPEDRIVE_GRAPH_LOCK_WAIT"] = "0"
    with stage.locked(home.path, on_wait=print) as held:
        held.prepare()
        result = home.installation.command("sync", "--company", "alpha")
    assert result.code == 1
    assert f"Another process ({os.getpid()}) is deleting old data (since " in result.err


def test_a_full_disk_changes_nothing(home: Home) -> None:
    before = contents(home.path)
    result = home.installation.on_a_full_disk(200_000, "forget", *BEFORE, "--reason", "policy 7", "--yes")
    assert (result.code, "No space is left to write" in result.err) == (1, True)
    assert contents(home.path) == before
    assert not (home.path / ".forget").exists()
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
