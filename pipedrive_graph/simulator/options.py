"""What a simulator can be told: which company, where it listens, and how it behaves."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

Dialect = Literal["official", "brief"]
"""`official`: as the vendor documents it. `brief`: as third-party pages describe it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """The settings of a simulator; the defaults are a company of 300 people on a mid-sized plan."""

    users: int = 300
    """Number of users in the company, inactive ones included."""
    seed: int = 1
    """Everything about the company that is left to chance."""
    clean: bool = False
    """Plant no anomalies."""
    now: datetime | None = None
    """What the company's dates are counted back from; the time of the start by default."""
    truth: Path | None = None
    """Write the planted findings to this JSON file."""

    host: str = "127.0.0.1"
    """Address to listen on."""
    port: int = 0
    """Port to listen on; 0 takes a free one."""
    dialect: Dialect = "official"
    """Which description of the API to follow."""
    token: str = "simulator-token"  # noqa: S105 - opens nothing but this simulator
    """API token of the company's first user, an admin."""
    user_token: str = "simulator-user-token"  # noqa: S105 - as above
    """API token of a user without any admin right."""

    client_id: str = "simulator-client"
    """Client id of the one OAuth app; its tokens stand for the company's first user."""
    client_secret: str = "simulator-client-secret"  # noqa: S105 - as above
    """Client secret of the OAuth app."""
    refresh_token: str = "simulator-refresh-token"  # noqa: S105 - as above
    """A refresh token that was handed out before the simulator started."""
    scopes: str = "base,users:read,admin"
    """Scopes of the OAuth app, separated by commas."""
    token_lifetime: int = 3599
    """Seconds for which an access token holds."""
    rotate: bool = False
    """Replace a refresh token each time it is exchanged; the old one ends."""
    deny: bool = False
    """Let whoever is asked to authorise the app decline."""
    api_domain: str | None = None
    """Address of the API that comes with tokens; by default the simulator's own."""

    limit: int = 80
    """Requests allowed per token and window."""
    oauth_limit: int | None = None
    """The same for the OAuth app; by default four times the limit, as in every plan."""
    window: float = 2.0
    """Length of the window in seconds."""
    fixed_window: bool = False
    """Count in windows that follow one another instead of a sliding one."""
    daily_limit: int | None = None
    """Daily budget: tokens (official) or requests (brief); by default as large as the plan's."""
    block_after: int = 100
    """Calls made while over the limit that are answered 429 before the CDN blocks the token with 403."""
    block_seconds: float = 60.0
    """How long the CDN's block lasts."""
    retry_after: bool = False
    """Send Retry-After with 429."""
    reset: Literal["delta", "epoch", "epoch_ms"] | None = None
    """Form of x-ratelimit-reset; by default delta (official) or epoch (brief)."""
    clock_offset: float = 0.0
    """Seconds by which the server's clock (Date, epochs) is ahead of this machine's."""

    latency: float = 0.0
    """Seconds before each answer."""
    jitter: float = 0.0
    """Up to so many seconds more, at random."""

    page_limit: int = 500
    """Rows that a page of a list has at most."""
    null_lists: bool = False
    """Answer `data: null` where a list is empty."""
    set_shape: Literal["list", "object", "bare"] = "list"
    """Shape of `permissionSets/{id}`: a list of one, an object, or an object without envelope."""
    paging: Literal["next_start", "limit", "flat"] = "next_start"
    """What a page says of the next one: where it starts, as the vendor's guide has it; only that there is
    one, as the specification of roles and assignments has it; or that in `additional_data` itself, as the
    specification of leads has it."""
    role_ids: Literal["number", "text"] = "number"
    """Form of `role_id` in a user: a number, or a string, as in older captures."""
    lang: Literal["number", "text"] = "number"
    """Form of `lang` in a user: the number of a language, or its name."""
    root_parent: Literal["none", "itself"] = "none"
    """The parent of a role that has none: null, or itself, as in the specification's example."""
    levels: Literal["depth", "example"] = "depth"
    """What `level` counts: the depth from 1, or as in the specification's example, where a root and the
    roles below it have the same."""
    empty_admin_sets: bool = False
    """List nothing for permission sets of type admin, which hold every permission of their app."""
    iso_dates: bool = False
    """Write dates as ISO 8601 with a Z."""
