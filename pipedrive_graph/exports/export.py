"""Exports the published file: resolves the target, runs the format's writer, and returns what it wrote."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from pipedrive_graph._version import __version__
from pipedrive_graph.common import files
from pipedrive_graph.config.home import Home
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.exports.output import placed, write_contents
from pipedrive_graph.exports.registry import FORMATS, Content, Format, Wrote, writer
from pipedrive_graph.exports.source import Snapshot, Source, opened


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """What to export.

    Attributes:
        format: one of FORMATS.
        companies: only these companies; empty for all published ones.
        tables: only these tables; empty for all.
        out: the target; None for the format's folder in the home folder.
        force: whether to replace existing files even if they are not an earlier export.
    """

    format: str
    companies: Sequence[str] = ()
    tables: Sequence[str] = ()
    out: Path | None = None
    force: bool = False


@dataclass(frozen=True, slots=True)
class Exported:
    """The result of an export: its path, the exported snapshots, and the files."""

    path: Path
    snapshots: list[Snapshot]
    wrote: Wrote


def export(home: Home, request: ExportRequest, *, own_rules: Path | None = None) -> Exported:
    """Export the published file.

    Args:
        home: the home folder.
        request: what to export.
        own_rules: the folder of custom rules, which describe their findings.

    Raises:
        ConfigurationError: if a company or table does not exist, or the format has no tables to choose.
        ExportError: if the format cannot hold the data, or it cannot be written; earlier files stay.
        WarehouseError: if nothing is published yet, another version published it, or it cannot be read.
    """
    form = FORMATS[request.format]
    if request.tables and form.content is not Content.TABLES:
        raise ConfigurationError(
            f"{request.format} exports the {form.content}, so --tables cannot be used with it; leave it out."
        )
    target = _target(home, request, form)
    with opened(home.published) as connection:
        source = Source(connection, companies=request.companies, tables=request.tables, own_rules=own_rules)
        access = home.output.within(target)
        with placed(target, access, folder=form.file is None, force=request.force) as path:
            wrote = writer(request.format)(source, path)
            if form.file is None:
                write_contents(path, _contents(request.format, source, wrote))
            else:  # the format wrote under a temporary name
                wrote = replace(wrote, parts=[replace(part, file=target.name) for part in wrote.parts])
        return Exported(target, list(source.snapshots.values()), wrote)


def _target(home: Home, request: ExportRequest, form: Format) -> Path:
    """The target of the export; for a format with one file, an existing folder means a file inside it."""
    if request.out is None:
        folder = home.folder / "exports" / request.format
        return folder / form.file if form.file else folder
    out = files.expanded(request.out).resolve()
    return out / form.file if form.file and out.is_dir() else out


def _contents(name: str, source: Source, wrote: Wrote) -> dict[str, object]:
    """The description of an exported folder: its snapshots, and the rows of each table in each file."""
    listed: dict[str, dict[str, int]] = {other: {} for other in wrote.others}
    for part in wrote.parts:
        listed.setdefault(part.file, {})[part.table] = part.rows
    return {
        "format": name,
        "version": __version__,
        "snapshots": {
            company: {
                "snapshot_id": shown.snapshot_id,
                "as_of": f"{shown.as_of.isoformat()}Z",
                "status": shown.status,
            }
            for company, shown in source.snapshots.items()
        },
        "files": listed,
    }
