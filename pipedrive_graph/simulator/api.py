"""The endpoints: each responds from the current state of the company.

The middleware handles authorisation, limits, latency and faults.
"""

from __future__ import annotations

import json
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from pipedrive_graph.simulator.bodies import DOMAIN_ERROR, NO_RIGHT, answer, as_id, failure, no_role
from pipedrive_graph.simulator.model import Access, Company, PermissionSet, Role, User
from pipedrive_graph.simulator.options import Options
from pipedrive_graph.simulator.serializers import Json, Serializer, page
from pipedrive_graph.simulator.visibility_api import VisibilityApi

PREFIXES = ("/v1", "/api/v1")
V2 = "/api/v2"
CALLER = "simulator.caller"
"""The key in a request's scope under which the middleware stores the owner of the token."""


async def no_such_path(_request: Request, _error: Exception) -> Response:
    """Respond 404 to unknown paths, and to methods that a path does not have."""
    return failure(404, "Unknown method.", **DOMAIN_ERROR)


class Api:
    """The endpoints over one company, in one dialect."""

    def __init__(self, company: Company, options: Options) -> None:
        self._company = company
        self._options = options
        self._brief = options.dialect == "brief"
        self._serializer = Serializer(company, options)
        self._visibility = VisibilityApi(company, options)

    def routes(self) -> list[BaseRoute]:
        """Return every route, under both prefixes of v1; the brief dialect has no permission sets."""
        table: list[tuple[str, str, Any]] = [
            ("GET", "users", self.users),
            ("POST", "users", self.add_user),
            ("GET", "users/me", self.me),
            ("GET", "users/find", self.find),
            ("GET", "users/{id}", self.user),
            ("PUT", "users/{id}", self.switch_user),
            ("GET", "users/{id}/permissions", self.permissions),
            ("GET", "users/{id}/roleAssignments", self.role_assignments),
            ("GET", "users/{id}/roleSettings", self.user_role_settings),
            ("GET", "roles", self.roles),
            ("GET", "roles/{id}", self.role),
            ("GET", "roles/{id}/settings", self.role_settings),
            ("POST", "roles/{id}/assignments", self.assign),
        ]
        if not self._brief:
            table += [
                ("GET", "roles/{id}/assignments", self.role_members),
                ("GET", "permissionSets", self.permission_sets),
                ("GET", "permissionSets/{id}", self.permission_set),
                ("GET", "permissionSets/{id}/assignments", self.set_assignments),
            ]
        of_v1 = [*table, *self._visibility.of_v1()]
        return [
            *(_route(prefix, *entry) for prefix in PREFIXES for entry in of_v1),
            *(_route(V2, *entry) for entry in self._visibility.of_v2()),
        ]

    # Users.

    async def users(self, request: Request) -> Response:
        """List all users: at once (official), or page by page and for admins only (brief)."""
        caller = _caller(request)
        people = list(self._company.users.values())
        if not self._brief:
            return self._list([self._serializer.user(user, caller) for user in people])
        if not caller.admin_apps:
            return failure(403, NO_RIGHT, **DOMAIN_ERROR)
        # Render only the page: a large company has many users.
        numbered: list[Json] = [{"id": user.id} for user in people]
        shown, block = self._page(request, numbered)
        rows = [self._serializer.user(self._company.users[row["id"]], caller) for row in shown]
        return self._list(rows, block)

    async def me(self, request: Request) -> Response:
        """Return the owner of the token."""
        return answer({"success": True, "data": self._serializer.me(_caller(request))})

    async def find(self, request: Request) -> Response:
        """Find active users by part of their name or address."""
        term = request.query_params.get("term", "").casefold()
        if not term:
            return failure(400, "Bad request", error_info="term is required")
        by_email = request.query_params.get("search_by_email") in ("1", "true")
        caller = _caller(request)
        return self._list(
            [
                self._serializer.user(user, caller)
                for user in self._company.users.values()
                if user.active and term in (user.email if by_email else user.name).casefold()
            ]
        )

    async def user(self, request: Request) -> Response:
        """Return one user; in the brief dialect, callers without admin rights get their own record."""
        caller = _caller(request)
        user = caller if self._brief and not caller.admin_apps else self._user(request)
        if user is None:
            return _no_user()
        return answer({"success": True, "data": self._serializer.user(user, caller)})

    async def permissions(self, request: Request) -> Response:
        """Return the permission flags of one user, active or not."""
        user = self._user(request)
        if user is None:
            return _no_user()
        return answer({"success": True, "data": self._company.permissions(user.id)})

    async def role_assignments(self, request: Request) -> Response:
        """List the role assignments of one user, active or not."""
        user = self._user(request)
        if user is None:
            return _no_user()
        held = self._company.assignments.get(user.id, [])
        rows = [self._serializer.assignment(row) for row in held]
        return self._list(rows) if self._brief else self._list(*self._page(request, rows))

    async def user_role_settings(self, request: Request) -> Response:
        """Return the settings of the user's role."""
        user = self._user(request)
        if user is None:
            return _no_user()
        role = self._company.roles.get(user.role_id or 0)
        return answer({"success": True, "data": role.settings if role else {}})

    async def add_user(self, request: Request) -> Response:
        """Invite a user: by address only (official), or with a name and without a role (brief)."""
        sent = await _sent(request)
        email, name = sent.get("email"), sent.get("name")
        if not isinstance(email, str) or (self._brief and not isinstance(name, str)):
            return failure(400, "Bad request", error_info="email is required")
        if any(user.email.lower() == email.lower() for user in self._company.users.values()):
            return failure(403, "User with this email already exists.", **DOMAIN_ERROR)
        try:
            access = [self._granted(entry) for entry in sent.get("access") or [{"app": "sales"}]]
        except (KeyError, TypeError, AttributeError):
            return failure(400, "Bad request", error_info="access is not valid")
        user = self._company.invite(email, access)
        user.active = bool(sent.get("active_flag", True))
        if self._brief:
            user.name = str(name)
            self._company.assignments[user.id] = []
        return answer({"success": True, "data": self._serializer.user(user, _caller(request))})

    async def switch_user(self, request: Request) -> Response:
        """Activate or deactivate a user; no other field can be changed."""
        user = self._user(request)
        flag = (await _sent(request)).get("active_flag")
        if user is None:
            return _no_user()
        if not isinstance(flag, bool):
            return failure(400, "Bad request", error_info="active_flag is required")
        user.active = flag
        return answer({"success": True, "data": self._serializer.user(user, _caller(request))})

    # Roles.

    async def roles(self, request: Request) -> Response:
        """List the roles, page by page."""
        return self._list(*self._page(request, self._serializer.roles()))

    async def role(self, request: Request) -> Response:
        """Return one role, also if the list leaves it out; with its settings, except in the brief dialect."""
        role = self._role(request)
        if role is None:
            return no_role()
        extra = {} if self._brief or self._options.refuse_visibility else {"settings": role.settings}
        return answer({"success": True, "data": self._serializer.role(role), "additional_data": extra})

    async def role_settings(self, request: Request) -> Response:
        """Return the settings of one role."""
        role = self._role(request)
        return answer({"success": True, "data": role.settings}) if role else no_role()

    async def role_members(self, request: Request) -> Response:
        """List the assignments of a role, page by page."""
        role = self._role(request)
        if role is None:
            return no_role()
        rows = [self._serializer.assignment(row) for row in self._company.members(role.id)]
        return self._list(*self._page(request, rows))

    async def assign(self, request: Request) -> Response:
        """Move a user into a role."""
        role = self._role(request)
        user = self._company.users.get(as_id((await _sent(request)).get("user_id")))
        if role is None:
            return no_role()
        if user is None:
            return _no_user()
        self._company.move(user.id, role.id)
        return answer({"success": True, "data": {"user_id": user.id, "role_id": role.id}})

    # Permission sets.

    async def permission_sets(self, request: Request) -> Response:
        """List the permission sets, or those of the app in the query."""
        return self._list(self._serializer.permission_sets(request.query_params.get("app")))

    async def permission_set(self, request: Request) -> Response:
        """Return one permission set, in the shape of `set_shape`."""
        entry = self._set(request)
        if entry is None:
            return failure(404, "Not Found")
        row = self._serializer.permission_set(entry)
        if self._options.set_shape == "bare":
            return answer(row)
        return answer({"success": True, "data": [row] if self._options.set_shape == "list" else row})

    async def set_assignments(self, request: Request) -> Response:
        """List the users who have a permission set, page by page; 404 if nobody has it."""
        entry = self._set(request)
        rows = self._serializer.set_assignments(entry) if entry else []
        return self._list(*self._page(request, rows)) if rows else failure(404, "Not Found")

    # Helpers.

    def _list(self, rows: list[Json], pagination: Json | None = None) -> Response:
        data = None if self._options.null_lists and not rows else rows
        body: Json = {"success": True, "data": data}
        if pagination is not None:
            flat = self._options.paging == "flat"
            body["additional_data"] = pagination if flat else {"pagination": pagination}
        return answer(body)

    def _page(self, request: Request, rows: list[Json]) -> tuple[list[Json], Json]:
        asked = request.query_params
        shown, block = page(rows, asked.get("start"), asked.get("limit"), self._options.page_limit)
        if self._options.paging != "next_start":
            block.pop("next_start", None)
        return shown, block

    def _user(self, request: Request) -> User | None:
        return self._company.users.get(as_id(request.path_params["id"]))

    def _role(self, request: Request) -> Role | None:
        return self._company.roles.get(as_id(request.path_params["id"]))

    def _set(self, request: Request) -> PermissionSet | None:
        return self._company.sets.get(request.path_params["id"])

    def _granted(self, entry: Json) -> Access:
        app, admin = entry["app"], bool(entry.get("admin", False))
        given = entry.get("permission_set_id")
        if given is not None:
            return Access(app, admin, self._company.sets[given].id)
        return Access(app, admin, self._company.set_id(app, "admin" if admin else "regular"))


def _route(prefix: str, method: str, path: str, endpoint: Any) -> Route:  # noqa: ANN401 - starlette's own
    return Route(f"{prefix}/{path}", endpoint, methods=[method])


def _caller(request: Request) -> User:
    caller: User = request.scope[CALLER]
    return caller


async def _sent(request: Request) -> Json:
    """Return the JSON object in the body of the request, or an empty object if it has none."""
    try:
        content = json.loads(await request.body())
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _no_user() -> Response:
    return failure(404, "User not found or not accessible.")
