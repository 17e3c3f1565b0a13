"""The access report in a real browser: with a mouse and without; it fetches nothing, and prints all."""

from __future__ import annotations

import io
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, Route, expect
from published import query
from pypdf import PdfReader
from reviewed import FORMULA, HEBREW, HOSTILE, OVERRIDE, SCRIPT, Reviewed

pytestmark = pytest.mark.slow

DESKTOP, PHONE = {"width": 1280, "height": 900}, {"width": 375, "height": 800}

PATIENCE = 120_000
"""Milliseconds that a step may take: a machine that is busy with other tests is no failure."""


@dataclass
class Opened:
    """A page, and what it did that it should not: messages on the console, dialogs, requests."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def count(self) -> str:
        return self.page.locator("#find-count").inner_text()

    def shown(self) -> list[str]:
        """The ids of the findings that are shown."""
        return [
            str(name)
            for name in self.page.evaluate(
                "[...document.querySelectorAll('#finding-list > li')]"
                ".filter(one => one.offsetParent).map(one => one.id.slice(8))"
            )
        ]

    def press_to(self, selector: str, key: str = "Tab", limit: int = 60) -> None:
        """Press a key until what is focused matches."""
        for _ in range(limit):
            self.page.keyboard.press(key)
            if self.page.evaluate("one => document.activeElement.matches(one)", selector):
                return
        pytest.fail(f"{selector} is not reached with {key}")


def open_page(context: BrowserContext, report: Path) -> Opened:
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    opened = Opened(page)

    def refuse(route: Route) -> None:
        opened.wrong.append(f"request {route.request.url}")
        route.abort()

    page.route(re.compile(r"^(https?|wss?):"), refuse)
    page.on("console", lambda message: opened.wrong.append(f"{message.type}: {message.text}"))
    page.on("pageerror", lambda error: opened.wrong.append(f"error: {error}"))
    page.on("dialog", lambda dialog: (opened.wrong.append(f"dialog: {dialog.message}"), dialog.dismiss()))
    page.goto(report.as_uri())
    return opened


@pytest.fixture
def opened(browser: Browser, review: Reviewed) -> Iterator[Opened]:
    context = browser.new_context(viewport=DESKTOP)
    opened = open_page(context, review.report)
    yield opened
    assert opened.wrong == []
    context.close()


def test_counts_equal_the_published_table(opened: Opened, review: Reviewed) -> None:
    counted = dict(
        query(review.published, "SELECT severity, count(*) FROM findings WHERE status = 'open' GROUP BY ALL")
    )
    tiles = opened.page.locator(".tile")
    told = {
        tiles.nth(n).locator(".chip").inner_text(): int(tiles.nth(n).locator(".big").inner_text())
        for n in range(tiles.count())
    }
    assert {name: count for name, count in told.items() if count} == counted
    ids = {row[0] for row in query(review.published, "SELECT finding_id FROM findings")}
    assert set(opened.shown()) == ids
    assert opened.count() == f"{len(ids)} of {len(ids)} shown"


def test_filters_filter(opened: Opened, review: Reviewed) -> None:
    page, total = opened.page, len(opened.shown())

    def of(where: str) -> set[str]:
        rows = query(review.published, f"SELECT finding_id FROM findings WHERE {where}")  # noqa: S608
        return {row[0] for row in rows}

    for name, value, where in [
        ("severity", "high", "severity = 'high'"),
        ("status", "waived", "status = 'waived'"),
        ("rule", "unexplained_permission", "rule = 'unexplained_permission'"),
    ]:
        page.select_option(f"#find-{name}", value)
        assert set(opened.shown()) == of(where), name
        assert opened.count() == f"{len(of(where))} of {total} shown"
        page.get_by_role("button", name="Clear").click()
        # the page allows no script but its own, so what waits must not be one
        expect(page.locator("#find-count")).to_have_text(re.compile(f"^{total} of"))
    ((role_id, users),) = query(
        review.published,
        """
        SELECT role_id, list(DISTINCT subject_id)
        FROM findings JOIN user_roles ON CAST(user_id AS VARCHAR) = subject_id AND subject_kind = 'user'
        WHERE user_roles.active GROUP BY role_id ORDER BY count(*) DESC LIMIT 1""",
    )
    page.select_option("#find-role", str(role_id))
    listed = ", ".join(f"'{user}'" for user in users)
    of_role = of(f"subject_kind = 'user' AND subject_id IN ({listed})")
    assert set(opened.shown()) == of_role | of(f"subject_kind = 'role' AND subject_id = '{role_id}'")
    page.fill("#find-text", "no such words")
    assert opened.shown() == []
    assert page.locator("#find-none").is_visible()


def test_sorting_keeps_all(opened: Opened) -> None:
    worst = opened.shown()
    opened.page.select_option("#find-sort", "rule")
    rules = opened.page.locator("#finding-list > li").evaluate_all("all => all.map(one => one.dataset.rule)")
    assert rules == sorted(rules)
    opened.page.select_option("#find-sort", "")
    assert opened.shown() == worst


def test_a_finding_opens_and_is_found_by_its_address(opened: Opened, review: Reviewed) -> None:
    finding_id = opened.shown()[-1]
    opened.page.fill("#find-text", "no such words")
    opened.page.evaluate(f"location.hash = '#finding-{finding_id}'")
    finding = opened.page.locator(f"#finding-{finding_id}")
    finding.get_by_text("Evidence", exact=True).wait_for()
    ((remedy,),) = query(review.published, "SELECT remedy FROM findings WHERE finding_id = ?", finding_id)
    assert finding.get_by_text(remedy).is_visible()
    assert finding.get_by_text("First seen").is_visible()


def test_the_search_finds_people(opened: Opened, review: Reviewed) -> None:
    page = opened.page
    page.fill("#people-text", HEBREW)
    assert page.locator("#people-count").inner_text() == "1 of 40 shown"
    ((name, email),) = query(
        review.published,
        "SELECT name, email FROM users WHERE strip_accents(name) <> name AND live ORDER BY user_id LIMIT 1",
    )
    ((plain,),) = query(review.published, "SELECT lower(strip_accents(?))", name)
    page.fill("#people-text", plain)
    assert page.locator("#people-list tr", has_text=email).is_visible()
    page.fill("#people-text", "")
    page.select_option("#people-which", "admin")
    ((admins,),) = query(review.published, "SELECT count(*) FROM users WHERE admin")
    assert page.locator("#people-count").inner_text() == f"{admins} of 40 shown"


def test_a_page_says_what_a_person_may_do_and_why(opened: Opened, review: Reviewed) -> None:
    person = review.granted
    opened.page.evaluate(f"location.hash = '#user-{person}'")
    page = opened.page.locator("#person")
    page.locator("h3").wait_for()
    row = page.locator("tr", has_text="can_use_api")
    ((name, explanation),) = query(
        review.published, "SELECT name, explanation FROM why(?, 'can_use_api')", str(person)
    )
    assert page.locator("h3").inner_text() == name
    assert explanation in row.inner_text()
    assert "use API" in row.inner_text()
    ((held,),) = query(
        review.published, "SELECT count(*) FROM user_permissions WHERE user_id = ? AND granted", person
    )
    assert page.get_by_text(f"Granted ({held})").is_visible()
    page.get_by_role("button", name="Close").click()
    assert not page.is_visible()
    assert opened.page.evaluate("location.hash + document.activeElement.id") == "#peoplepeople-text"


def test_all_of_it_works_without_a_mouse(opened: Opened) -> None:
    page = opened.page
    opened.press_to("#find-text")
    page.keyboard.type("unexplained_permission")
    assert set(
        page.locator("#finding-list > li:not(.off)").evaluate_all("all => all.map(one => one.dataset.rule)")
    ) >= {"unexplained_permission"}
    opened.press_to("summary")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.parentElement.open")
    opened.press_to("a[href^='#user-']")
    page.keyboard.press("Enter")
    page.locator("#person h3").wait_for()
    assert page.evaluate("document.activeElement.id") == "person"
    opened.press_to("#people-text", key="Shift+Tab")
    page.keyboard.type("a")
    page.keyboard.press("Enter")
    opened.press_to(".scroll.heat", key="Shift+Tab", limit=100)


def test_names_are_texts(opened: Opened, review: Reviewed) -> None:
    page = opened.page
    for user_id, name in zip(review.hostile, HOSTILE, strict=True):
        page.evaluate(f"location.hash = '#user-{user_id}'")
        shown = name.replace("\u202e", "\N{REPLACEMENT CHARACTER}")
        page.locator("#person h3 bdi", has_text=shown).wait_for()
    assert page.locator("#findings bdi", has_text=SCRIPT).count() > 0
    assert page.locator("#findings bdi", has_text=FORMULA).count() > 0
    assert page.locator("img, iframe, link, object, form[action]").count() == 0
    assert page.locator("script").count() == 2
    assert "\u202e" not in page.content()
    assert "49" not in page.locator("#person h3").inner_text()


@pytest.mark.parametrize(
    ("scheme", "viewport"),
    [
        pytest.param("light", DESKTOP, id="light"),
        pytest.param("dark", DESKTOP, id="dark", marks=pytest.mark.slow),
        pytest.param("light", PHONE, id="light-phone", marks=pytest.mark.slow),
        pytest.param("dark", PHONE, id="dark-phone", marks=pytest.mark.slow),
    ],
)
def test_there_are_no_barriers(browser: Browser, review: Reviewed, scheme: Any, viewport: Any) -> None:
    context = browser.new_context(color_scheme=scheme, viewport=viewport)
    opened = open_page(context, review.report)
    page = opened.page
    page.locator("#finding-list summary").first.click()
    page.evaluate(f"location.hash = '#user-{review.granted}'")
    page.locator("#person h3").wait_for()
    found = Axe().run(page).response["violations"]
    serious = [
        (entry["id"], [node["html"][:200] for node in entry["nodes"][:3]])
        for entry in found
        if entry["impact"] in {"serious", "critical"}
    ]
    assert serious == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]
    assert opened.wrong == []
    context.close()


def test_the_colours_can_be_chosen(opened: Opened) -> None:
    button = opened.page.locator("#theme")
    grounds = []
    for _ in range(3):
        button.click()
        grounds.append(opened.page.evaluate("getComputedStyle(document.body).backgroundColor"))
    assert grounds[0] == grounds[2] != grounds[1]


@pytest.mark.parametrize(
    "scripts",
    [pytest.param(True, id="scripts"), pytest.param(False, id="no-scripts")],
)
def test_print_holds_every_finding_and_everybody(browser: Browser, review: Reviewed, scripts: bool) -> None:
    context = browser.new_context(java_script_enabled=scripts)
    context.set_default_timeout(PATIENCE)
    page = context.new_page()
    page.goto(review.report.as_uri())
    if scripts:
        page.fill("#find-text", "no such words")
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True)))
    context.close()
    text = squeezed("".join(leaf.extract_text() for leaf in printed.pages))
    found = query(review.published, "SELECT finding_id, title FROM findings")
    assert [finding_id for finding_id, _ in found if finding_id not in text] == []
    # what is written from right to left comes out of a PDF in another order
    titles = [title for _, title in found if HEBREW not in title and OVERRIDE not in title]
    assert [title for title in titles if squeezed(title) not in text] == []
    assert text.count("Whyitmatters") == len(found)
    assert "Signature" in text
    if scripts:
        emails = query(review.published, "SELECT email FROM users WHERE email LIKE '%@%'")
        assert [email for (email,) in emails if squeezed(email) not in text] == []
    first = printed.pages[0].mediabox
    assert (round(first.width), round(first.height)) == (595, 842)


def squeezed(text: str) -> str:
    """A text without its spaces, and without the ligatures of its letters."""
    return "".join(unicodedata.normalize("NFKC", text).split())
