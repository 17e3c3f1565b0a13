"""JSON responses, and the errors, as the real API writes them."""

from __future__ import annotations

import json

from starlette.responses import Response

INFO = "Please check developers.pipedrive.com"
NO_RIGHT = "You do not have permissions to do this."
DOMAIN_ERROR = {"error_info": INFO, "data": None, "additional_data": None}


def answer(content: object, status: int = 200) -> Response:
    """Return a JSON response in the encoding of the real API."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    return Response(text, status, media_type="application/json; charset=utf-8")


def failure(status: int, error: str, **more: object) -> Response:
    """Return a JSON error; the keys after `error` differ between errors, as in the real API."""
    return answer({"success": False, "error": error, **more}, status)


def as_id(value: object) -> int:
    """Return the value as an id, or -1 if it is not a number; nothing has the id -1."""
    text = str(value)
    return int(text) if text.isdecimal() and text.isascii() else -1


def no_role() -> Response:
    """Return the error for a role that does not exist."""
    return failure(404, "Role not found", **DOMAIN_ERROR)
