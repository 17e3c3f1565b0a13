"""A real browser for the tests of pages; without a browser, they are skipped."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from playwright.sync_api import Browser, sync_playwright
from reviewed import Reviewed

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
SWITCHES = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-dev-shm-usage")


@contextmanager
def launched(*switches: str) -> Iterator[Browser]:
    """Chromium or Chrome, as installed on this machine.

    As long as it is open, this thread runs Playwright's event loop and no other: so what is looked at is
    made before.
    """
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        pytest.skip(f"no browser is installed; looked for {', '.join(BROWSERS)} (apt-get install chromium)")
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=[*SWITCHES, *switches])
        yield started
        started.close()


@pytest.fixture(scope="module")
def browser(review: Reviewed) -> Iterator[Browser]:
    """A browser for the tests of a module."""
    with launched() as started:
        yield started
