"""How it serves: on which port, from a thread, as a program; and what it writes down."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor

import pytest
from starlette.applications import Starlette

from pipedrive_graph.simulator.company import generate
from pipedrive_graph.simulator.server import Options, PortInUseError, Simulator, create_app

from .calling import call


def test_it_takes_a_free_port_and_keeps_it_when_started_again() -> None:
    simulator = Simulator(Options(users=5))
    simulator.start()
    url = simulator.url
    assert url == f"http://127.0.0.1:{simulator.port}/v1"
    assert call(simulator, "users/me").status == 200
    simulator.stop()
    with pytest.raises(ConnectionRefusedError):
        call(simulator, "users/me")
    simulator.start()
    assert simulator.url == url
    assert call(simulator, "users/me").status == 200
    assert [seen.status for seen in simulator.requests] == [200, 200]
    simulator.stop()
    simulator.stop()


def test_a_taken_port_is_one_clear_sentence() -> None:
    with Simulator(Options(users=5)) as first:
        second = Simulator(Options(users=5, port=first.port))
        with pytest.raises(PortInUseError, match=f"Port {first.port} is in use by another program"):
            second.start()


def test_the_log_knows_the_request_but_no_token() -> None:
    with Simulator(Options(users=5, dialect="brief")) as running:
        before = time.monotonic()
        call(running, "users?start=0&limit=2")
        call(running, "nothing")
        first, second = running.requests
        assert (first.method, first.path, first.status) == ("GET", "users", 200)
        assert first.query == {"start": "0", "limit": "2", "api_token": ""}
        assert (second.path, second.status) == ("nothing", 404)
        assert before <= first.at <= second.at <= time.monotonic()
        assert running.token not in repr(running.requests)


def test_latency_delays_each_but_blocks_nobody() -> None:
    with Simulator(Options(users=5, latency=0.3, jitter=0.1)) as running:
        began = time.monotonic()
        with ThreadPoolExecutor(10) as pool:
            statuses = list(pool.map(lambda _: call(running, "users/me").status, range(10)))
        assert statuses == [200] * 10
        assert 0.3 <= time.monotonic() - began < 2.5  # one after the other they would take 3 s


def test_the_truth_is_written_before_anybody_asks(tmp_path) -> None:
    simulator = Simulator(Options(users=40, dialect="brief", truth=tmp_path / "truth.json"))
    content = json.loads((tmp_path / "truth.json").read_text(encoding="utf-8"))
    assert content["findings"] == simulator.truth()
    assert content["dialect"] == "brief"


def test_the_app_is_a_starlette_application() -> None:
    assert isinstance(create_app(generate(5), Options()), Starlette)


PROGRAM = """
import sys
from pipedrive_graph.simulator.server import Options, serve
serve(Options(users=40, seed=3, port=int(sys.argv[1])))
"""


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_as_a_program_it_serves_until_interrupted(number) -> None:
    command = [sys.executable, "-c", PROGRAM, "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        assert program.stderr is not None
        said = [program.stdout.readline().strip() for _ in range(6)]
        assert said[0].startswith("Pipedrive simulator at http://127.0.0.1:")
        assert said[1] == "Token    simulator-token"
        assert said[2] == "Dialect  official"
        assert "40 users" in said[3]
        url = said[0].rsplit(" ", 1)[1]
        asked = urllib.request.Request(f"{url}/users", headers={"x-api-token": "simulator-token"})  # noqa: S310
        with urllib.request.urlopen(asked, timeout=5) as answer:  # noqa: S310
            assert len(json.load(answer)["data"]) == 40
        program.send_signal(number)
        assert program.wait(10) == 0
        assert program.stderr.read() == ""


def test_it_keeps_up_with_the_highest_limit() -> None:
    with Simulator(Options(users=300, limit=480, latency=0.02)) as running:
        ids = list(running.company.users)
        statuses: list[int] = []

        def work(mine: list[int]) -> None:
            statuses.extend(call(running, f"users/{user_id}/permissions").status for user_id in mine)

        workers = [threading.Thread(target=work, args=(ids[number::8],)) for number in range(8)]
        began = time.monotonic()
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()
        seconds = time.monotonic() - began
        assert statuses.count(200) == 300
        assert seconds < 5  # 240 a second where nothing else runs; half of that on a busy machine
