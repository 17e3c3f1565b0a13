"""A home folder, and copies of it for the tests."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from .homes import FEW, Home, made


@pytest.fixture(scope="package", autouse=True)
def few_rules() -> Iterator[None]:
    """Let the commands evaluate only a few rules; with all of them, a rebuild takes three times as long."""
    with patch("pipedrive_graph.findings.custom_rules.load", lambda *_: FEW):
        yield


@pytest.fixture(scope="package")
def played(few_rules: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The home folder after its runs; tests must not change it."""
    before = dict(os.environ)
    with made(tmp_path_factory.mktemp("forget")) as home:
        os.environ.clear()
        os.environ.update(before)
        yield home


@pytest.fixture
def home(played: Home, tmp_path: Path) -> Home:
    """A copy of it."""
    return played.copy(tmp_path / "home")
