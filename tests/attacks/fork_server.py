"""Runs commands in forks of a process that has imported everything, and kills them at a system call.

A command takes seconds to import what it needs, so an attack of hundreds would wait most of its time. This
process reads one JSON object per line on stdin, as `Order` in `ready.py` writes it, and answers each with one
line, the result. It has one thread only, so that a fork of it is a process like any other.
"""

from __future__ import annotations

import importlib
import json
import os
import pkgutil
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path
from typing import Any

import pipedrive_graph
from pipedrive_graph.cli.app import group
from pipedrive_graph.cli.runner import run
from pipedrive_graph.common import clock
from pipedrive_graph.warehouse import database

ATTACHED = "attached"
"""The line on stderr of strace when it has attached to the process."""


def import_everything() -> None:
    """Import all modules of the package and their dependencies."""
    for module in pkgutil.walk_packages(pipedrive_graph.__path__, "pipedrive_graph."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    importlib.import_module("encodings.ascii")  # loaded late by what an unprivileged user runs


def command(order: dict[str, Any]) -> None:
    """Run one command in this process; does not return."""
    code = 1
    try:
        for stream, path in ((1, order["out"]), (2, order["err"])):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), stream)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        sys.stdin = open(0)  # noqa: SIM115 - for the life of the process
        if order["user"]:
            os.setgroups(order["groups"][1:])
            os.setgid(order["groups"][0])
            os.setuid(order["user"])
        os.environ.clear()
        os.environ.update(order["environment"])
        clock._STARTED = time.monotonic()
        database.CONFIG["threads"] = 1
        if order["traced"]:
            os.kill(os.getpid(), signal.SIGSTOP)  # until strace is there
        code = run(group, order["arguments"])
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001 - a fork must never go on as its parent
        traceback.print_exc()
    finally:
        os._exit(code)


def trace(process: int, order: dict[str, Any]) -> subprocess.Popen[str]:
    """Attach strace to a stopped process, and let the process continue."""
    calls = order["calls"]
    inject = ["-e", f"inject={calls}:signal=SIGKILL:when={order['kill_at']}"] if order["kill_at"] else []
    tracer = subprocess.Popen(
        ["strace", "-f", "-o", order["log"], "-e", f"trace={calls}", *inject, "-p", str(process)],
        stderr=subprocess.PIPE,
        text=True,
    )
    assert tracer.stderr is not None
    line = tracer.stderr.readline()
    assert ATTACHED in line, line
    os.kill(process, signal.SIGCONT)
    return tracer


def obey(order: dict[str, Any]) -> dict[str, Any]:
    """Run one command until it ends or is killed."""
    process = os.fork()
    if process == 0:
        command(order)
    tracer = None
    if order["traced"]:
        os.waitpid(process, os.WUNTRACED)
        tracer = trace(process, order)
    _, status = os.waitpid(process, 0)
    if tracer:
        tracer.communicate()
    return {"code": os.waitstatus_to_exitcode(status), "process": process}


def main() -> None:
    import_everything()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(obey(json.loads(line))), flush=True)


if __name__ == "__main__":
    Path("/proc/self/comm").write_text("fork_server")
    main()
