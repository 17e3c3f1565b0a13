"""Every link in the access report leads to its goal, for companies and screens of several sizes."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from installation import Installation
from playwright.sync_api import Browser, Page
from reviewed import Reviewed

from pipedrive_graph.simulator.server import Options, Simulator

from .conftest import launched

pytestmark = pytest.mark.slow

SCREENS = {"desktop": (1280, 800), "phone": (390, 844)}
PATIENCE = 120_000

NEAR = 90
"""So far below the bar a goal may begin: the space before the heading of a section."""

_PLACE = """id => {
  const goal = document.getElementById(id);
  const heading = document.getElementById(goal.getAttribute("aria-labelledby")) || goal;
  const left = document.documentElement.scrollHeight - innerHeight - scrollY;
  return [heading.getBoundingClientRect().top, document.querySelector(".bar").getBoundingClientRect().bottom,
    left, innerHeight, scrollY];
}"""


@pytest.fixture(scope="module", params=[60, *(pytest.param(n, marks=pytest.mark.slow) for n in (5, 600))])
def report(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The report of a company of so many people after two nights, the second with changes."""
    home = tmp_path_factory.mktemp(f"users-{request.param}") / "home"
    with Simulator(Options(users=request.param, limit=100_000)) as simulator:
        installation = Installation.of(home, simulator)
        installation.night()
        for user in list(simulator.company.users.values())[:30]:
            simulator.company.grant(user.id, "can_use_api")
        installation.night()
    result = installation.command("report")
    assert result.code == 0, result.err
    return installation.settings.access_report("default")


@pytest.fixture
def browser() -> Iterator[Browser]:
    """A browser of one test: it is closed again when the next report is made."""
    with launched() as started:
        yield started


# the browser comes after the report, because nothing else may run an event loop while it is open
@pytest.fixture(
    params=[
        pytest.param((screen, motion), id=f"{screen}-{motion}", marks=marks)
        for screen in SCREENS
        for motion, marks in (("no-preference", ()), ("reduce", pytest.mark.slow))
    ]
)
def page(report: Path, browser: Browser, request: pytest.FixtureRequest) -> Iterator[Page]:
    screen, motion = request.param
    width, height = SCREENS[screen]
    context = browser.new_context(viewport={"width": width, "height": height}, reduced_motion=motion)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(report.as_uri())
    yield page
    context.close()


def links(page: Page) -> list[str]:
    """Where the links of the page lead; of those to persons and findings, some from all over it."""
    every = page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].map(link => link.hash)")
    unique = list(dict.fromkeys(every))
    single = [link for link in unique if re.match("#(user|finding)-", link)]
    return [link for link in unique if link not in single] + single[:: max(1, len(single) // 12)]


def click(page: Page, link: str) -> None:
    """Click as a script does: what lies in a closed finding is a link as well."""
    page.evaluate("link => document.querySelector(`a[href='${link}']`).click()", link)


def missed(page: Page, link: str) -> str | None:
    """How far from its goal the page stopped; None where the goal begins right below the bar.

    At the end of the page it is enough that the goal is in view.
    """
    before = None
    for _ in range(200):
        if before == (before := page.evaluate("scrollY")):
            break
        page.wait_for_timeout(150)
    goal = "person" if link.startswith("#user-") else link.removeprefix("#")
    top, bar, left, height, _ = page.evaluate(_PLACE, goal)
    fits = bar - 1 <= top <= (bar + NEAR if left > 2 else height - 20)
    return None if fits or goal == "overview" else f"{link}: {top - bar:.0f} px"


def test_every_link_leads_to_its_goal(page: Page) -> None:
    found = links(page)
    wrong = []
    for link in found:
        page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
        click(page, link)
        wrong.append(missed(page, link))

    assert len(found) > 12
    assert [text for text in wrong if text] == []


def test_an_address_with_a_fragment_opens_at_its_goal(page: Page, report: Path) -> None:
    wrong = []
    for link in links(page)[::2]:
        page.goto("about:blank")
        page.goto(report.as_uri() + link)
        wrong.append(missed(page, link))

    assert [text for text in wrong if text] == []


def test_back_and_the_same_link_again_lead_there(page: Page) -> None:
    person = next(link for link in links(page) if link.startswith("#user-"))
    for link in ("#timeline", person, "#sign-off"):
        click(page, link)
        assert missed(page, link) is None
    page.go_back()
    assert missed(page, person) is None
    page.evaluate("scrollTo({top: 0, behavior: 'instant'})")
    click(page, person)
    assert missed(page, person) is None
    page.go_back()
    assert missed(page, "#timeline") is None


def test_no_link_is_dead_and_no_id_stands_twice(report: Path, review: Reviewed) -> None:
    for path in (report, review.report):
        text = path.read_text()
        ids = Counter(re.findall(r'\sid="([^"]*)"', text))
        data: dict[str, Any] = json.loads(text.split('id="people-data">')[1].split("</script>")[0])
        goals = {*ids, *(f"user-{row[0]}" for row in data["users"])}
        assert [name for name, count in ids.items() if count > 1] == []
        assert {link for link in re.findall(r'href="#([^"]*)"', text) if link not in goals} == set()
        assert [name for name in ids if not re.fullmatch(r"[a-z][a-z0-9-]*", name)] == []
