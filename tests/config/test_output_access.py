"""Who may open the published file, reports and exports: [output] in settings.toml."""

from __future__ import annotations

import grp
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from installation import UNJUDGED, Installation

from pipedrive_graph.builder import build
from pipedrive_graph.reports.findings_csv import write_findings
from pipedrive_graph.simulator.server import Options, Simulator

ANALYST, OTHER, GROUP = 4001, 4002, 65534
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files to another group")
NAME = grp.getgrgid(GROUP).gr_name


@pytest.fixture(scope="module")
def night(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    """An installation after a night, without settings.toml."""
    with Simulator(Options(users=8, limit=2000)) as simulator:
        installation = Installation.of(tmp_path_factory.mktemp("output") / "home", simulator, UNJUDGED)
        installation.night()
        assert installation.command("report").code == 0
        assert installation.command("export", "--format", "csv").code == 0
        yield installation


@pytest.fixture
def copied(night: Installation) -> Iterator[Installation]:
    """A copy that other users can reach."""
    place = Path(tempfile.mkdtemp())
    place.chmod(0o755)
    shutil.copytree(night.home, place / "home")
    yield Installation(place / "home", dict(night.variables), UNJUDGED)
    shutil.rmtree(place)


def written(installation: Installation) -> dict[str, tuple[int, str]]:
    """Group and mode of everything in the home folder."""
    paths = [installation.home, *installation.home.rglob("*")]
    states = {str(path.relative_to(installation.home)): path.stat() for path in paths}
    return {name: (state.st_gid, f"{state.st_mode & 0o777:04o}") for name, state in states.items()}


def counted(published: Path, group: int) -> subprocess.CompletedProcess[str]:
    """Let another user open the published file and count the users in it; DuckDB is imported by then."""
    query = (
        f"connect({str(published)!r}, read_only=True).table('users').aggregate('count(*)').fetchall()[0][0]"
    )
    become = f"os.setgroups([]); os.setgid({group}); os.setuid({ANALYST})"
    program = f"import os, duckdb; {become}; print(duckdb.{query})"
    return subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)


def publish(installation: Installation) -> None:
    """Publish, which is the part of a night that sets group and mode."""
    build.publish(installation.settings, UNJUDGED, on_wait=print)


def reads(path: Path, group: int) -> bool:
    """Whether another user can read a file, or list a folder."""
    program = "ls" if path.is_dir() else "cat"
    return not subprocess.run(
        [program, path], user=ANALYST, group=group, extra_groups=[], capture_output=True, check=False
    ).returncode


@pytest.mark.slow
@as_root
def test_members_of_the_group_open_the_output_and_nothing_else(copied: Installation) -> None:
    (copied.home / "settings.toml").write_text(f'[output]\ngroup = "{NAME}"\n')
    (copied.home / "settings.toml").chmod(0o600)

    publish(copied)
    before = written(copied)
    assert copied.command("report").code == 0
    assert copied.command("export", "--format", "graphml").code == 0
    write_findings(copied.settings, "default")

    # what is there is opened by the night; what comes later is written so
    assert before["exports/csv/users.csv"] == (GROUP, "0640")
    found = written(copied)
    output = {name: state for name, state in found.items() if state[0] == GROUP}
    assert {output.pop(".")} == {(GROUP, "0710")}
    folders = {name for name in output if (copied.home / name).is_dir()}
    assert folders == {"reports", "reports/default", "exports", "exports/csv", "exports/graphml"}
    assert {output[name][1] for name in folders} == {"0750"}
    assert {state for name, state in output.items() if name not in folders} == {(GROUP, "0640")}
    assert {
        "identity_graph.duckdb",
        "reports/default/access_report.html",
        "exports/graphml/graph.graphml",
    } <= {*output}
    rest = {state[1] for name, state in found.items() if name not in {*output, "."}}
    assert rest == {"0600", "0700"}
    for name in output:
        assert (reads(copied.home / name, GROUP), reads(copied.home / name, OTHER)) == (True, False), name
    for name in (".", "landing", "warehouse.duckdb", "settings.toml"):
        assert not reads(copied.home / name, GROUP), name
    member, stranger = counted(copied.published, GROUP), counted(copied.published, OTHER)
    assert (member.stdout, member.stderr) == ("8\n", "")
    assert stranger.returncode == 1
    assert "Permission denied" in stranger.stderr


@as_root
def test_without_the_setting_output_is_its_owners_alone_again(copied: Installation) -> None:
    (copied.home / "settings.toml").write_text(f"[output]\ngroup = {GROUP}\nmode = '0644'\n")
    publish(copied)
    assert written(copied)["exports/csv/users.csv"] == (GROUP, "0644")
    assert written(copied)["reports"] == (GROUP, "0755")
    (copied.home / "settings.toml").unlink()

    publish(copied)

    modes = {mode for name, (_, mode) in written(copied).items() if name != "."}
    assert modes == {"0600", "0700"}


@pytest.mark.slow
@pytest.mark.parametrize("command", [("report",), ("export", "--format", "csv"), ("review", "open")])
@as_root
def test_what_is_written_elsewhere_is_its_writers_alone(copied: Installation, command) -> None:
    (copied.home / "settings.toml").write_text(f"[output]\ngroup = {GROUP}\n")
    for folder, expected in ((copied.home.parent, 0o600), (copied.home, 0o640)):
        out = folder / "written.csv"

        result = copied.command(*command, "--out", str(out))

        assert result.code == 0, result
        files = [out, *out.rglob("*")] if out.is_dir() else [out]
        state = files[-1].stat()
        assert (state.st_gid == GROUP, state.st_mode & 0o777) == (expected == 0o640, expected)


def test_a_file_that_differs_is_a_warning(copied: Installation) -> None:
    path = copied.home / "exports" / "csv" / "users.csv"
    path.chmod(0o666)
    group = grp.getgrgid(path.stat().st_gid).gr_name
    text = (
        f"{path} (group {group}, mode 0666) differs from [output] in settings.toml, which means mode 0600;"
        " the next sync of its owner sets it."
    )
    for command in ("doctor", "verify"):
        result = copied.command(command, "--json")
        found = [check for check in result.objects if check["check"] == "output"]
        assert [(check["state"], check["exit_code"], check["text"]) for check in found] == [
            ("warning", 0, text)
        ]


@pytest.mark.parametrize("command", ["sync", "doctor"])
@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('group = "nosuchgroup"', "output.group: the group 'nosuchgroup' does not exist on this machine."),
        (
            f'group = "{NAME}"\nmode = "0600"',
            f"output.mode: 0600 does not let the group '{NAME}' read; use 0640, or leave output.group out.",
        ),
    ],
)
def test_a_group_that_cannot_read_is_refused(copied: Installation, command, text, sentence) -> None:
    (copied.home / "settings.toml").write_text(f"[output]\n{text}\n")

    result = copied.command(command)

    assert (result.code, result.sentence) == (2, f"{copied.home}/settings.toml: {sentence}")


@as_root
def test_a_group_to_which_this_user_may_not_give_files_is_refused(copied: Installation, monkeypatch) -> None:
    (copied.home / "settings.toml").write_text(f'[output]\ngroup = "{NAME}"\n')
    for path in (copied.home, *copied.home.rglob("*")):
        os.chown(path, ANALYST, ANALYST)
    monkeypatch.setattr(os, "geteuid", lambda: ANALYST)
    monkeypatch.setattr(os, "getgroups", lambda: [ANALYST])
    monkeypatch.setattr(os, "getegid", lambda: ANALYST)

    result = copied.command("doctor")

    assert (result.code, result.sentence) == (
        2,
        f"{copied.home}/settings.toml: output.group: this process runs as 4001, who is not a member of the"
        f" group '{NAME}', and cannot give files to it; run `sudo usermod -aG {NAME} 4001`, then start the"
        " service or log in again.",
    )


@as_root
def test_a_home_that_another_group_writes_is_not_given_away(copied: Installation, monkeypatch) -> None:
    """Its new group could write it, and the old one no longer."""
    (copied.home / "settings.toml").write_text(f'[output]\ngroup = "{NAME}"\n')
    os.chown(copied.home, 0, 1)
    copied.home.chmod(0o770)
    monkeypatch.setenv("PIPEDRIVE_GRAPH_GROUP", "1")
    writers = grp.getgrgid(1).gr_name

    result = copied.command("sync")

    assert (result.code, result.sentence) == (
        2,
        f"{copied.home}/settings.toml: output.group: members of '{NAME}' cannot pass through {copied.home}"
        f" (group {writers}, mode 0770), and this process cannot change that; run `chmod o+x {copied.home}`"
        " as its owner, or name its group.",
    )


@pytest.mark.slow
def test_a_publish_that_is_cut_off_leaves_the_file_with_its_group(copied: Installation, monkeypatch) -> None:
    """The new file has its mode before it has its name."""
    (copied.home / "settings.toml").write_text('[output]\nmode = "0640"\n')
    publish(copied)
    published = copied.published.stat()
    monkeypatch.setattr(
        "pipedrive_graph.common.files.put_in_place",
        lambda temporary, _: pytest.fail(f"{temporary.stat().st_mode & 0o777:04o}"),
    )

    with pytest.raises(pytest.fail.Exception, match="0640"):
        publish(copied)

    assert (copied.published.stat().st_ino, published.st_mode & 0o777) == (published.st_ino, 0o640)
