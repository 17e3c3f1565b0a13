"""Who decides about a user: by reviews.toml, by the tree of the roles, and never the user."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipedrive_graph.config import role_owners
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.role_owners import Owners, Tree, decider
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError

KNOWN = ["Sales", "EMEA Sales", "Support", "7"]
PAGE = Path(__file__).parents[2] / "docs" / "review.md"

# 1 is above 2 (Sales), which is above 3 (EMEA Sales) and 4; 5 and 6 stand above each other
TREE = Tree(
    {1: "Company", 2: " Sales", 3: "EMEA Sales", 4: None, 5: "Left", 6: "Right"},
    {1: [1], 2: [2, 1], 3: [3, 2, 1], 4: [4, 2, 1], 5: [5, 6], 6: [6, 5]},
)


def load(home: Path, text: str | None, company: str = "acme") -> Owners | None:
    if text is not None:
        (home / "reviews.toml").write_text(text, encoding="utf-8")
    return loaded(Settings(home, (Company("acme"), Company("beta"))), company, KNOWN)


def loaded(settings: Settings, company: str, roles: list[str]) -> Owners | None:
    found = role_owners.load(settings)
    if found is None:
        return None
    found.check(roles)
    return found.of(company)


def test_no_file_is_no_owners(tmp_path: Path) -> None:
    assert load(tmp_path, None) is None


def test_a_company_goes_before_what_is_for_all(tmp_path: Path) -> None:
    text = """
        default = "sec@example.com"
        [owners]
        "sales" = "mara@example.com"
        7 = "ops@example.com"
        [companies.acme]
        default = " acme@example.com "
        [companies.acme.owners]
        "SALES " = "kim@example.com"
    """
    assert load(tmp_path, text) == Owners(
        "acme@example.com", {"sales": "kim@example.com", "7": "ops@example.com"}
    )
    assert load(tmp_path, text, "beta") == Owners(
        "sec@example.com", {"sales": "mara@example.com", "7": "ops@example.com"}
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('owner = "a@b"', "'owner' is not a setting; did you mean owners?"),
        ("default = 1", 'default: must be one e-mail address, such as "mara@example.com".'),
        ('default = "mara"', 'default: must be one e-mail address, such as "mara@example.com".'),
        (
            '[owners]\nSails = "a@b"',
            "[owners] names the role 'Sails', which does not exist; did you mean Sales?",
        ),
        ('[owners]\nX = "a@b"', "[owners] names the role 'X', which does not exist."),
        (
            '[owners]\nSales = "a b"',
            "[owners] 'Sales': must be one e-mail address, such as \"mara@example.com\".",
        ),
        ('[owners]\nSales = "a@b"\n"sales " = "c@d"', "[owners] names the role 'sales ' twice."),
        ("owners = 3", '[owners] must name roles, such as "Sales" = "mara@example.com".'),
        ("[companies.acne]", "[companies] names the unknown company acne; did you mean acme?"),
        ("companies = 3", "[companies] must hold a table per company, such as [companies.acme]."),
        (
            '[companies.beta.owners]\nSails = "a@b"',
            "[companies.beta.owners] names the role 'Sails', which does not exist; did you mean Sales?",
        ),
        (
            "[companies.acme]\ndefault = 1",
            'companies.acme.default: must be one e-mail address, such as "mara@example.com".',
        ),
    ],
)  # fmt: skip
def test_a_mistake_is_told_with_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        load(tmp_path, text)

    assert str(raised.value) == f"{tmp_path}/reviews.toml: {message}"


@pytest.mark.parametrize("content", [b"\xff", b"[owners"])
def test_a_file_that_is_no_toml(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "reviews.toml").write_bytes(content)

    with pytest.raises(ConfigurationError, match=r"^Cannot read .*reviews.toml: .*\.$"):
        load(tmp_path, None)


@pytest.mark.parametrize(
    ("of", "roles", "email", "found"),
    [
        ({"sales": "m@x"}, [2], "a@x", "m@x"),
        ({"sales": "m@x"}, [3], "a@x", "m@x"),
        ({"sales": "m@x", "emea sales": "e@x"}, [3], "a@x", "e@x"),
        ({"4": "four@x"}, [4], "a@x", "four@x"),
        ({"sales": "m@x"}, [1], "a@x", "sec@x"),
        ({"sales": "m@x"}, [], "a@x", "sec@x"),
        ({"sales": "m@x"}, [1, 3], "a@x", "m@x"),
        ({"sales": "m@x"}, [99], "a@x", "sec@x"),
        ({"99": "gone@x"}, [99], "a@x", "gone@x"),
        ({"right": "r@x"}, [5], "a@x", "r@x"),
        # nobody decides about themselves: the role above does, else the default, else nobody
        ({"sales": "m@x", "emea sales": "e@x"}, [3], " E@X ", "m@x"),
        ({"sales": "m@x", "company": "c@x"}, [2], "m@x", "c@x"),
        ({"sales": "m@x"}, [2], "M@x", "sec@x"),
        ({"sales": "sec@x"}, [2], "sec@x", None),
        ({}, [2], "SEC@x", None),
        ({"sales": "m@x"}, [2], None, "m@x"),
    ],
)
def test_decider(of: dict[str, str], roles: list[int], email: str | None, found: str | None) -> None:
    assert decider(Owners("sec@x", of), TREE, roles, email) == found


def test_the_example_in_the_docs_can_be_used(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8").partition("```toml\n")[2].partition("```")[0]
    (tmp_path / "reviews.toml").write_text(text)
    found = loaded(Settings(tmp_path, (Company("acme"),)), "acme", ["Sales", "EMEA Sales", "Support"])

    assert found
    assert found.default
    assert len(found.of) > 1
