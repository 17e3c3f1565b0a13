from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipedrive_graph.pipedrive.endpoints import Call, Endpoint


def test_a_call_knows_its_path_and_its_page():
    assert Call(Endpoint.PERMISSIONS, "42").path == "users/42/permissions"
    assert Call(Endpoint.ROLES, start=100, limit=50).query == {"start": "100", "limit": "50"}
    assert Call(Endpoint.USERS).query == {}


@given(st.text(st.characters(codec="utf-8"), min_size=1))
def test_an_id_stays_one_segment_whatever_it_holds(subject: str):
    url = httpx.URL(f"http://localhost/v1/{Call(Endpoint.ROLE, subject).path}")
    segments = url.raw_path.decode().split("/")
    assert segments[:3] == ["", "v1", "roles"]
    assert len(segments) == 4
    assert segments[3] not in ("", ".", "..")


def test_an_id_is_given_exactly_where_the_path_has_one():
    with pytest.raises(ValueError, match="needs an id"):
        Call(Endpoint.PERMISSIONS)
    with pytest.raises(ValueError, match="takes no id"):
        Call(Endpoint.USERS, "1")
