"""Measures the processor time of each test, of its fixtures and of the processes that they start.

`--cpu-budget` fails a run that takes more, so that the tests stay fast. A budget is in units: one unit is
the time in which this machine adds up ten million numbers in Python (about 0.5 s on a server of 2024). It is
measured at the start and at the end of the run, so that the budget also holds on a slow machine.
"""

from __future__ import annotations

import resource
import time
from collections import Counter
from collections.abc import Iterator

import pytest

_SLOWEST = 25
"""How many tests the summary lists."""


def unit() -> float:
    """Return the CPU seconds of ten million additions in Python on this machine."""
    began = time.process_time()
    total = 0
    for number in range(10_000_000):
        total += number
    return time.process_time() - began


def spent() -> float:
    """Return the CPU seconds of this process and of its ended children."""
    usages = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)


class CpuTime:
    """Adds the CPU seconds to each report of a phase, and adds up the reports of all workers."""

    def __init__(self, budget: float | None, *, is_worker: bool) -> None:
        self._budget = budget
        self._is_worker = is_worker
        self._before = spent()
        self._tests: Counter[str] = Counter()
        self._units: list[float] = []

    def pytest_sessionstart(self) -> None:
        if self._budget and not self._is_worker:
            self._units.append(unit())
        self._before = spent()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Iterator[None]:
        report = yield
        after = spent()
        report.cpu = after - self._before
        self._before = after
        return report

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._tests[report.nodeid] += getattr(report, "cpu", 0)

    @pytest.hookimpl(trylast=True)
    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self._budget and not self._is_worker:
            self._units.append(unit())
            if self._used() > self._budget and session.exitstatus == pytest.ExitCode.OK:
                session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if not self._budget:
            return
        total = sum(self._tests.values())
        terminalreporter.write_line(
            f"CPU time of the tests: {total:.0f} s, {self._used():.0f} of {self._budget:.0f} units"
        )
        if self._used() > self._budget:
            terminalreporter.section("The tests take more CPU time than their budget", red=True)
            for test, seconds in self._tests.most_common(_SLOWEST):
                terminalreporter.write_line(f"{seconds:8.1f} s  {test}")

    def _used(self) -> float:
        return sum(self._tests.values()) / (sum(self._units) / len(self._units))


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--cpu-budget", type=float, help="fail if the tests take more CPU time, in units")


def pytest_configure(config: pytest.Config) -> None:
    is_worker = hasattr(config, "workerinput")
    config.pluginmanager.register(CpuTime(config.getoption("--cpu-budget"), is_worker=is_worker), "cpu-time")
