"""MkDocs hooks: bring the repository's other pages into the website.

MkDocs reads `docs/` only. These hooks add the pages at the root of the repository (README, CONTRIBUTING, …)
and the files that pages link to (`deploy/`, `examples/`, `sql/`), and adapt relative links, so that the same
Markdown works on a code host and in the website. A link to a folder leads to a list of its files.
"""

from __future__ import annotations

import re
from pathlib import Path

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).parent.parent.parent

FRONT_PAGE = "README.md"

ROOT_PAGES = ("ARCHITECTURE.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md", "LICENSE")

FOLDERS = ("dagster_home", "deploy", "examples", "sql")
"""Folders whose files the pages link to."""

_LINK = re.compile(r"(?<=\]\()(?P<target>(?!\w+:|#)[^)\s]+)")


def on_files(files: Files, *, config: MkDocsConfig) -> Files:
    """Add the pages at the root, and the files of the folders that pages link to."""
    files.append(_file(config, "index.md", ROOT / FRONT_PAGE))
    for name in ROOT_PAGES:
        files.append(_file(config, name, ROOT / name))
    for folder in FOLDERS:
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and "__pycache__" not in path.parts:
                files.append(_file(config, path.relative_to(ROOT).as_posix(), path))
        for path in (ROOT / folder, *(ROOT / folder).rglob("*/")):
            if path.name != "__pycache__" and not (path / FRONT_PAGE).exists():
                uri = f"{path.relative_to(ROOT).as_posix()}/{FRONT_PAGE}"
                files.append(File.generated(config, uri, content=_contents(path)))
    return files


def on_page_markdown(markdown: str, *, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Rewrite links between `docs/` and the rest of the repository: in the site, `docs/` is the root."""
    source = Path(page.file.abs_src_path or "")
    if source.is_relative_to(ROOT / "docs"):
        depth = len(source.relative_to(ROOT / "docs").parts) - 1
        return _LINK.sub(lambda link: _from_docs(link["target"], depth), markdown)
    return _LINK.sub(lambda link: _from_outside(link["target"]), markdown)


def _from_docs(target: str, depth: int) -> str:
    """`../deploy/x` in `docs/a.md` is `deploy/x` in the site; so is `../../deploy/x` in `docs/a/b.md`."""
    outside = "../" * (depth + 1)
    if not target.startswith(outside):
        return target
    inside = target.removeprefix(outside)
    if (ROOT / inside).is_dir():
        inside = f"{inside.rstrip('/')}/{FRONT_PAGE}"
    return "../" * depth + re.sub(rf"^{FRONT_PAGE}", "index.md", inside)


def _from_outside(target: str) -> str:
    """`docs/a.md` in a page of the root is `a.md` in the site."""
    if target.startswith(FRONT_PAGE):
        return target.replace(FRONT_PAGE, "index.md", 1)
    return re.sub(r"^((?:\.\./)*)docs/", r"\1", target)


def _contents(folder: Path) -> str:
    """The page of a folder without a README: its files."""
    names = sorted(path.name for path in folder.iterdir() if path.is_file())
    return f"# {folder.relative_to(ROOT).as_posix()}/\n\n" + "".join(
        f"- [{name}]({name})\n" for name in names
    )


def _file(config: MkDocsConfig, uri: str, path: Path) -> File:
    return File.generated(config, uri, abs_src_path=str(path))
