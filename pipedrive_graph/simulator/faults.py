r"""Faults on demand: rules that tests add, change and clear while the simulator runs.

A rule names a path, how often it applies, and the actions on the real response. An action is a function from
`Reply` to `Reply`; this module has many. Faults apply only to requests that passed authorisation and the rate
limit, so both stay exact while everything else breaks.

    faults.add(r"users/\d+/permissions", status(503), times=3)
    faults.add("roles", cut("within"))
    faults.add("users", edit(lambda body: body["data"].pop()))
    faults.add(".*", silence, times=None)       # until faults.clear()
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal

JSON_TYPE = "application/json; charset=utf-8"
HTML_TYPE = "text/html; charset=UTF-8"

CLOUDFLARE_PAGE = (
    "<!DOCTYPE html><html><head><title>Access denied</title></head><body><h1>Access denied</h1>"
    "<p>This error is produced by Cloudflare.</p></body></html>"
)
"""The body of the CDN's 403 response to a client that keeps exceeding the limit."""


@dataclass(frozen=True, slots=True)
class Reply:
    """A response before it is sent, and how it is sent.

    `cut` says where the connection ends: before anything is sent, within the body, or right after the whole
    response. The body is sent slowly over `seconds`; with `head_too`, so is the head. With `silent`, nothing
    is ever sent.
    """

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes
    cut: Literal["before", "within", "after"] | None = None
    seconds: float = 0.0
    head_too: bool = False
    silent: bool = False

    def of(self, status: int, body: bytes, content_type: str) -> Reply:
        """Return this reply with another status, body and content type; other headers stay."""
        kept = tuple(pair for pair in self.headers if pair[0] != "content-type")
        return replace(self, status=status, body=body, headers=(("content-type", content_type), *kept))


Action = Callable[[Reply], Reply]


def status(code: int, *, error: str = "internal error", headers: dict[str, str] | None = None) -> Action:
    """Respond with this status and a JSON error."""
    text = {"success": False, "error": error, "errorCode": code}

    def act(reply: Reply) -> Reply:
        failed = reply.of(code, json.dumps(text).encode(), JSON_TYPE)
        return replace(failed, headers=(*failed.headers, *(headers or {}).items()))

    return act


def not_found(reply: Reply) -> Reply:
    """Respond 404, as for a user who no longer exists."""
    return status(404, error="User not found or not accessible.")(reply)


def forbidden(reply: Reply) -> Reply:
    """Respond 403, as to a token without the required right."""
    return status(403, error="You do not have permissions to do this.")(reply)


def unauthorised(reply: Reply) -> Reply:
    """Respond 401, as to a token that was revoked during a run."""
    return status(401, error="unauthorized access", headers={"x-401-by-gw": "true"})(reply)


def cut(where: Literal["before", "within", "after"]) -> Action:
    """Close the connection before the response, within its body, or right after it."""
    return lambda reply: replace(reply, cut=where)


def slow(seconds: float) -> Action:
    """Send the body slowly, over this number of seconds."""
    return lambda reply: replace(reply, seconds=seconds)


def slow_loris(seconds: float) -> Action:
    """Send the whole response slowly, over this number of seconds, starting with the status line."""
    return lambda reply: replace(reply, seconds=seconds, head_too=True)


def silence(reply: Reply) -> Reply:
    """Accept the request and never respond."""
    return replace(reply, silent=True)


def truncated(reply: Reply) -> Reply:
    """Send only the first half of the body, with a matching length: JSON that ends too early."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def html(code: int = 200, text: str = "<html><body>Maintenance</body></html>") -> Action:
    """Respond with an HTML page."""
    return lambda reply: reply.of(code, text.encode(), HTML_TYPE)


def unsuccessful(reply: Reply) -> Reply:
    """Respond 200 with `success: false`."""
    text = {"success": False, "error": "Something went wrong", "data": None}
    return reply.of(200, json.dumps(text).encode(), JSON_TYPE)


def cloudflare(reply: Reply) -> Reply:
    """Respond like the CDN when it blocks: 403 with HTML and without Pipedrive's headers."""
    headers = (("server", "cloudflare"), ("cf-ray", "8a1b2c3d4e5f6789-TLL"))
    return replace(reply, headers=headers).of(403, CLOUDFLARE_PAGE.encode(), HTML_TYPE)


def body(content: bytes | str | object, code: int = 200, content_type: str = JSON_TYPE) -> Action:
    """Respond with this body: bytes or text unchanged, anything else as JSON."""
    if isinstance(content, bytes):
        raw = content
    else:
        raw = (content if isinstance(content, str) else json.dumps(content)).encode()
    return lambda reply: reply.of(code, raw, content_type)


def edit(change: Callable[[Any], object]) -> Action:
    """Change the JSON of the real response: `change` modifies it in place; its result is ignored."""

    def act(reply: Reply) -> Reply:
        value = json.loads(reply.body)
        change(value)
        return replace(reply, body=json.dumps(value).encode())

    return act


def without_keys(*names: str) -> Action:
    """Remove these keys from the map in `data`, such as flags of `users/{id}/permissions`."""

    def change(body: dict[str, dict[str, object]]) -> None:
        for name in names:
            body["data"].pop(name, None)

    return edit(change)


def empty_map(reply: Reply) -> Reply:
    """Respond with an empty map in `data`."""

    def change(body: dict[str, object]) -> None:
        body["data"] = {}

    return edit(change)(reply)


def headers(**values: str | None) -> Action:
    """Set headers, or remove those that are None; underscores in the names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in values.items()}

    def act(reply: Reply) -> Reply:
        kept = [pair for pair in reply.headers if pair[0] not in named]
        new = [(name, value) for name, value in named.items() if value is not None]
        return replace(reply, headers=(*kept, *new))

    return act


@dataclass(slots=True)
class Fault:
    r"""A rule: the actions for requests whose path matches.

    Attributes:
        pattern: must match the whole path after the version, as in `users/\d+/permissions`.
        actions: applied in order to the real response.
        times: the number of requests that it applies to; None for all.
        after: the number of matching requests that pass first.
        method: the HTTP method that it applies to.
        hits: the number of requests that it was applied to.
    """

    pattern: re.Pattern[str]
    actions: tuple[Action, ...]
    times: int | None
    after: int
    method: str
    hits: int = 0


class Faults:
    """The active rules; safe to change from another thread while the simulator runs."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._rules: list[Fault] = []

    def add(
        self,
        path: str,
        *actions: Action,
        times: int | None = 1,
        after: int = 0,
        method: str = "GET",
    ) -> Fault:
        """Add a rule. If several rules match a request, the oldest active one applies.

        Args:
            path: a regular expression for the whole path after the version, without a leading slash.
            actions: applied in this order to the real response.
            times: the number of requests that it applies to; None until it is removed.
            after: the number of matching requests that pass first.
            method: the HTTP method that it applies to.
        """
        fault = Fault(re.compile(path), actions, times, after, method)
        with self._lock:
            self._rules.append(fault)
        return fault

    def remove(self, fault: Fault) -> None:
        """Remove a rule, if it is still there."""
        with self._lock:
            self._rules = [rule for rule in self._rules if rule is not fault]

    def clear(self) -> None:
        """Remove all rules."""
        with self._lock:
            self._rules.clear()

    def take(self, method: str, path: str) -> tuple[Action, ...]:
        """Return the actions for this request, and count the request."""
        with self._lock:
            for rule in self._rules:
                if rule.method != method or not rule.pattern.fullmatch(path):
                    continue
                if rule.after > 0:
                    rule.after -= 1
                    continue
                if rule.times is None or rule.hits < rule.times:
                    rule.hits += 1
                    return rule.actions
        return ()
