"""Sends requests to a simulator with http.client, one connection per request."""

from __future__ import annotations

import http.client
import json
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from pipedrive_graph.simulator.server import Simulator


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def data(self) -> Any:
        return self.json["data"]


def call(
    simulator: Simulator,
    path: str,
    *,
    method: str = "GET",
    token: str | None = None,
    auth: str | None = None,
    send: object = None,
    prefix: str = "/v1",
    timeout: float = 5,
) -> Answer:
    """Request a path; `auth` is header, query or none, by default as the dialect requires."""
    token = simulator.token if token is None else token
    auth = auth or ("query" if simulator.options.dialect == "brief" else "header")
    if auth == "query":
        path += f"{'&' if '?' in path else '?'}api_token={token}"
    headers = {"x-api-token": token} if auth == "header" else {}
    body = None
    if send is not None:
        headers["content-type"] = "application/json"
        body = json.dumps(send)
    where = urlsplit(simulator.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=timeout)
    try:
        connection.request(method, f"{prefix}/{path}", body, headers)
        response = connection.getresponse()
        named = {name.lower(): value for name, value in response.getheaders()}
        return Answer(response.status, named, response.read())
    finally:
        connection.close()


def pages(simulator: Simulator, path: str, limit: int = 500) -> list[Any]:
    """Return the rows of every page of a list."""
    rows: list[Any] = []
    start: int | None = 0
    while start is not None:
        body = call(simulator, f"{path}?start={start}&limit={limit}").json
        rows += body["data"]
        start = body.get("additional_data", {}).get("pagination", {}).get("next_start")
    return rows
