"""Bodies have size limits, whichever server sends them: measured in a child process by memory and time."""

from __future__ import annotations

import asyncio
import gzip
import itertools
import json
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterable, Iterator
from functools import reduce

import pytest

from pipedrive_graph.common.redaction import Redaction
from pipedrive_graph.pipedrive.http import Transport, post_form, post_json
from pipedrive_graph.pipedrive.http_types import Fault, Timeouts, TransportError
from pipedrive_graph.pipedrive.receiving import LARGE_BODY, LargeBodies

from .hostile import head, hostile

MIB = 2**20
JSON = "Content-Type: application/json"
FLAGS = json.dumps({"success": True, "data": {"can_edit": True}}).encode()


def zeros(size: int) -> bytes:
    """So many bytes of blanks as gzip; a block is packed once and repeated, as packing 1 GiB takes 4 s."""
    packer = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = packer.compress(b" " * MIB) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = reduce(lambda so_far, _: zlib.crc32(b" " * MIB, so_far), range(size // MIB), 0)
    start = gzip.compress(b"")[:10]
    return start + block * (size // MIB) + packer.flush() + struct.pack("<LL", checksum, size % 2**32)


def endless() -> Iterator[bytes]:
    yield head(JSON)
    yield from itertools.repeat(b" " * 65_536)


class Large:
    """An answer of 60 MB about one user: a map of flags with much white space in it."""

    def __iter__(self) -> Iterator[bytes]:
        yield head(JSON, f"Content-Length: {60 * MIB + len(FLAGS)}") + FLAGS
        yield from (b" " * MIB for _ in range(60))


BOMB = gzip.compress(gzip.compress(b" " * (64 * MIB)))
ANSWERS: dict[str, Iterable[bytes]] = {
    "/twice/users": [head(JSON, "Content-Encoding: gzip, gzip") + BOMB],
    "/apart/users": [head(JSON, "Content-Encoding: gzip", "Content-Encoding: gzip") + BOMB],
    "/unknown/users": [head(JSON, "Content-Encoding: br") + b"?"],
    "/bomb/users": [head(JSON, "Content-Encoding: gzip") + zeros(1024 * MIB)],
    "/torn/users": [head(JSON, "Content-Encoding: gzip") + zeros(MIB)[:-20]],
    "/none/users": [head(JSON, "Content-Encoding: gzip") + b"no gzip at all"],
    "/good/users": [head(JSON, "Content-Encoding: GZIP") + gzip.compress(FLAGS)],
}


def get(base_url: str, **timeouts: float) -> bytes:
    async def run() -> bytes:
        async with Transport(base_url, "a" * 40, Timeouts(**timeouts)) as transport:
            return (await transport.get("users", {})).body

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("path", "fault", "reason"),
    [
        ("twice", Fault.CUT, "compressed more than once, or in a way that was not asked for"),
        ("apart", Fault.CUT, "compressed more than once, or in a way that was not asked for"),
        ("unknown", Fault.CUT, "compressed more than once, or in a way that was not asked for"),
        ("bomb", Fault.TOO_LARGE, "the answer is larger than 64 MiB"),
        ("torn", Fault.CUT, "the answer was cut short"),
        ("none", Fault.CUT, "the answer was cut short"),
    ],
)
def test_a_body_that_cannot_be_bounded_is_refused(path: str, fault: Fault, reason: str) -> None:
    with hostile(ANSWERS) as url, pytest.raises(TransportError, match=reason) as caught:
        get(f"{url}/{path}")
    assert caught.value.fault is fault


def test_a_compressed_body_is_read() -> None:
    with hostile(ANSWERS) as url:
        assert get(f"{url}/good") == FLAGS


def test_a_body_that_drips_ends_after_the_limit_for_all_of_it() -> None:
    drip = {"": [head(JSON), *[b" "] * 600]}
    with hostile(drip, pause=0.05) as url:
        started = time.monotonic()
        with pytest.raises(TransportError, match="the request timed out"):
            get(url, read=0.5, total=1.0)
        with pytest.raises(TransportError, match="the request timed out"):
            post_json(f"{url}/", {}, Timeouts(read=0.5, total=1.0), Redaction())
        assert time.monotonic() - started < 6


def test_an_answer_with_tokens_is_bounded() -> None:
    with hostile({"": endless()}) as url, pytest.raises(TransportError, match="larger than 1 MiB") as caught:
        asyncio.run(post_form(f"{url}/oauth/token", "", {}, Redaction()))
    assert caught.value.fault is Fault.TOO_LARGE


def test_of_what_a_webhook_answers_the_beginning_is_read() -> None:
    with hostile({"": endless(), "/packed": [head("Content-Encoding: gzip, gzip") + BOMB]}) as url:
        assert post_json(f"{url}/", {}, Timeouts(), Redaction()).body == b" " * 64
        assert post_json(f"{url}/packed", {}, Timeouts(), Redaction()).body == b""


def test_large_bodies_wait_for_each_other_and_the_wait_costs_no_time() -> None:
    async def run() -> None:
        bodies = LargeBodies()
        first, second, small = bodies.share(), bodies.share(), bodies.share()
        async with asyncio.timeout(None) as deadline:
            await first.grow(LARGE_BODY + 1, deadline)
            await small.grow(LARGE_BODY, deadline)
        asyncio.get_running_loop().call_later(0.3, first.release)
        async with asyncio.timeout(0.1) as deadline:
            await second.grow(LARGE_BODY + 1, deadline)
        assert (first.is_large, second.is_large, small.is_large) == (False, True, False)
        second.release()

    asyncio.run(run())


CHILD = """
import asyncio, json, sys
from pathlib import Path
from pipedrive_graph.pipedrive.client import Pipedrive
from pipedrive_graph.pipedrive.endpoints import Call, Endpoint
from pipedrive_graph.pipedrive.http_types import TransportError, Timeouts
from pipedrive_graph.pipedrive.http import Transport, post_form
from pipedrive_graph.common.redaction import Redaction

url, large = sys.argv[1], int(sys.argv[2])

def peak():  # not ru_maxrss, which begins with that of the parent
    status = Path("/proc/self/status").read_text()
    return int(status.partition("VmHWM:")[2].split()[0]) // 1024

begun = peak()

async def one(path):
    async with Transport(f"{url}/{path}", "a" * 40, Timeouts()) as transport:
        try:
            await transport.get("users", {})
        except TransportError as error:
            return str(error)

async def main():
    for path in ("twice", "bomb"):
        assert await one(path)
    try:
        await post_form(f"{url}/oauth/token", "", {}, Redaction())
    except TransportError:
        pass
    single = peak() - begun
    async with Pipedrive(f"{url}/large", "a" * 40, on_warning=print) as client:
        calls = [Call(Endpoint.PERMISSIONS, str(user)) for user in range(1, large + 1)]
        answered = [answer.outcome.value async for answer in client.fetch_all(calls)]
    print(json.dumps({"single": single, "together": peak() - begun, "answered": answered.count("answered")}))

asyncio.run(main())
"""


def measured(large: int) -> dict[str, int]:
    answers: dict[str, Iterable[bytes]] = {**ANSWERS, "/oauth/token": endless(), "": Large()}
    with hostile(answers) as url:
        child = subprocess.run(
            [sys.executable, "-c", CHILD, url, str(large)], capture_output=True, text=True, timeout=300
        )
    assert child.stderr == ""
    return json.loads(child.stdout)


def test_memory_stays_bounded_whatever_a_server_sends() -> None:
    taken = measured(large=1)
    assert taken["answered"] == 1
    assert taken["single"] < 250  # MiB; 64 MiB twice while the body is put together
    assert taken["together"] < 400


@pytest.mark.slow
def test_forty_large_answers_at_once_take_the_memory_of_one() -> None:
    taken = measured(large=40)
    assert taken["answered"] == 40
    assert taken["together"] < 400
