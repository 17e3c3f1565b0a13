"""The options of a simulator: its company, where it listens, and how it behaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

Plan = Literal["lite", "growth", "premium", "ultimate"]

Dialect = Literal["official", "brief"]
"""`official`: as the vendor documents the API. `brief`: as third-party pages describe it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of a simulator; the defaults give a company of 300 people on a mid-sized plan."""

    users: int = 300
    """Number of users in the company, inactive ones included."""
    seed: int = 1
    """Seed of the random generator that creates the company."""
    clean: bool = False
    """Plant no anomalies."""
    plan: Plan = "premium"
    """The company's plan: on lite and growth, a visibility of 3 means the whole company."""
    now: datetime | None = None
    """The time from which the company's dates are counted back; by default the time of the start."""
    truth: Path | None = None
    """Write the planted findings to this JSON file."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 0
    """Port to listen on; 0 chooses a free port."""
    dialect: Dialect = "official"
    """Which description of the API to follow."""
    token: str = "simulator-token"  # noqa: S105 - opens nothing but this simulator
    """API token of the company's first user, an admin."""
    user_token: str = "simulator-user-token"  # noqa: S105 - as above
    """API token of a user without any admin right."""

    client_id: str = "simulator-client"
    """Client id of the OAuth app, of which there is one; its tokens belong to the company's first user."""
    client_secret: str = "simulator-client-secret"  # noqa: S105 - as above
    """Client secret of the OAuth app."""
    refresh_token: str = "simulator-refresh-token"  # noqa: S105 - as above
    """A refresh token that was issued before the simulator started."""
    scopes: str = "base,users:read,admin"
    """Scopes of the OAuth app, separated by commas."""
    token_lifetime: int = 3599
    """Seconds for which an access token is valid."""
    rotate: bool = False
    """Replace a refresh token each time it is exchanged; the old one becomes invalid."""
    deny: bool = False
    """Decline the authorisation of the app."""
    api_domain: str | None = None
    """Address of the API in the token response; by default the simulator's own."""

    limit: int = 80
    """Requests allowed per token and window."""
    oauth_limit: int | None = None
    """The same for the OAuth app; by default four times `limit`, as in every plan."""
    window: float = 2.0
    """Length of the window in seconds."""
    fixed_window: bool = False
    """Use fixed windows instead of a sliding window."""
    daily_limit: int | None = None
    """Daily budget: tokens (official) or requests (brief); by default that of the plan."""
    block_after: int = 100
    """Number of requests over the limit that are answered 429 before the CDN blocks the token with 403."""
    block_seconds: float = 60.0
    """Duration of the CDN's block in seconds."""
    retry_after: bool = False
    """Send Retry-After with 429."""
    reset: Literal["delta", "epoch", "epoch_ms"] | None = None
    """Format of x-ratelimit-reset; by default delta (official) or epoch (brief)."""
    clock_offset: float = 0.0
    """Seconds by which the server's clock (Date, epochs) is ahead of this machine's."""

    latency: float = 0.0
    """Seconds before each response."""
    jitter: float = 0.0
    """Largest random addition to the latency, in seconds."""

    page_limit: int = 500
    """Largest number of rows on a page of a list."""
    null_lists: bool = False
    """Return `data: null` for an empty list."""
    set_shape: Literal["list", "object", "bare"] = "list"
    """Shape of `permissionSets/{id}`: a list of one, an object, or an object without envelope."""
    paging: Literal["next_start", "limit", "flat"] = "next_start"
    """How a page refers to the next one: `next_start` states where it starts, as in the vendor's guide;
    `limit` states only that there is one, as in the specification of roles and assignments; `flat` states the
    same directly in `additional_data`, as in the specification of leads."""
    role_ids: Literal["number", "text"] = "number"
    """Type of `role_id` in a user: a number, or a string, as in older captures."""
    lang: Literal["number", "text"] = "number"
    """Type of `lang` in a user: the number of a language, or its name."""
    root_parent: Literal["none", "itself"] = "none"
    """The parent of a root role: null, or the role itself, as in the specification's example."""
    levels: Literal["depth", "example"] = "depth"
    """The meaning of `level`: the depth, starting with 1; or as in the specification's example, in which a
    root and the roles below it have the same level."""
    empty_admin_sets: bool = False
    """Return no contents for permission sets of type admin, which grant every permission of their app."""
    refuse_visibility: int | None = None
    """Status (403, 404 or 410) with which pipelines, teams and permitted users are refused; then roles have
    no settings either."""
    iso_dates: bool = False
    """Write dates as ISO 8601 with a Z."""
