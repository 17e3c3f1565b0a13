"""`pipedrive-graph backup`: writes everything that cannot be rebuilt into one archive."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import click

from pipedrive_graph import backups
from pipedrive_graph._version import __version__
from pipedrive_graph.backups.archive import check_target
from pipedrive_graph.builder import configuration as config
from pipedrive_graph.builder.configuration import Configuration
from pipedrive_graph.cli.runner import as_root_option, debug_option, say
from pipedrive_graph.common import clock, files, trust
from pipedrive_graph.common.text import counted, printable
from pipedrive_graph.config import settings as settings_module
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.warehouse import database


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path))
@click.option(
    "--without-tokens",
    is_flag=True,
    help="Leave the OAuth tokens out; each company with OAuth then needs a `login` after the restore.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
@as_root_option
@debug_option
def command(*, file: Path, without_tokens: bool, as_json: bool, debug: bool) -> int:
    """Write a backup of the home folder to FILE, a .tar.gz that `restore` reads.

    The backup holds everything that cannot be rebuilt: the landing, the journal, the record of sent alerts,
    the OAuth tokens, and the files that you write. A sync may run at the same time. Exit code 1 with a
    warning means that the backup is written, but contains a file of the landing that was already damaged.
    """
    configuration, target = _configuration(), files.expanded(file).absolute()
    settings = configuration.settings
    if not settings.folder.is_dir():
        raise ConfigurationError(f"There is nothing to back up: {settings.folder} is missing.")
    check_target(target, settings.folder)
    companies = () if settings.guessed else settings.companies
    needs = backups.find(settings, companies, configuration.alerts_file, lambda: configuration.policies.rules)
    for problem in needs.problems:
        say(f"Warning: {problem}")
    with database.lock(settings.warehouse, on_wait=say):
        contents = backups.choose(settings, needs, tokens=not without_tokens)
        at = clock.now()
    head = backups.Head(
        version=__version__,
        at=at,
        companies=contents.companies,
        variables=tuple(needs.variables),
        tokens=not without_tokens,
        outside=tuple(map(str, needs.outside)),
    )
    manifest = backups.write(target, head, contents)
    for sentence in manifest.damaged:
        say(f"Warning: {sentence}")
    code = 1 if manifest.damaged else 0
    if as_json:
        click.echo(json.dumps(_as_json(target, head, manifest, contents, code), ensure_ascii=False))
    else:
        _print(target, head, manifest, contents)
    return code


def _configuration() -> Configuration:
    """The configuration. A mistake in the settings must not prevent a backup: then it is what is known."""
    home = settings_module.home()
    trust.check(home)
    settings_module.check_restored(home)
    try:
        return config.load()
    except ConfigurationError as error:
        from pipedrive_graph.config.known import known_settings

        say(f"Warning: {error}")
        return Configuration(known_settings())


def _as_json(
    target: Path, head: backups.Head, manifest: backups.Manifest, contents: backups.Contents, code: int
) -> dict[str, Any]:
    return {
        "backup": str(target),
        **head.model_dump(mode="json", exclude={"pipedrive_graph_backup"}),
        "files": len(manifest.files),
        "bytes": target.stat().st_size,
        "left_out": contents.left_out,
        "damaged": list(manifest.damaged),
        "exit_code": code,
    }


def _print(target: Path, head: backups.Head, manifest: backups.Manifest, contents: backups.Contents) -> None:
    size = target.stat().st_size
    lines = [f"Backed up {counted(len(manifest.files), 'file')} to {target} ({size:,} bytes)."]
    for name, mark in head.companies.items():
        entries = counted(mark.journal.lines if mark.journal else 0, "journal entry", "journal entries")
        lines.append(f"  {name}: up to snapshot {mark.snapshot_id or '(none yet)'}, {entries}")
    if head.tokens:
        lines.append(
            "Only its owner can read it (mode 0600). It may hold OAuth tokens: protect it like them."
        )
    if head.variables:
        lines.append(
            f"Not included, but needed on another machine: the variables {', '.join(head.variables)}."
        )
    if head.outside:
        lines.append(f"Not included, because outside the home folder: {', '.join(head.outside)}.")
    if contents.left_out:
        lines.append(f"Not included, because the program does not use it: {', '.join(contents.left_out)}.")
    click.echo("\n".join(map(printable, lines)))
