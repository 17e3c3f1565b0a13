"""`pipedrive-graph restore`: restores a backup into an empty home folder, and rebuilds the rest."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import click

from pipedrive_graph import backups
from pipedrive_graph.backups.unpacking import Restored
from pipedrive_graph.builder import build
from pipedrive_graph.builder import configuration as config
from pipedrive_graph.cli.decided import renew_reports
from pipedrive_graph.cli.runner import as_root_option, debug_option, say
from pipedrive_graph.common import files
from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.config.settings import HOME_VARIABLE
from pipedrive_graph.errors import PipedriveGraphError, RuleError
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.storage import FolderStorage


@click.command("restore")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--no-rebuild", is_flag=True, help="Only restore the files; `rebuild` or the next sync makes the rest."
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@as_root_option
@debug_option
def command(*, file: Path, no_rebuild: bool, as_json: bool, debug: bool) -> int:
    """Restore a backup into the home folder, which must be empty or missing.

    Every file is checked against its sha256 before any is put in place. Then the warehouse, the published
    file and the reports are rebuilt. Needs no access to Pipedrive, and sends no alerts.
    """
    home = settings_module.home()
    restored = backups.restore(files.expanded(file).absolute(), home, on_wait=say)
    for sentence in restored.manifest.damaged:
        say(f"Warning: it was damaged before the backup: {sentence}")
    rebuilt = _Rebuilt() if no_rebuild else _rebuild(home)
    code = rebuilt.code or int(bool(restored.manifest.damaged))
    if as_json:
        click.echo(json.dumps(_as_json(home, restored, rebuilt, code), ensure_ascii=False))
    else:
        _print(home, restored, rebuilt)
    return code


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    """The outcome of the rebuild: the number of snapshots, and the exit code."""

    snapshots: int = 0
    code: int = 0


def _rebuild(home: Path) -> _Rebuilt:
    """Rebuild the warehouse, the published file and the reports; if that fails, the files stay restored."""
    landing = Landing(FolderStorage(home))
    if not any(landing.of(name).digests() for name in landing.companies()):
        return _Rebuilt()
    try:
        configuration = config.load()
        settings, models = configuration.settings, configuration.models
        built = build.rebuild(settings, models, configuration.policies, on_wait=say)
        for sentence in built.broken:
            say(sentence)
        for company in settings.companies:
            if landing.of(company.name).latest(accepted=True):
                renew_reports(settings, company.name)
    except PipedriveGraphError as error:
        say(f"The files are restored, but the tables could not be built: {error}")
        return _Rebuilt(code=error.exit_code)
    return _Rebuilt(len(built.snapshots), RuleError.exit_code if built.broken else 0)


def _missing(restored: Restored) -> list[str]:
    """The variables that were set when the backup was made, and are not set here."""
    return [name for name in restored.head.variables if name not in os.environ]


def _as_json(home: Path, restored: Restored, rebuilt: _Rebuilt, code: int) -> dict[str, object]:
    return {
        "home": str(home),
        **restored.head.model_dump(mode="json", exclude={"pipedrive_graph_backup"}),
        "files": len(restored.manifest.files),
        "variables_missing": _missing(restored),
        "snapshots": rebuilt.snapshots,
        "damaged": list(restored.manifest.damaged),
        "exit_code": code,
    }


def _print(home: Path, restored: Restored, rebuilt: _Rebuilt) -> None:
    head = restored.head
    lines = [
        f"Restored {counted(len(restored.manifest.files), 'file')} to {home}, as of"
        f" {head.at:%Y-%m-%d %H:%M:%S} UTC."
    ]
    if rebuilt.snapshots:
        lines.append(f"Rebuilt from {counted(rebuilt.snapshots, 'snapshot')}.")
    if absent := [path for path in head.outside if not os.path.lexists(path)]:
        lines.append(f"Copy these files, which are not part of the backup: {', '.join(absent)}.")
    missing = _missing(restored)
    if missing:
        lines.append(f"Set these variables, as on the machine of the backup: {', '.join(missing)}.")
    if not head.tokens:
        lines.append(
            "The OAuth tokens were left out: run `pipedrive-graph login` for each company with OAuth."
        )
    lines.append(f"Set {HOME_VARIABLE}={home} if it is not set, then run `pipedrive-graph doctor`.")
    click.echo("\n".join(map(printable, lines)))
