"""A company is deleted once the settings no longer name it: `forget --company`."""

from __future__ import annotations

import json

import pytest
from published import query

from .homes import Home, contents, holding

pytestmark = pytest.mark.slow
"""The home that they copy takes 20 seconds; test_age has one of its own in every run."""


def test_a_company_that_is_still_collected_is_refused(played: Home) -> None:
    result = played.installation.command("forget", "--company", "alpha")
    assert (result.code, result.sentence) == (
        2,
        f"{played.path / 'companies.toml'} still names the company 'alpha': the next sync would collect it"
        " again. Remove it there first, then try again.",
    )


def test_nothing_of_a_company_is_left_but_a_tombstone(home: Home) -> None:
    file = home.path / "companies.toml"
    _, beta = file.read_text().split("[beta]")
    file.write_text(f"[beta]{beta}")
    (home.path / "tokens").mkdir(mode=0o700)
    (home.path / "tokens" / "alpha.json").write_text("{}")
    ids = [path.name for path in (home.path / "landing" / "alpha").glob("2*")]

    checks = home.installation.command("doctor", "--json").objects
    (warned,) = [check for check in checks if check["check"] == "collected"]
    assert (warned["company"], warned["state"], warned["text"]) == (
        "alpha",
        "warning",
        "'alpha' is no longer in companies.toml and is not collected; its data stays published."
        " `pipedrive-graph forget --company alpha` deletes it.",
    )
    (home.path / "waivers.toml").rename(home.path / "waivers.txt")  # sync refuses a waiver of alpha
    home.night("beta", 4)
    status = "SELECT company, collected, snapshots FROM collection_status ORDER BY ALL"
    assert query(home.published, status) == [("alpha", False, 3), ("beta", True, 2)]
    (home.path / "waivers.txt").rename(home.path / "waivers.toml")
    of_beta = query(home.published, "SELECT * FROM users WHERE company = 'beta' ORDER BY ALL")
    before = contents(home.path)
    assert home.installation.command("forget", "--company", "alpha").code == 0
    assert contents(home.path) == before

    told = home.forget("--company", "alpha")

    # the waiver that names it is for a person to take out
    assert told.code == 4
    assert "edit     file             waivers.toml: change line 3 yourself" in told.out
    assert told.err.endswith("1 place is left for you to change, as printed above.\n")
    assert home.snapshots("alpha") == []
    assert query(home.published, status) == [("beta", True, 2)]
    assert query(home.published, "SELECT * FROM users ORDER BY ALL") == of_beta
    assert holding(home.path, *ids) == []
    assert [path.name for path in home.path.rglob("*alpha*")] == []
    (tombstone,) = json.loads((home.path / "landing" / "forgotten.json").read_text())["tombstones"]
    assert (tombstone["kind"], tombstone["company"], tombstone["reason"]) == ("company", "alpha", "policy 7")
    assert len(tombstone["removed"]) == 3
    (home.path / "waivers.toml").unlink()
    assert home.faults() == []
    file = home.path / "landing" / "forgotten.json"
    file.write_text(file.read_text().replace("policy 7", "policy 8"))
    (fault,) = home.faults("--quick")
    assert fault.startswith(f"{file} is not as it was written (its sha256 differs)")
    assert "collected" not in {
        check["check"] for check in home.installation.command("doctor", "--json").objects
    }


def test_the_last_company(home: Home) -> None:
    for name, code in (("alpha", 4), ("beta", 0)):
        (home.path / "companies.toml").write_text(
            f'[gamma]\napi_token_env = "TOKEN"\nbase_url = "{home.simulator.url}"\n'
        )
        assert home.forget("--company", name).code == code
    assert sorted(path.name for path in home.path.iterdir()) == [
        "alerts", "alerts.toml", "companies.toml", "journal", "landing", "people.csv", "reports",
        "runs", "waivers.toml",
    ]  # fmt: skip
    assert [path for path in home.path.rglob("*/*") if path.is_file()] == [
        home.path / "landing" / "forgotten.json",
        home.path / "alerts" / "last_alerts.toml",
    ]
    told = home.forget("--company", "alpha")
    assert (told.code, told.sentence) == (2, "There is no data of a company 'alpha'; there is: none.")
