"""The home that the tests of this folder copy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import patch

import pytest

from .homes import FEW, Home, made


@pytest.fixture(scope="package", autouse=True)
def few_rules() -> Iterator[None]:
    """The commands evaluate a few rules only: with all of them, each rebuild takes three times as long."""
    with patch("pipedrive_graph.findings.custom_rules.load", lambda *_: FEW):
        yield


@pytest.fixture(scope="package")
def played(few_rules: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """The home after its nights; nobody changes it."""
    before = dict(os.environ)
    with made(tmp_path_factory.mktemp("forget")) as home:
        os.environ.clear()
        os.environ.update(before)
        yield home


@pytest.fixture
def home(played: Home, tmp_path: Path) -> Home:
    """A copy of it."""
    return played.copy(tmp_path / "home")
