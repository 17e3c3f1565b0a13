"""`pipedrive-graph simulate`: serves a simulated company on a loopback port."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import click

from pipedrive_graph.cli.runner import debug_option
from pipedrive_graph.errors import PipedriveGraphError
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.server import PortInUseError, serve

_DEFAULTS = Options()

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _option(name: str, help_text: str, **attributes: Any) -> Decorator:  # noqa: ANN401 - click's own
    """An option with the name and the default of a field of `Options`."""
    default = getattr(_DEFAULTS, name)
    flag = f"--{name.replace('_', '-')}"
    if default is False:
        return click.option(flag, name, is_flag=True, help=help_text)
    return click.option(
        flag, name, default=default, show_default=default is not None, help=help_text, **attributes
    )


@click.command("simulate")
@_option("users", "Users in the company, inactive ones included.", type=click.IntRange(5, 20_000))
@_option("seed", "Seed of the random company.", type=int)
@_option("clean", "Plant no anomalies.")
@_option(
    "plan",
    "The company's plan, which decides what its visibility settings mean.",
    type=click.Choice(["lite", "growth", "premium", "ultimate"]),
)
@_option(
    "refuse_visibility",
    "Refuse pipelines, teams and permitted users with this status: 403, 404 or 410.",
    type=click.IntRange(403, 410),
)
@_option("now", "Count the company's dates back from this time (ISO 8601).", type=datetime.fromisoformat)
@_option("truth", "Write the planted findings to this file, as JSON.", type=click.Path(path_type=Path))
@_option("host", "Address to listen on.")
@_option("port", "Port to listen on; 0 chooses a free one.", type=click.IntRange(0, 65_535))
@_option("dialect", "Which description of the API to follow.", type=click.Choice(["official", "brief"]))
@_option("token", "API token of the company's first user, an admin.")
@_option("user_token", "API token of a user without rights.")
@_option("client_id", "Client id of the OAuth app.")
@_option("client_secret", "Client secret of the OAuth app.")
@_option("refresh_token", "A refresh token that was issued before the start.")
@_option("scopes", "Scopes of the OAuth app, separated by commas.")
@_option("token_lifetime", "Seconds for which an access token is valid.", type=click.IntRange(1))
@_option("rotate", "Replace a refresh token each time it is exchanged; the old one becomes invalid.")
@_option("deny", "Decline every request to authorise the app.")
@_option("api_domain", "Address of the API that comes with tokens; by default the simulator's own.")
@_option("limit", "Requests allowed in one window.", type=click.IntRange(1))
@_option("oauth_limit", "The limit of the OAuth app; by default four times --limit.", type=click.IntRange(1))
@_option("window", "Seconds of the window.", type=click.FloatRange(0.01))
@_option("fixed_window", "Use fixed windows instead of a sliding one.")
@_option("daily_limit", "Daily budget, in tokens (official) or requests (brief).", type=click.IntRange(0))
@_option("latency", "Seconds before each response.", type=click.FloatRange(0))
@_option("jitter", "The most random extra seconds per response.", type=click.FloatRange(0))
@_option("reset", "Form of x-ratelimit-reset.", type=click.Choice(["delta", "epoch", "epoch_ms"]))
@_option("retry_after", "Send Retry-After with 429.")
@_option("page_limit", "The most rows in a page of a list.", type=click.IntRange(1))
@_option("null_lists", "Answer null instead of an empty list.")
@debug_option
def command(*, debug: bool, now: datetime | None, **options: Any) -> None:  # noqa: ANN401
    """Serve a simulated Pipedrive company on a loopback port, until interrupted."""
    if now is not None and now.tzinfo is None:
        now = now.replace(tzinfo=UTC)
    try:
        serve(Options(now=now, **options))
    except PortInUseError as error:
        raise PipedriveGraphError(str(error)) from error
