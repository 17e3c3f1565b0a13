"""ASGI middleware around the endpoints: request log, authorisation, limits, latency, faults."""

from __future__ import annotations

import asyncio
import math
import random
import time
from dataclasses import dataclass, replace
from email.utils import formatdate
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl

from starlette.datastructures import Headers
from starlette.responses import Response

from pipedrive_graph.simulator.api import CALLER, PREFIXES, V2
from pipedrive_graph.simulator.bodies import DOMAIN_ERROR, INFO, NO_RIGHT, failure
from pipedrive_graph.simulator.dates import wall_clock
from pipedrive_graph.simulator.faults import Faults, Reply, cloudflare
from pipedrive_graph.simulator.limits import Account, Limits
from pipedrive_graph.simulator.model import Company, User
from pipedrive_graph.simulator.oauth import PREFIX as OAUTH_PREFIX
from pipedrive_graph.simulator.oauth import Authority
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.serializers import TOKEN_COSTS

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

TRANSPORT = "simulator.transport"
"""The key in a request's scope under which the server stores the connection, for faults that cut it."""

_TRICKLES = 10
_APP = "the OAuth app"  # the name of its account: an app has one limit for all its access tokens


@dataclass(slots=True)
class SeenRequest:
    """A request that arrived: `at` is time.monotonic(), and `query` does not contain the token's value.

    `path` is the part after the version, without a leading slash, or the whole path if it has no version.
    `status` is the status of the response; None if there was none, or not yet.
    """

    at: float
    method: str
    path: str
    query: dict[str, str]
    status: int | None = None


class ApiMiddleware:
    """Handles everything about a request that is not the business of its endpoint."""

    def __init__(
        self,
        app: ASGIApp,
        company: Company,
        options: Options,
        limits: Limits,
        faults: Faults,
        requests: list[SeenRequest],
        authority: Authority,
    ) -> None:
        self._app = app
        self._company = company
        self._options = options
        self._limits = limits
        self._faults = faults
        self._requests = requests
        self._authority = authority
        self._brief = options.dialect == "brief"
        # For jitter and correlation ids; reproducible on purpose.
        self._rng = random.Random(options.seed)  # noqa: S311

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        at = time.monotonic()
        query = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        shown = {key: "" if key == "api_token" else value for key, value in query.items()}
        seen = SeenRequest(at, scope["method"], _behind_version(scope["path"]), shown)
        self._requests.append(seen)
        if scope["path"].startswith(OAUTH_PREFIX):
            reply = await _ask(self._app, scope, receive)
            for act in self._faults.take(seen.method, seen.path):
                reply = act(reply)
        else:
            reply = await self._reply(scope, receive, seen, query)
        delay = self._options.latency + self._rng.uniform(0, self._options.jitter)
        if delay > 0:
            await asyncio.sleep(delay)
        await self._answer(reply, seen, scope, receive, send)

    async def _reply(self, scope: Scope, receive: Receive, seen: SeenRequest, query: dict[str, str]) -> Reply:
        headers = Headers(scope=scope)
        bearer = headers.get("authorization")
        if bearer is None:
            token = self._token(headers, query)
            caller = self._owner(token)
            error = "unauthorized access"
        else:
            kind, _, token = bearer.partition(" ")
            if kind.lower() != "bearer" or not token:
                malformed = failure(400, "Invalid request: malformed authorization header", errorCode=400)
                return self._dressed(_reply_of(malformed), seen.at, None)
            caller = self._company.users.get(self._company.owner_id)
            caller = caller if self._authority.accepts(token) else None
            error = "Invalid token: access_token is invalid"
        if caller is None:
            refused = failure(401, error, errorCode=401, error_info=INFO)
            refused.headers["x-401-by-gw"] = "true"
            return self._dressed(_reply_of(refused), seen.at, None)
        account = self._limits.account(token) if bearer is None else self._app_account()
        template = _template(seen.path)
        cost = 1 if self._brief else TOKEN_COSTS.get((seen.method, template), 2)
        self._limits.turn_to(int((time.time() + self._options.clock_offset) // 86_400))
        verdict = self._limits.charge(account, cost, seen.at)
        if verdict == 403:
            return cloudflare(Reply(403, (), b""))
        if verdict == 429:
            over = failure(429, "Request over limit", errorCode=429, error_info=INFO)
            if self._options.retry_after:
                seconds = max(1, math.ceil(account.window.reset(seen.at)))
                over.headers["retry-after"] = str(seconds)
            return self._dressed(_reply_of(over), seen.at, account)
        actions = self._faults.take(seen.method, seen.path)
        if bearer is not None and not self._authority.allows(seen.method, template):
            reply = _reply_of(failure(403, "Scope and URL mismatch", errorCode=403, error_info=INFO))
        elif self._forbidden(caller, seen.method, template):
            reply = _reply_of(failure(403, NO_RIGHT, **DOMAIN_ERROR))
        else:
            scope[CALLER] = caller
            reply = await _ask(self._app, scope, receive)
        reply = self._dressed(reply, seen.at, account)
        for act in actions:
            reply = act(reply)
        return reply

    def _token(self, headers: Headers, query: dict[str, str]) -> str:
        """Return the token of the request; the brief dialect reads it from the query only."""
        in_query = query.get("api_token", "")
        return in_query if self._brief else headers.get("x-api-token", in_query)

    def _app_account(self) -> Account:
        limit = self._options.oauth_limit
        return self._limits.account(_APP, 4 * self._options.limit if limit is None else limit)

    def _owner(self, token: str) -> User | None:
        owners = {
            self._options.token: self._company.owner_id,
            self._options.user_token: self._company.plain_user_id,
        }
        user = self._company.users.get(owners.get(token, 0))
        return user if user is not None and user.active else None

    def _forbidden(self, caller: User, method: str, template: str) -> bool:
        if caller.admin_apps:
            return False
        return method != "GET" or template.startswith(("roles", "permissionSets"))

    def _dressed(self, reply: Reply, at: float, account: Account | None) -> Reply:
        """Return the reply with the rate limit headers."""
        limit, remaining, seconds = self._options.limit, self._options.limit, self._options.window
        left = self._limits.daily_limit
        if account is not None:
            limit = account.limit
            remaining, seconds = account.window.remaining(at), account.window.reset(at)
            left = self._limits.left(account)
        named: dict[str, object] = {
            "x-ratelimit-limit": limit,
            "x-ratelimit-remaining": remaining,
            "x-ratelimit-reset": self._reset(seconds),
        }
        if self._brief:
            named["x-daily-requests-left"] = left
        else:
            named["x-daily-ratelimit-token-limit"] = self._limits.daily_limit
            named["x-daily-ratelimit-token-remaining"] = left
            named["x-correlation-id"] = f"{self._rng.getrandbits(64):016x}"
        pairs = ((name, str(value)) for name, value in named.items())
        return replace(reply, headers=(*reply.headers, *pairs))

    def _reset(self, seconds: float) -> int:
        form = self._options.reset or ("epoch" if self._brief else "delta")
        if form == "delta":
            return max(1, math.ceil(seconds))
        epoch = self._wall_clock() + seconds
        return math.ceil(epoch * 1000) if form == "epoch_ms" else math.ceil(epoch)

    def _wall_clock(self) -> float:
        return wall_clock() + self._options.clock_offset

    async def _answer(
        self, reply: Reply, seen: SeenRequest, scope: Scope, receive: Receive, send: Send
    ) -> None:
        if reply.silent:
            while (await receive())["type"] != "http.disconnect":
                pass
            return
        if reply.cut == "before":
            await _hang_up(scope)
            return
        seen.status = reply.status
        pairs = [
            *reply.headers,
            ("date", formatdate(self._wall_clock(), usegmt=True)),
            ("content-length", str(len(reply.body))),
        ]
        headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in pairs]
        if reply.head_too:
            await _trickle(scope, reply, headers)
            return
        await send({"type": "http.response.start", "status": reply.status, "headers": headers})
        whole = reply.cut != "within"
        sent = reply.body if whole else reply.body[: len(reply.body) // 2]
        parts = _parts(sent, _TRICKLES if reply.seconds else 1)
        for number, part in enumerate(parts, 1):
            if reply.seconds:
                await asyncio.sleep(reply.seconds / len(parts))
            more = not whole or number < len(parts)
            await send({"type": "http.response.body", "body": part, "more_body": more})
        if reply.cut is not None:
            await _hang_up(scope)


async def _trickle(scope: Scope, reply: Reply, headers: list[tuple[bytes, bytes]]) -> None:
    """Write a response slowly to the connection itself, because the server would hold back the head."""
    lines = [f"HTTP/1.1 {reply.status} OK".encode(), *(b": ".join(pair) for pair in headers)]
    answer = b"\r\n".join([*lines, b"connection: close", b"", reply.body])
    transport = scope[TRANSPORT]
    parts = _parts(answer, 2 * _TRICKLES)
    for part in parts:
        if transport.is_closing():
            return
        transport.write(part)
        await asyncio.sleep(reply.seconds / len(parts))
    await _hang_up(scope)


async def _ask(app: ASGIApp, scope: Scope, receive: Receive) -> Reply:
    """Call the application, and return its whole response."""
    status = 500
    headers: list[tuple[bytes, bytes]] = []
    chunks: list[bytes] = []

    async def collect(message: Message) -> None:
        nonlocal status, headers
        if message["type"] == "http.response.start":
            status, headers = message["status"], message["headers"]
        else:
            chunks.append(message.get("body", b""))

    await app(scope, receive, collect)
    pairs = ((name.decode("latin-1"), value.decode("latin-1")) for name, value in headers)
    kept = tuple(pair for pair in pairs if pair[0] != "content-length")
    return Reply(status, kept, b"".join(chunks))


def _reply_of(response: Response) -> Reply:
    pairs = tuple(pair for pair in response.headers.items() if pair[0] != "content-length")
    return Reply(response.status_code, pairs, bytes(response.body))


async def _hang_up(scope: Scope) -> None:
    """Close the connection after the written data was sent, and let the server notice."""
    transport = scope.get(TRANSPORT)
    if transport is None:
        raise RuntimeError("Only the simulator's own server can cut connections.")
    transport.close()
    await asyncio.sleep(0.01)


def _parts(body: bytes, number: int) -> list[bytes]:
    """Split the body into about this number of parts, at least one."""
    size = max(1, math.ceil(len(body) / number))
    return [body[first : first + size] for first in range(0, len(body), size)] or [b""]


def _behind_version(path: str) -> str:
    for prefix in (*PREFIXES, V2):
        if path.startswith(f"{prefix}/"):
            return path[len(prefix) + 1 :]
    return path


def _template(path: str) -> str:
    """Return the path with `{id}` instead of the id, as in the table of costs."""
    first, *rest = path.split("/")
    if rest and rest[0] not in ("me", "find"):
        rest[0] = "{id}"
    return "/".join([first, *rest])
