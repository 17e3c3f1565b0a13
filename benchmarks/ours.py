"""Collects one company as `sync` does, into the landing, and says what it took: `URL TOKEN FOLDER`.

Run as a process of its own by the benchmarks. It ends with one line of JSON on stdout.
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
    """An observer who keeps everything to himself but warnings."""

    def progress(self, progress: Progress) -> None:
        """Say nothing."""

    def warn(self, sentence: str) -> None:
        """Say it where it does not disturb the line of JSON."""
        sys.stderr.write(f"{sentence}\n")


def main(url: str, token: str, folder: str) -> None:
    """Collect the company, and print what it took."""
    os.environ[TOKEN_VARIABLE] = token
    # The benchmarks are about the burst limit; the day's budget is as large as the company, or larger.
    company = Company("benchmark", base_url=url, daily_reserve=0.0)
    manifest = asyncio.run(
        collect(company, Landing(FolderStorage(Path(folder))).of(company.name), observer=Silent())
    )
    told = {
        "status": manifest.verdict.status,
        "users": manifest.users,
        "requests": manifest.requests,
        "throttled": manifest.throttled,
        "peak": peak_memory(),
        "cpu": time.process_time(),
    }
    sys.stdout.write(f"{json.dumps(told)}\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
