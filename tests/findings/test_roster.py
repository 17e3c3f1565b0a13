"""The roster: which files can be read, which rows are used, and what is found and kept over nights."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from installation import Installation
from published import query, tables

from pipedrive_graph.config import roster, settings
from pipedrive_graph.config.roster import ACTIVE, LEAVERS, Row
from pipedrive_graph.errors import ConfigurationError
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.roster import write_roster

RULES = ("leaver_still_active", "not_on_roster", "expected_role_differs")

ANA = Row(2, "ana@x.com", "Active", False, "Mara", "Sales")
BEN = Row(3, "ben@x.com", "left", True, None, None)


def read(folder: Path, content: str | bytes) -> roster.Roster:
    path = folder / "roster.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return roster.read(path)


@pytest.mark.parametrize(
    "content",
    [
        "email,status,manager,expected_role\nana@x.com,Active,Mara,Sales\nben@x.com,left,,\n",
        "email;status;manager;expected_role\nana@x.com;Active;Mara;Sales\nben@x.com;left;;",
        "email\tstatus\tmanager\texpected_role\r\nana@x.com\tActive\tMara\tSales\r\nben@x.com\tleft\t\t\r\n",
        "email|status|manager|expected_role\rana@x.com|Active|Mara|Sales\rben@x.com|left\r",
        "\ufeffExpected Role,E-Mail,STATUS , Manager\nSales, ANA@x.com ,Active, Mara\n,Ben@X.com,left,\n",
        '"email","status","manager","expected-role"\n"ana@x.com","Active","Mara","Sales"\nben@x.com,left\n',
        "team,email,status,manager,expected_role,start\nA,ana@x.com,Active,Mara,Sales,1\nB,ben@x.com,left,,,2\n",
        "Email;Status;Manager;Expected Role;a,b,c\nana@x.com;Active;Mara;Sales;\nben@x.com;left;;;,,\n",
    ],
    ids=["comma", "semicolon", "tab", "bar", "order and case", "quoted", "more columns", "a comma in a name"],
)
def test_forms_of_a_file(tmp_path: Path, content: str) -> None:
    assert read(tmp_path, content).rows == (ANA, BEN)


def test_what_excel_calls_unicode_text_can_be_read(tmp_path: Path) -> None:
    text = (
        "email\tstatus\tmanager\texpected_role\r\nana@x.com\tActive\tMara\tSales\r\nben@x.com\tleft\t\t\r\n"
    )
    assert read(tmp_path, text.encode("utf-16")).rows == (ANA, BEN)
    assert read(tmp_path, b"\xfe\xff" + text.encode("utf-16-be")).rows == (ANA, BEN)


def test_an_address_is_read_from_what_stands_in_the_cell_or_named_by_its_line(tmp_path: Path) -> None:
    cells = {
        "Ana Bell <p2@corp.example>": ("p2@corp.example", None),
        "mailto:p3@corp.example": ("p3@corp.example", None),
        "p4\u00ad@corp.example\u200b": ("p4@corp.example", None),
        "\u00a0p5@corp.example;": ("p5@corp.example", None),
        "\u201cp6@corp.example\u201d": ("p6@corp.example", None),
        "jose\u0301@bu\u0308cher.example": ("jos\u00e9@b\u00fccher.example", None),
        "p7@xn--bcher-kva.example": ("p7@b\u00fccher.example", None),
        "a@x.com, b@x.com": (None, "'a@x.com, b@x.com' holds more than one e-mail address"),
        "p8 at corp.example": (None, "'p8 at corp.example' is not an e-mail address"),
        "\u200b": (None, "'\u200b' is not an e-mail address"),
    }
    rows = "".join(f'"{cell}",left\u200b\n' for cell in cells)

    found = read(tmp_path, f"email\u200b,status\n{rows}")

    assert [(row.email, row.problem) for row in found.rows] == list(cells.values())
    assert [row.line for row in found.rows if row.problem] == [9, 10, 11]
    assert {row.leaver for row in found.rows} == {True}


def test_lines_are_those_of_the_file(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        'sep=;\n\nemail;status;manager\nana@x.com;active;"Mara\nMay"\n\n;;\nben@x.com;odd;""\n',
    )

    assert [(row.line, row.email, row.manager) for row in found.rows] == [
        (4, "ana@x.com", "Mara May"),
        (8, "ben@x.com", None),
    ]
    assert found.problems == ["line 8: 'odd' is no status that is known"]


@pytest.mark.parametrize("word", sorted(ACTIVE | LEAVERS))
def test_words_for_a_status(tmp_path: Path, word: str) -> None:
    shown = word.replace(" ", "_").upper()
    [row] = read(tmp_path, f"email,status\nana@x.com, {shown} \n").rows

    assert (row.status, row.leaver, row.problem) == (shown, word in LEAVERS, None)


def test_rows_that_are_not_used(tmp_path: Path) -> None:
    found = read(
        tmp_path,
        "email,status,expected_role\n"
        "good@x.com,active,Sales\n"
        ",active,\n"
        "n/a,left,\n"
        "blank@x.com,,\n"
        "odd@x.com,gone fishing,\n"
        "long@x.com,active,Sales,and more\n"
        "same@x.com,left,Sales\n"
        "SAME@x.com ,Terminated,sales\n"
        "other@x.com,left,\n"
        "Other@x.com,active,\n",
    )

    assert found.problems == [
        "line 3: there is no e-mail address",
        "line 4: 'n/a' is not an e-mail address",
        "line 5: blank@x.com has no status",
        "line 6: 'gone fishing' is no status that is known",
        "line 7: there are 4 columns, in the header 3",
        "line 9: same@x.com is in line 8 too, which is used",
        "line 10: other@x.com is in line 11 too, which says otherwise",
        "line 11: other@x.com is in line 10 too, which says otherwise",
    ]
    assert [row.line for row in found.rows if row.problem is None] == [2, 8]
    assert [row.line for row in found.rows if row.email is None] == [3, 4]


USED, ODD = "ana@x.com is in line 2 too, which is used", "'odd' is no status that is known"


@pytest.mark.parametrize(
    ("lines", "used", "problems"),
    [
        # what only one of them says is taken
        (["left,,", "Terminated,Mara,Sales"], (2, True, "Mara", "Sales"), [f"line 3: {USED}"]),
        (["active,MARA,", "leave,Mara,sales"], (2, False, "MARA", "sales"), [f"line 3: {USED}"]),
        (
            ["active,mara@x.com,", "active,Mara <Mara@X.com>,"],
            (2, False, "mara@x.com", None),
            [f"line 3: {USED}"],
        ),
        # what they contradict each other in is not
        (
            ["active,Mara,Sales", "active,Mara,Help"],
            (2, False, "Mara", None),
            [f"line 3: {USED}, but for the expected role, on which they differ"],
        ),
        (
            ["left,Mara,", "left,Ben,Sales", "left,,Help"],
            (2, True, None, None),
            [
                f"line {line}: {USED}, but for the manager and the expected role, on which they differ"
                for line in (3, 4)
            ],
        ),
        (
            ["left,,", "left,,", "active,,"],
            None,
            [
                f"line {line}: ana@x.com is in line {other} too, which says otherwise"
                for line, other in ((2, 4), (3, 4), (4, 2))
            ],
        ),
        # what cannot be used for itself decides nothing
        (["left,,", ",Mara,Sales"], (2, True, None, None), ["line 3: ana@x.com has no status"]),
        (["odd,,", "left,,Sales"], (3, True, None, "Sales"), [f"line 2: {ODD}"]),
        (
            ["odd,,Help", "left,,", "left,,"],
            (3, True, None, None),
            [f"line 2: {ODD}", "line 4: ana@x.com is in line 3 too, which is used"],
        ),
    ],
)
def test_rows_about_one_address(
    tmp_path: Path, lines: list[str], used: tuple | None, problems: list[str]
) -> None:
    rows = "".join(f"{'Ana' if at % 2 else 'ana'}@x.com,{line}\n" for at, line in enumerate(lines))
    found = read(tmp_path, f"email,status,manager,expected_role\n{rows}ben@x.com,left,,\n")

    assert [
        (row.line, row.leaver, row.manager, row.expected_role) for row in found.rows[:-1] if not row.problem
    ] == ([used] if used else [])
    assert found.problems == problems
    assert len(found.rows) == len(lines) + 1


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("", "The roster {} is empty."),
        ("\n\n", "The roster {} is empty."),
        ("email,status\n", "The roster {} has no rows."),
        ("email,status\n,\n", "The roster {} has no rows."),
        ("name,status\nAna,active\n", "The roster {} has no column email; its first line must name the col"),
        (
            "email\nana@x.com\n",
            "The roster {} has no column status; its first line must name the columns, as",
        ),
        ("ana@x.com,active\n", "The roster {} has no column email"),
        ("email,E-mail,status\na,b,c\n", "The roster {} has more than one column email."),
        (
            "email,status\na@x.com,1\nb@x.com,2\n",
            "No row of the roster {} can be used; the first problem: line 2: '1'",
        ),
        (
            'email,status\na@x.com,left\n"b@x.com,left\n',
            "The roster {} cannot be read as CSV from line 3 on: ",
        ),
        (
            "email,status\nb@x.com,Müller\n".encode("latin-1"),
            "The roster {} is not UTF-8 (line 2); save it as",
        ),
        (
            "email,status\na@x.com,left\n".encode("utf-16")[:-1],
            "The roster {} is cut off or damaged (its UTF-16 cannot be read); save it as",
        ),
        (
            "email,status\na@x.com,left\n".encode("utf-16-le"),
            "The roster {} has no column email",
        ),
    ],
)
def test_files_that_cannot_be_used(tmp_path: Path, content: str | bytes, sentence: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        read(tmp_path, content)

    assert str(caught.value).startswith(sentence.format(tmp_path / "roster.csv"))


def test_where_a_roster_lies(tmp_path: Path) -> None:
    home = {"PIPEDRIVE_GRAPH_HOME": str(tmp_path)}

    def found(**variables: str) -> list[Path | None]:
        return [company.roster for company in settings.load({**home, **variables}).companies]

    assert found() == [None]
    assert found(PIPEDRIVE_ROSTER="people/all.csv") == [tmp_path / "people" / "all.csv"]
    assert found(PIPEDRIVE_ROSTER="/srv/all.csv") == [Path("/srv/all.csv")]

    (tmp_path / "companies.toml").write_text(
        '[acme]\napi_token_env = "A"\nroster = "acme.csv"\n[beta]\napi_token_env = "B"\n'
    )
    # one company's people are not another's
    assert found(PIPEDRIVE_ROSTER="all.csv") == [tmp_path / "acme.csv", None]
    (tmp_path / "companies.toml").write_text('[acme]\napi_token_env = "A"\nroster = 3\n')
    with pytest.raises(ConfigurationError, match=r"\[acme\]: roster \(line 3\) must be a text\."):
        found()


@pytest.mark.slow
def test_a_roster_that_is_not_there_stops_its_company_before_anything_is_asked(serve, home) -> None:
    acme, beta = serve(users=8), serve(users=8)
    home.mkdir()
    (home / "companies.toml").write_text(
        f'[acme]\napi_token_env = "ACME"\nbase_url = "{acme.url}"\nroster = "people.csv"\n'
        f'[beta]\napi_token_env = "BETA"\nbase_url = "{beta.url}"\n'
    )
    installation = Installation(home, {"ACME": acme.token, "BETA": beta.token})

    result = installation.command("sync", "--json")

    assert result.code == 2
    sentence = f"Cannot read the roster {home / 'people.csv'}: No such file or directory."
    assert result.sentence == f"acme: {sentence}"
    assert (acme.requests, [line.get("status") for line in result.objects]) == ([], [None, "complete"])
    shown = installation.command("doctor")
    assert (shown.code, sentence in shown.out) == (2, True)


@pytest.fixture
def rostered(serve, home):
    """A clean company of a few, and its roster as a function: rows by address; what follows is found."""
    simulator = serve(users=10, clean=True)
    installation = Installation.of(home, simulator)
    installation.variables["PIPEDRIVE_ROSTER"] = "roster.csv"
    home.mkdir()

    def write(**statuses: str | None) -> None:
        with (home / "roster.csv").open("w") as file:
            file.write("email,status\n")
            for user in simulator.company.users.values():
                status = statuses.get(f"u{user.id}", "active")
                if status is not None:
                    file.write(f"{user.email},{status}\n")

    return installation, simulator, write


def states(installation: Installation) -> list[tuple[str, ...]]:
    return query(
        installation.published,
        "SELECT rule, status, resolved_reason FROM findings WHERE rule IN ? ORDER BY ALL",
        list(RULES),
    )


@pytest.mark.slow
def test_a_finding_goes_on_an_answer_of_the_roster_only(rostered) -> None:
    installation, simulator, write = rostered
    ana = f"u{simulator.company.plain_user_id}"
    leaver = ("leaver_still_active", "open", None)

    write(**{ana: "left"})
    installation.night()
    assert states(installation) == [leaver]

    write(**{ana: "gone fishing"})
    installation.night()
    assert states(installation) == [leaver]

    write(**{ana: None})
    installation.night()
    stranger = ("not_on_roster", "open", None)
    assert states(installation) == [leaver, stranger]

    del installation.variables["PIPEDRIVE_ROSTER"]
    installation.night()
    assert states(installation) == [leaver, stranger]
    assert query(installation.published, "FROM roster") == []
    runs = "SELECT DISTINCT outcome, reason FROM rule_runs WHERE list_contains(?, rule)"
    assert query(installation.published, runs, list(RULES)) == [("abstained", "The company has no roster.")]

    installation.variables["PIPEDRIVE_ROSTER"] = "roster.csv"
    write()
    installation.night()
    assert states(installation) == [
        ("leaver_still_active", "resolved", "fixed"),
        ("not_on_roster", "resolved", "fixed"),
    ]
    assert query(installation.published, runs, list(RULES[:2])) == [("ran", None)]
    assert query(installation.published, runs, list(RULES[2:])) == [
        ("abstained", "The roster has no expected roles.")
    ]


@pytest.mark.slow
def test_a_leaver_is_found_however_the_address_is_written(rostered) -> None:
    installation, simulator, write = rostered
    company, plain = simulator.company, simulator.company.plain_user_id
    others = [user for user in company.users.values() if user.id != plain and user.id != company.owner_id]
    ana, ben, cat, dan, eve = [company.users[plain], *others[:4]]
    ana.email, ben.email, cat.email = "P2@Corp.example", "jose\u0301@corp.example", "p3@xn--bcher-kva.example"
    write()
    lines = (installation.home / "roster.csv").read_text().splitlines()
    kept = [line for line in lines if line.split(",")[0] not in {u.email for u in (ana, ben, cat, dan, eve)}]
    cells = ["Ana Bell <p2@corp.example>", "mailto:jos\u00e9@Corp.example", "p3@B\u00fccher.example"]
    cells += [f"{dan.email.replace('@', chr(0xAD) + '@')}", f"{eve.email}; other@corp.example"]
    (installation.home / "roster.csv").write_text("\n".join([*kept, *(f"{cell},left" for cell in cells)]))

    shown = installation.command("sync")

    found = query(
        installation.published,
        "SELECT rule, subject_id FROM findings WHERE rule IN ? AND status = 'open' ORDER BY ALL",
        list(RULES),
    )
    leavers = sorted(str(user.id) for user in (ana, ben, cat, dan))
    assert found == [*(("leaver_still_active", user) for user in leavers), ("not_on_roster", str(eve.id))]
    sentence = f"line {len(kept) + 5}: '{cells[-1]}' holds more than one e-mail address"
    assert f"Warning: 1 row of the roster cannot be used: {sentence}." in shown.err
    assert sentence in installation.command("doctor").out
    report = (installation.home / "reports" / "default" / "access_report.html").read_text()
    assert "holds more than one e-mail address" in report
    shown = query(installation.published, "SELECT email FROM users WHERE user_id = ?", cat.id)
    assert shown == [("p3@xn--bcher-kva.example",)]

    published = tables(installation.published)
    assert installation.command("rebuild").code == 0
    assert tables(installation.published) == published


@pytest.mark.slow
def test_a_role_that_is_given_the_expected_name_fixes_nothing(rostered) -> None:
    installation, simulator, _ = rostered
    company = simulator.company
    ana = company.users[company.plain_user_id]
    (installation.home / "roster.csv").write_text(
        f"email,status,expected_role\n{ana.email},active,Board of directors\n"
    )
    installation.night()
    differs = ("expected_role_differs", "open", None)
    assert differs in states(installation)
    before = company.roles[ana.role_id].name
    company.roles[ana.role_id].name = "Board of directors"

    for _ in range(2):
        installation.night()
        assert differs in states(installation)
    renamed = "SELECT subject_id, title FROM findings WHERE rule = 'renamed_into_exception'"
    assert query(installation.published, renamed) == [
        (
            str(ana.role_id),
            f"Role {ana.role_id} was renamed from '{before}' to 'Board of directors', which is named as an"
            " exception by the roster.",
        )
    ]


@pytest.mark.slow
def test_another_role_is_no_longer_found_on_the_answer_about_the_role_only(rostered) -> None:
    installation, simulator, _ = rostered
    company = simulator.company
    ana = company.plain_user_id
    (installation.home / "roster.csv").write_text(
        f"email,status,expected_role\n{company.users[ana].email},active,Sales\n"
    )
    differs = ("expected_role_differs", "open", None)

    def night(role_id: int, *, refused: bool = False) -> list[tuple[str, ...]]:
        company.assignments[ana][:] = []
        company.assign(ana, role_id)
        company.users[ana].role_id = None
        if refused:
            simulator.faults.add(f"roles/{role_id}", faults.forbidden, times=None)
        installation.night()
        simulator.faults.clear()
        return [entry for entry in states(installation) if entry[0] == differs[0]]

    assert night(9999) == [differs]  # which is proven not to exist
    assert night(9999, refused=True) == [differs]
    assert night(8888, refused=True) == [differs]  # which may be called Sales
    [sales] = [role.id for role in company.roles.values() if role.name == "Sales"]
    assert night(sales) == [("expected_role_differs", "resolved", "fixed")]


@pytest.mark.slow
def test_rows_that_contradict_each_other_in_the_role_are_no_answer_about_it(rostered) -> None:
    installation, simulator, _ = rostered
    email = simulator.company.users[simulator.company.plain_user_id].email

    def night(*rows: str) -> list[tuple[str, ...]]:
        lines = "".join(f"{email},{row}\n" for row in rows)
        (installation.home / "roster.csv").write_text(f"email,status,expected_role\n{lines}")
        installation.night()
        return [entry for entry in states(installation) if entry[0] != "not_on_roster"]

    differs, leaver = "expected_role_differs", "leaver_still_active"
    assert night("active,Nowhere") == [(differs, "open", None)]
    assert night("left,Nowhere", "left,Elsewhere") == [(differs, "open", None), (leaver, "open", None)]
    assert night("active,Nowhere", "active,Elsewhere") == [
        (differs, "open", None),
        (leaver, "resolved", "fixed"),
    ]
    assert night("active,", "active,") == [(differs, "resolved", "fixed"), (leaver, "resolved", "fixed")]


@pytest.mark.slow
def test_a_deactivated_leaver_is_done_with_whatever_became_of_the_roster(rostered) -> None:
    installation, simulator, write = rostered
    user_id = simulator.company.plain_user_id
    write(**{f"u{user_id}": "left"})
    installation.night()

    del installation.variables["PIPEDRIVE_ROSTER"]
    simulator.company.deactivate(user_id)
    installation.night()

    assert states(installation) == [("leaver_still_active", "resolved", "fixed")]


@pytest.mark.slow
def test_every_night_is_judged_by_the_roster_of_that_night(rostered) -> None:
    installation, simulator, write = rostered
    ana = f"u{simulator.company.plain_user_id}"
    write(**{ana: "left"})
    installation.night()
    installation.night()
    write()
    installation.night()
    published = tables(installation.published)
    assert states(installation) == [("leaver_still_active", "resolved", "fixed")]

    (installation.home / "roster.csv").unlink()
    assert installation.command("rebuild").code == 0

    assert tables(installation.published) == published
    lines = (installation.home / "journal" / "default.ndjson").read_text().splitlines()
    told = [json.loads(line) for line in lines]
    _, second, _ = query(installation.published, "SELECT snapshot_id FROM snapshots ORDER BY 1")
    assert [(line["kind"], line["snapshot_id"]) for line in told] == [("roster", None), ("roster", *second)]

    [kept, _] = sorted((installation.home / "journal" / "default.rosters").iterdir())
    assert kept.stat().st_mode & 0o777 == 0o600
    kept.write_bytes(b"torn")
    told = installation.command("rebuild")
    assert (told.code, told.sentence) == (
        1, f"Cannot read {kept}; restore it from a backup, then try again.",
    )  # fmt: skip
    assert tables(installation.published) == published


@pytest.mark.slow
def test_a_roster_that_is_taken_away_is_a_line_of_the_journal(rostered) -> None:
    installation, simulator, write = rostered
    write(**{f"u{simulator.company.plain_user_id}": "left"})
    installation.night()
    del installation.variables["PIPEDRIVE_ROSTER"]
    installation.night()
    published = tables(installation.published)
    assert published["roster"] == []

    installation.variables["PIPEDRIVE_ROSTER"] = "roster.csv"
    assert installation.command("rebuild").code == 0

    assert tables(installation.published) == published


@pytest.mark.slow
def test_bad_rows_are_told_and_shown(rostered) -> None:
    installation, simulator, write = rostered
    owner = simulator.company.owner_id
    ana, ben = [f"u{user_id}" for user_id in simulator.company.users if user_id != owner][:2]
    write(**{ana: "odd", ben: ""})

    result = installation.command("sync")

    [warning] = [line for line in result.err.splitlines() if "rows of the roster" in line]
    lines = [line for line, _ in query(
        installation.published, "SELECT line, problem FROM roster WHERE problem IS NOT NULL ORDER BY line"
    )]  # fmt: skip
    assert len(lines) == 2
    assert warning.startswith(f"Warning: 2 rows of the roster cannot be used: line {lines[0]}: ")
    assert f"; line {lines[1]}: " in warning
    assert warning.endswith("The table roster lists all of them.")
    assert states(installation) == []

    shown = installation.command("doctor")
    assert shown.code == 0
    assert f"roster.csv: line {lines[0]}: " in shown.out
    assert "people, 0 of them leavers" in shown.out


@pytest.mark.slow
def test_what_the_simulator_plants_is_found(serve, home) -> None:
    simulator = serve(users=150, seed=3)
    home.mkdir()
    write_roster(simulator.company, home / "roster.csv")
    installation = Installation.of(home, simulator)
    installation.variables["PIPEDRIVE_ROSTER"] = "roster.csv"

    installation.night()

    found = query(
        installation.published,
        "SELECT rule, subject_id, severity FROM findings WHERE rule IN ? AND status = 'open' ORDER BY ALL",
        list(RULES),
    )
    planted = {(one.rule, one.subject_id, one.severity) for one in simulator.company.planted}
    assert found == sorted(entry for entry in planted if entry[0] in RULES)
    assert {rule for rule, _, _ in found} == {*RULES}
    evidence = query(
        installation.published,
        "SELECT evidence, line, manager FROM findings JOIN users ON CAST(user_id AS VARCHAR) = subject_id"
        " JOIN roster ON roster.email = lower(trim(users.email)) WHERE rule = 'leaver_still_active'",
    )
    for text, line, manager in evidence:
        assert (json.loads(text)["roster_line"], json.loads(text)["manager"]) == (line, manager)

    published = tables(installation.published)
    assert installation.command("rebuild").code == 0
    assert tables(installation.published) == published


def test_a_roster_that_is_too_large_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipedrive_graph.config.roster.LARGEST_FILE", 2**20)
    path = tmp_path / "roster.csv"
    path.write_bytes(b"email,status\n" + b"a" * 2**20)
    with pytest.raises(ConfigurationError, match=r"^Cannot read the roster .*: it is larger than 1 MiB.$"):
        roster.read(path)
