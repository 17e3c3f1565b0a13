"""A simple script to compare with: a semaphore and exponential backoff; `URL TOKEN FOLDER AT_ONCE`.

It makes the same requests as `every-user`: the lists, the contents of the sets, and two requests per user.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path
from typing import Any

import httpx

_LONGEST = 8.0  # seconds


async def collect(url: str, token: str, folder: Path, at_once: int) -> None:
    """Make all requests, and write each response into a file."""
    allowed = asyncio.Semaphore(at_once)
    limits = httpx.Limits(max_connections=at_once, max_keepalive_connections=at_once)
    headers = {"x-api-token": token}
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, trust_env=False) as client:
        with (folder / "answers.ndjson").open("w", encoding="utf-8") as file:

            async def get(path: str) -> Any:  # noqa: ANN401 - unchecked, as in a simple script
                async with allowed:
                    response = await with_backoff(client, path)
                answer = response.json()
                file.write(json.dumps({"path": path, "answer": answer}) + "\n")
                return answer["data"]

            users, sets, _ = await asyncio.gather(get("users"), get("permissionSets"), get("roles?limit=500"))
            paths = [f"permissionSets/{row['id']}" for row in sets]
            for row in users:
                paths += [f"users/{row['id']}/roleAssignments", f"users/{row['id']}/permissions"]
            await asyncio.gather(*map(get, paths))


async def with_backoff(client: httpx.AsyncClient, path: str) -> httpx.Response:
    """Return the response; retry on 429 without end, doubling the wait each time."""
    attempt = 0
    while True:
        response = await client.get(path)
        if response.status_code != 429:
            return response.raise_for_status()
        await asyncio.sleep(min(0.5 * 2**attempt, _LONGEST) * random.uniform(0.5, 1.0))  # noqa: S311
        attempt += 1


def main(url: str, token: str, folder: str, at_once: str) -> None:
    """Collect the company."""
    asyncio.run(collect(url, token, Path(folder), int(at_once)))


if __name__ == "__main__":
    main(*sys.argv[1:])
