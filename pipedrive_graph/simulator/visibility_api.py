"""The endpoints about who can see what: pipelines, teams, deals, and the users who see a deal."""

from __future__ import annotations

import base64
import binascii
from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from pipedrive_graph.simulator.bodies import DOMAIN_ERROR, NO_RIGHT, answer, as_id, failure, no_role
from pipedrive_graph.simulator.model import Company, Deal, Pipeline, Team
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.serializers import Json
from pipedrive_graph.simulator.visibility import permitted

Endpoints = list[tuple[str, str, Any]]
"""Method, path and function of each endpoint."""

_DATE = "2024-01-01T00:00:00Z"


class VisibilityApi:
    """The endpoints over one company; the brief dialect has none of them."""

    def __init__(self, company: Company, options: Options) -> None:
        self._company = company
        self._options = options
        self._offered = options.dialect == "official"

    def of_v1(self) -> Endpoints:
        """Return the endpoints of API v1."""
        table = [
            ("GET", "roles/{id}/pipelines", self.role_pipelines),
            ("GET", "legacyTeams", self.teams),
            ("GET", "deals/{id}/permittedUsers", self.permitted_users),
        ]
        return table if self._offered else []

    def of_v2(self) -> Endpoints:
        """Return the endpoints of API v2."""
        table = [("GET", "pipelines", self.pipelines), ("GET", "deals", self.deals)]
        return table if self._offered else []

    async def pipelines(self, request: Request) -> Response:
        """List the pipelines, page by page."""
        return self._refused() or self._page(request, list(map(_pipeline, self._company.pipelines.values())))

    async def role_pipelines(self, request: Request) -> Response:
        """Return the pipelines that a role sees, or with `visible=false` those that it does not see."""
        role_id = as_id(request.path_params["id"])
        if self._options.refuse_visibility or role_id not in self._company.roles:
            return self._refused() or no_role()
        visible = request.query_params.get("visible", "true") not in ("false", "0")
        shown = [
            pipeline.id
            for pipeline in self._company.pipelines.values()
            if (role_id not in pipeline.hidden_from) == visible
        ]
        return answer({"success": True, "data": {"pipeline_ids": shown, "visible": visible}})

    async def teams(self, _request: Request) -> Response:
        """List all teams with their members."""
        teams = [_team(team) for team in self._company.teams.values()]
        return self._refused() or answer({"success": True, "data": teams})

    async def deals(self, request: Request) -> Response:
        """List the deals, or those of an owner, page by page."""
        owner = request.query_params.get("owner_id")
        deals = self._company.deals.values()
        newest_first = request.query_params.get("sort_direction") == "desc"
        rows = [_deal(deal) for deal in deals if owner is None or deal.owner_id == as_id(owner)]
        rows.sort(key=lambda row: row["id"], reverse=newest_first)  # newer deals have higher ids
        return self._page(request, rows)

    async def permitted_users(self, request: Request) -> Response:
        """Return the ids of the users who see a deal."""
        deal = self._company.deals.get(as_id(request.path_params["id"]))
        if deal is None:
            return failure(404, "Deal not found", **DOMAIN_ERROR)
        return self._refused() or answer({"success": True, "data": sorted(permitted(self._company, deal))})

    def _refused(self) -> Response | None:
        """Return the error of a company without these features; None if it has them."""
        status = self._options.refuse_visibility
        if status is None:
            return None
        return failure(status, NO_RIGHT if status == 403 else "Not found", **DOMAIN_ERROR)

    def _page(self, request: Request, rows: list[Json]) -> Response:
        """Return a page of rows by cursor, as API v2 does."""
        asked = request.query_params
        try:
            first = int(base64.urlsafe_b64decode(asked.get("cursor", "")).decode() or 0)
        except (ValueError, binascii.Error, UnicodeDecodeError):
            return failure(400, "Invalid cursor", **DOMAIN_ERROR)
        size = min(self._options.page_limit, max(1, as_id(asked.get("limit", "100"))))
        more = first + size < len(rows)
        cursor = base64.urlsafe_b64encode(str(first + size).encode()).decode() if more else None
        return answer(
            {
                "success": True,
                "data": rows[first : first + size],
                "additional_data": {"next_cursor": cursor},
            }
        )


def _pipeline(pipeline: Pipeline) -> Json:
    return {
        "id": pipeline.id,
        "name": pipeline.name,
        "order_nr": pipeline.id,
        "is_deleted": pipeline.deleted,
        "is_deal_probability_enabled": True,
        "add_time": _DATE,
        "update_time": _DATE,
    }


def _team(team: Team) -> Json:
    return {
        "id": team.id,
        "name": team.name,
        "description": "",
        "manager_id": team.manager_id,
        "users": list(team.members),
        "active_flag": int(team.active),
        "deleted_flag": int(team.deleted),
        "add_time": "2024-02-01 09:00:00",
        "created_by_user_id": team.manager_id,
    }


def _deal(deal: Deal) -> Json:
    return {
        "id": deal.id,
        "title": deal.title,
        "creator_user_id": deal.owner_id,
        "owner_id": deal.owner_id,
        "value": 12000,
        "currency": "EUR",
        "person_id": None,
        "org_id": None,
        "stage_id": 11,
        "pipeline_id": deal.pipeline_id,
        "status": "open",
        "is_archived": False,
        "is_deleted": False,
        "visible_to": deal.visible_to,
        "add_time": _DATE,
        "update_time": _DATE,
    }
