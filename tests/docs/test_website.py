"""The website builds without a warning, holds every page, and loads nothing from other hosts."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from .texts import DOCS, ROOT

LOADED = re.compile(
    r"""<(?:script|img|iframe|source)\b[^>]*\bsrc=["']?([^"'\s>]+)|<link\b[^>]*\bhref=["']?([^"'\s>]+)"""
)
"""What a browser loads by itself, as opposed to what a reader may follow."""


@pytest.mark.slow
def test_the_website(tmp_path: Path) -> None:
    site = tmp_path / "site"

    built = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", site],
        cwd=ROOT,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )

    assert (built.returncode, built.stdout, built.stderr) == (0, "", "")
    pages = {path.relative_to(site).as_posix() for path in site.rglob("*.html")}
    assert {f"{page.stem}.html" for page in DOCS.glob("*.md")} < pages
    assert {"index.html", "CONTRIBUTING.html", "ARCHITECTURE.html", "SECURITY.html", "CHANGELOG.html"} < pages
    for page in pages:
        loaded = {one or other for one, other in LOADED.findall((site / page).read_text(encoding="utf-8"))}
        assert [url for url in loaded if re.match(r"(?:\w+:)?//", url)] == [], page
    # what is generated: the options of a command, and a method of the Python API
    assert "--accept-shrink" in (site / "cli.html").read_text(encoding="utf-8")
    assert "pipedrive_graph.published.identity_graph.IdentityGraph.who_can" in (site / "api.html").read_text(
        encoding="utf-8"
    )
