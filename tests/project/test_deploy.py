"""What deploy/ ships runs: systemd accepts the units, and the lines for cron need no environment."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
UNITS = sorted((ROOT / "deploy" / "systemd").iterdir())
SERVICES = [unit for unit in UNITS if unit.suffix == ".service"]
BIN = "/opt/pipedrive-graph/.venv/bin/"
ENVIRONMENT = "/etc/pipedrive-graph.env"
STATE = "/var/lib/pipedrive-graph"

CRON = re.compile(r"^(?:[\d*/,-]+\s+){5}(?P<user>\S+)\s+(?P<command>.+)$", re.MULTILINE)
"""A line of a file in /etc/cron.d."""

TEXTS = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "deploy").rglob("*"))]
LINES = [
    pytest.param(line["command"], id=f"{path.name}: {line['command'].split()[-3]}")
    for path in TEXTS
    if path.is_file()
    for line in CRON.finditer(path.read_text(encoding="utf-8"))
]


def section(unit: Path, name: str) -> dict[str, list[str]]:
    """The settings in a section of a unit; a setting may be given more than once."""
    text = unit.read_text(encoding="utf-8").partition(f"[{name}]\n")[2].partition("\n[")[0]
    settings: dict[str, list[str]] = {}
    for line in text.splitlines():
        if line and not line.startswith("#"):
            key, _, value = line.partition("=")
            settings.setdefault(key, []).append(value)
    return settings


@pytest.fixture
def programs(tmp_path: Path) -> Path:
    """A folder of programs with the names that the units start; they do nothing."""
    folder = tmp_path / "bin"
    folder.mkdir()
    for name in ("pipedrive-graph",):
        (folder / name).write_text("#!/bin/sh\n")
        (folder / name).chmod(0o755)
    return folder


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_systemd_accepts_the_units(programs: Path, tmp_path: Path) -> None:
    copies = []
    for unit in UNITS:
        copy = tmp_path / unit.name
        copy.write_text(unit.read_text(encoding="utf-8").replace(BIN, f"{programs}/"))
        copies.append(copy)

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *copies], capture_output=True, text=True, check=False
    )

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
@pytest.mark.parametrize("service", SERVICES, ids=lambda unit: unit.stem)
def test_systemd_accepts_the_drop_in_for_credentials(programs: Path, tmp_path: Path, service: Path) -> None:
    copy = tmp_path / service.name
    copy.write_text(service.read_text(encoding="utf-8").replace(BIN, f"{programs}/"))
    drop_in = (ROOT / "deploy" / "credentials.conf").read_text(encoding="utf-8")
    (tmp_path / f"{service.name}.d").mkdir()
    # the lines that are commented out are an offer, and have to be right as well
    offered = drop_in.replace("\n#Load", "\nLoad")
    (tmp_path / f"{service.name}.d" / "credentials.conf").write_text(offered)

    checked = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", copy],
        env={"PATH": "/usr/bin:/bin", "SYSTEMD_UNIT_PATH": f"{tmp_path}:"},
        capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert (checked.returncode, checked.stdout, checked.stderr) == (0, "", "")
    assert offered.count("\nLoadCredential=") == 3
    assert "LoadCredential=PIPEDRIVE_API_TOKEN:/" in drop_in


def test_every_service_has_its_own_user_and_can_write_its_state_only() -> None:
    assert len(SERVICES) == 6
    for unit in SERVICES:
        settings = section(unit, "Service")
        assert settings["User"] == ["pipedrive-graph"]
        assert settings["StateDirectory"][0].split()[0] == "pipedrive-graph"
        assert settings["StateDirectoryMode"] == ["0700"]
        assert settings["UMask"] == ["0077"]
        assert settings["ProtectSystem"] == ["strict"]
        assert settings["NoNewPrivileges"] == settings["PrivateTmp"] == ["yes"]
        assert settings["EnvironmentFile"] == [ENVIRONMENT]
        assert f"PIPEDRIVE_GRAPH_HOME={STATE}" in settings["Environment"]
        assert all(command.startswith(BIN) for command in settings["ExecStart"])
        assert section(unit, "Unit")["Wants"] == section(unit, "Unit")["After"] == ["network-online.target"]


def test_dagsters_page_is_served_behind_the_browser_guard() -> None:
    commands = [section(unit, "Service")["ExecStart"] for unit in SERVICES if "dagster" in unit.name]
    assert commands == [[f"{BIN}pipedrive-graph dagster --only {only}"] for only in ("daemon", "web")]
    assert "$(BIN)/pipedrive-graph dagster" in (ROOT / "Makefile").read_text(encoding="utf-8")
    for path in TEXTS:
        if path.is_file():
            assert "bin/dagster-webserver" not in path.read_text(encoding="utf-8"), path


def test_what_was_due_while_the_machine_was_off_is_made_up_for() -> None:
    timers = [unit for unit in UNITS if unit.suffix == ".timer"]
    assert [unit.stem for unit in timers] == [
        "pipedrive-graph-alerts",
        "pipedrive-graph-backup",
        "pipedrive-graph-verify",
        "pipedrive-graph",
    ]
    for unit in timers:
        assert section(unit, "Timer")["Persistent"] == ["yes"]
        assert section(unit, "Install") == {"WantedBy": ["timers.target"]}
    assert section(ROOT / "deploy/systemd/pipedrive-graph.timer", "Timer")["OnCalendar"] == [
        "*-*-* 02:00:00 UTC"
    ]


def test_the_daily_reserve_is_no_failure_and_partial_is_one() -> None:
    assert section(ROOT / "deploy/systemd/pipedrive-graph.service", "Service")["SuccessExitStatus"] == ["5"]


def test_the_documentation_shows_no_unit_and_no_cron_line_of_its_own() -> None:
    assert [line.id for line in LINES] == ["pipedrive-graph: >>"] * 4
    for path in TEXTS:
        if path.suffix == ".md":
            assert "ExecStart" not in path.read_text(encoding="utf-8")


@pytest.mark.slow
@pytest.mark.parametrize("command", LINES)
@pytest.mark.parametrize("line_end", ["\n", "\r\n"], ids=["LF", "CRLF"])
def test_a_line_for_cron_runs_with_the_environment_that_cron_gives(
    simulator, tmp_path: Path, command: str, line_end: str
) -> None:
    home = tmp_path / "state"
    home.mkdir()
    program = tmp_path / "pipedrive-graph"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m pipedrive_graph "$@"\n')
    program.chmod(0o755)
    settings = tmp_path / "settings.env"
    example = (ROOT / "deploy" / "pipedrive-graph.env").read_text(encoding="utf-8")
    (home / "alerts.toml").write_text('[[alert]]\nkind = "slack"\nurl_env = "SLACK_URL"\n')
    lines = [
        *example.replace(STATE, str(home)).replace("TOKEN=", f"TOKEN={simulator.token}").splitlines(),
        "",
        f"PIPEDRIVE_BASE_URL={simulator.url}",
        "SLACK_URL='http://127.0.0.1:9/a b'",
        "",
    ]
    settings.write_bytes(line_end.join(lines).encode())
    line = command.replace(BIN, f"{tmp_path}/").replace(ENVIRONMENT, str(settings)).replace(STATE, str(home))

    ended = subprocess.run(
        ["env", "-i", "PATH=/usr/bin:/bin", "HOME=/nonexistent", "sh", "-c", line],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip

    logs = {log.name: log.read_text(encoding="utf-8") for log in home.glob("*.log")}
    # the address in SLACK_URL cannot be used, so the alert of the first night cannot be sent
    code = 6 if " sync " in line else 0
    assert (ended.returncode, ended.stdout, ended.stderr) == (code, "", ""), logs
    if " sync " in line:
        assert '"status": "complete"' in logs["sync.log"]
        assert (home / "identity_graph.duckdb").exists()


@pytest.mark.slow
def test_a_line_for_cron_without_its_settings_says_what_is_missing(tmp_path: Path) -> None:
    command = next(line.values[0] for line in LINES if " sync " in line.values[0])
    program = tmp_path / "pipedrive-graph"
    program.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m pipedrive_graph "$@"\n')
    program.chmod(0o755)
    line = command.replace(BIN, f"{tmp_path}/").replace(ENVIRONMENT, str(tmp_path / "no.env"))
    line = line.replace(STATE, str(tmp_path))

    ended = subprocess.run(
        ["env", "-i", "PATH=/usr/bin:/bin", f"HOME={tmp_path}", "sh", "-c", line],
        capture_output=True, text=True, check=False, cwd="/",
    )  # fmt: skip

    assert ended.returncode == 2
    assert f"{tmp_path / 'no.env'}" in ended.stderr
    assert "PIPEDRIVE_API_TOKEN" in (tmp_path / "sync.log").read_text()
