"""Collects one company into a landing, as `sync` does; the arguments are `URL TOKEN FOLDER`.

The benchmarks run it as a separate process. It prints its measurements as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from pathlib import Path

from benchmarks.process import peak_memory
from pipedrive_graph.collect import Progress, collect
from pipedrive_graph.config.company import TOKEN_VARIABLE, Company
from pipedrive_graph.landing import Landing
from pipedrive_graph.landing.storage import FolderStorage


class Silent:
    """An observer that prints only warnings."""

    def progress(self, progress: Progress) -> None:
        """Say nothing."""

    def warn(self, sentence: str) -> None:
        """Print it to stderr, because stdout holds the line of JSON."""
        sys.stderr.write(f"{sentence}\n")


def main(url: str, token: str, folder: str) -> None:
    """Collect the company, and print the measurements."""
    os.environ[TOKEN_VARIABLE] = token
    # The benchmarks measure the burst limit; the daily budget is large enough.
    company = Company("benchmark", base_url=url, daily_reserve=0.0)
    manifest = asyncio.run(
        collect(company, Landing(FolderStorage(Path(folder))).of(company.name), observer=Silent())
    )
    measured = {
        "status": manifest.verdict.status,
        "users": manifest.users,
        "requests": manifest.requests,
        "throttled": manifest.throttled,
        "peak": peak_memory(),
        "cpu": time.process_time(),
    }
    sys.stdout.write(f"{json.dumps(measured)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
