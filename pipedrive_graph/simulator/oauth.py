"""The authorisation server: issues codes and tokens, and validates them.

Opening the authorise page counts as agreement, or, by option, as refusal. Tokens belong to the company's
first user, an admin.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import random
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from pipedrive_graph.simulator.bodies import answer

if TYPE_CHECKING:
    from pipedrive_graph.simulator.options import Options

PREFIX = "/oauth/"
CODE_SECONDS = 300

_SCOPES = {
    "users": {"users:read", "admin"},
    "roles": {"admin"},
    "permissionSets": {"admin"},
    "pipelines": {"deals:read", "deals:full", "admin"},
    "legacyTeams": {"users:read", "admin"},
    "deals": {"deals:read", "deals:full"},
}
"""The scopes of which one is needed to read a path, by its first part; `users/me` needs `base`."""


@dataclass(frozen=True, slots=True)
class _Code:
    redirect_uri: str
    until: float
    challenge: str | None


class Authority:
    """Keeps the issued codes and tokens. Times are seconds of time.monotonic().

    Attributes:
        refreshed: how often a refresh token was exchanged successfully.
    """

    def __init__(self, options: Options, company_id: int) -> None:
        self._options = options
        self._company_id = company_id
        self._codes: dict[str, _Code] = {}
        self._access: dict[str, float] = {}
        self._refresh: set[str] = {options.refresh_token}
        # Tokens look like real ones, and are the same for the same sequence of requests.
        self._rng = random.Random(options.seed)  # noqa: S311
        self.refreshed = 0

    def routes(self) -> list[BaseRoute]:
        """Return the endpoints."""
        return [
            Route(f"{PREFIX}authorize", self.authorize, methods=["GET"]),
            Route(f"{PREFIX}token", self.token, methods=["POST"]),
            Route(f"{PREFIX}revoke", self.revoke, methods=["POST"]),
        ]

    def accepts(self, token: str) -> bool:
        """Whether an access token was issued here and has not expired."""
        return time.monotonic() < self._access.get(token, 0)

    def allows(self, method: str, template: str) -> bool:
        """Whether the app's scopes allow a request; a path without a mapped scope is never allowed."""
        scopes = set(self._options.scopes.split(","))
        if method != "GET":
            return "admin" in scopes
        if template == "users/me":
            return "base" in scopes
        needed = _SCOPES.get(template.partition("/")[0])
        return needed is not None and not scopes.isdisjoint(needed)

    def expire(self) -> None:
        """Expire every access token; refresh tokens stay valid."""
        self._access.clear()

    def withdraw(self) -> None:
        """Revoke the authorisation, as a user does by uninstalling the app."""
        self._access.clear()
        self._refresh.clear()

    async def authorize(self, request: Request) -> Response:
        """Redirect the browser back with a code, or with `error=user_denied`."""
        asked = request.query_params
        back = urlsplit(asked.get("redirect_uri", ""))
        if asked.get("client_id") != self._options.client_id:
            return _refusal("invalid_client", "Invalid client: client is invalid")
        if "code_challenge" in asked and asked.get("code_challenge_method") != "S256":
            return _refusal("invalid_request", "Invalid request: code_challenge_method is invalid")
        if not back.scheme or not back.netloc:
            return _refusal("invalid_request", "Invalid request: redirect_uri is invalid")
        answered = (
            {"error": "user_denied"}
            if self._options.deny
            else {"code": self._new_code(back.geturl(), asked.get("code_challenge"))}
        )
        if "state" in asked:
            answered["state"] = asked["state"]
        return RedirectResponse(back._replace(query=urlencode(answered)).geturl(), 302)

    async def token(self, request: Request) -> Response:
        """Exchange a code or a refresh token."""
        if not request.headers.get("content-type", "").startswith("application/x-www-form-urlencoded"):
            return _refusal(
                "invalid_request", "Invalid request: content must be application/x-www-form-urlencoded"
            )
        refused = self._client_objection(request)
        if refused is not None:
            return refused
        sent = dict(parse_qsl((await request.body()).decode()))
        grant = sent.get("grant_type")
        if grant is None:
            return _refusal("invalid_request", "Missing parameter: grant_type")
        if grant == "authorization_code":
            code = self._codes.pop(sent.get("code", ""), None)
            if code is None or code.redirect_uri != sent.get("redirect_uri"):
                return _refusal("invalid_grant", "Invalid grant: authorization_code is invalid")
            if code.challenge is not None and code.challenge != _challenge(sent.get("code_verifier", "")):
                return _refusal("invalid_grant", "Invalid grant: code_verifier is invalid")
            if time.monotonic() > code.until:
                return _refusal("invalid_grant", "Invalid grant: authorization_code has expired")
            return self._granted(request, self._new_refresh_token())
        if grant == "refresh_token":
            refresh = sent.get("refresh_token", "")
            if refresh not in self._refresh:
                return _refusal("invalid_grant", "Invalid grant: refresh_token is invalid")
            self.refreshed += 1
            if self._options.rotate:
                self._refresh.remove(refresh)
                refresh = self._new_refresh_token()
            return self._granted(request, refresh)
        return _refusal("unsupported_grant_type", "Unsupported grant type")

    async def revoke(self, request: Request) -> Response:
        """Revoke one token; revoking a refresh token also revokes the access tokens."""
        refused = self._client_objection(request)
        if refused is not None:
            return refused
        token = dict(parse_qsl((await request.body()).decode())).get("token", "")
        if token in self._refresh:
            self._refresh.remove(token)
            self._access.clear()
        self._access.pop(token, None)
        return Response(status_code=200)

    def _granted(self, request: Request, refresh: str) -> Response:
        access = f"v1u:AQIBAH{self._rng.getrandbits(1024):0256x}"
        lifetime = self._options.token_lifetime
        self._access[access] = time.monotonic() + lifetime
        here = f"{request.url.scheme}://{request.url.netloc}"
        return answer(
            {
                "access_token": access,
                "token_type": "Bearer",
                "expires_in": str(lifetime) if self._options.dialect == "brief" else lifetime,
                "refresh_token": refresh,
                "scope": self._options.scopes,
                "api_domain": self._options.api_domain or here,
            }
        )

    def _client_objection(self, request: Request) -> Response | None:
        kind, _, encoded = request.headers.get("authorization", "").partition(" ")
        try:
            credentials = base64.b64decode(encoded, validate=True).decode() if kind.lower() == "basic" else ""
        except (binascii.Error, UnicodeDecodeError):
            credentials = ""
        if not credentials:
            return _refusal("invalid_client", "Invalid client: cannot retrieve client credentials")
        if credentials != f"{self._options.client_id}:{self._options.client_secret}":
            return _refusal("invalid_client", "Invalid client: client is invalid")
        return None

    def _new_code(self, redirect_uri: str, challenge: str | None) -> str:
        code = f"{self._rng.getrandbits(160):040x}"
        self._codes[code] = _Code(redirect_uri, time.monotonic() + CODE_SECONDS, challenge)
        return code

    def _new_refresh_token(self) -> str:
        refresh = f"{self._company_id}:{self._rng.getrandbits(24)}:{self._rng.getrandbits(160):040x}"
        self._refresh.add(refresh)
        return refresh


def _challenge(verifier: str) -> str:
    """Return the code challenge for a verifier (RFC 7636, S256)."""
    return base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")


def _refusal(error: str, message: str) -> Response:
    return answer({"success": False, "message": message, "error": error}, 400)
