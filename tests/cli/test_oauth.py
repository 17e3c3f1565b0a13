"""OAuth from end to end: somebody logs in, tokens end, are renewed, replaced, refused; and are nowhere."""

from __future__ import annotations

import json
import logging
import stat
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from installation import CommandResult, Installation

from pipedrive_graph.config import settings
from pipedrive_graph.config.company import Company
from pipedrive_graph.errors import ConfigurationError, NotPipedriveError, PipedriveGraphError
from pipedrive_graph.pipedrive.auth import oauth
from pipedrive_graph.pipedrive.auth.tokens import TokenStore, api_address
from pipedrive_graph.pipedrive.http_types import Timeouts
from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Simulator

SECRET = "s3cret-7a1f0c44d29b4e6f"  # noqa: S105 - opens a simulator
SEED = "111:222:r3fresh-5be09d7c31fa48c2"


def installed(home: Path, simulator: Simulator, *, seeded: bool = True) -> Installation:
    """An installation with an OAuth app and no API token."""
    variables = {
        "PIPEDRIVE_BASE_URL": simulator.url,
        "PIPEDRIVE_OAUTH_URL": simulator.oauth_url,
        "PIPEDRIVE_CLIENT_ID": "simulator-client",
        "PIPEDRIVE_CLIENT_SECRET": SECRET,
    }
    if seeded:
        variables["PIPEDRIVE_REFRESH_TOKEN"] = SEED
    return Installation(home, variables)


@pytest.fixture
def authority(serve):
    """Start simulators that know the secrets above."""
    return lambda **options: serve(client_secret=SECRET, refresh_token=SEED, users=12, **options)


def stored(home: Path) -> dict:
    return json.loads((home / "tokens" / "default.json").read_text())


def asked(simulator: Simulator, path: str) -> list[int | None]:
    return [seen.status for seen in simulator.requests if seen.path == path]


def begin_login(installation: Installation, *options: str) -> tuple[subprocess.Popen[str], str]:
    """Start `login`, and return it with the address that it prints."""
    process = installation.process("login", "--no-browser", "--port", "0", *options)
    address = next(line for line in iter(process.stdout.readline, "") if line.startswith("http"))
    return process, address.strip()


def visit(address: str) -> tuple[int, str]:
    """Open an address as a browser does, wherever it leads."""
    try:
        with urllib.request.urlopen(address, timeout=10) as answer:  # noqa: S310
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read().decode()


def test_somebody_logs_in(home, authority) -> None:
    simulator = authority()
    installation = installed(home, simulator, seeded=False)
    before = installation.command("sync")
    process, address = begin_login(installation)

    page = visit(address)
    result = installation.wait(process)

    assert (before.code, before.sentence) == (
        3,
        "Nobody has logged in to company 'default': run pipedrive-graph login --company default.",
    )
    assert page == (200, page[1])
    assert "Go back to the terminal" in page[1]
    assert (result.code, result.err) == (0, "")
    file = home / "tokens" / "default.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    assert set(stored(home)) == {"access_token", "refresh_token", "expires_at", "api_domain"}
    assert installation.command("doctor").code == 0
    assert simulator.authority.refreshed == 0


@pytest.mark.parametrize(
    "expires_in", ["3599", "99999999", "1e309", "NaN", "-5", "0", "1" + "0" * 400, '"soon"', "null"]
)
def test_no_access_token_is_believed_to_last_longer_than_a_day(expires_in: str) -> None:
    body = f'{{"access_token": "a", "refresh_token": "r", "expires_in": {expires_in}}}'

    tokens = oauth._tokens(json.loads(body), "r")

    if expires_in == "3599":
        assert tokens is not None
        assert tokens.lifetime == 3599
    elif expires_in in {"99999999", "1e309"}:
        assert tokens is not None
        assert tokens.lifetime == 86_400
        assert tokens.expires_at < time.time() + 86_401
    else:
        assert tokens is None


@pytest.mark.parametrize("expires_at", ["99999999999", "1e309", "NaN", "1" + "0" * 400])
def test_a_kept_token_that_lasts_too_long_is_renewed(tmp_path, expires_at: str) -> None:
    path = tmp_path / "default.json"
    path.write_text(
        f'{{"access_token": "a", "refresh_token": "r", "expires_at": {expires_at}, "api_domain": null}}'
    )

    tokens = TokenStore(path).read()

    assert tokens is None or not tokens.holds


def test_an_answer_to_another_login_is_not_used(home, authority) -> None:
    simulator = authority()
    process, address = begin_login(installed(home, simulator))
    back = parse_qs(urlsplit(address).query)["redirect_uri"][0]

    assert visit(back.replace("/callback", "/favicon.ico"))[0] == 404
    state = parse_qs(urlsplit(address).query)["state"][0]
    for strange in (
        {"code": "stolen", "state": "guessed"},
        {"code": "stolen"},
        {"error": "user_denied"},
        {"error": "user_denied", "state": "guessed"},
        {"state": state},
    ):
        status, page = visit(f"{back}?{urlencode(strange)}")
        assert status == 400
        assert "The login is still waiting." in page
    assert (
        visit(f"{back.replace('127.0.0.1', 'localhost')}?{urlencode({'code': 'x', 'state': state})}")[0]
        == 400
    )
    with pytest.raises(urllib.error.HTTPError, match="501"):
        urllib.request.urlopen(back, data=b"code=stolen", timeout=10)  # noqa: S310
    assert asked(simulator, "/oauth/token") == []
    assert not (home / "tokens").exists()

    assert visit(address)[0] == 200
    assert installed(home, simulator).wait(process).code == 0


def test_a_code_is_of_no_use_without_the_verifier_of_its_login(home, authority) -> None:
    simulator = authority()
    process, address = begin_login(installed(home, simulator))
    query = parse_qs(urlsplit(address).query)
    assert query["code_challenge_method"] == ["S256"]
    page = urlsplit(address)._replace(
        query=urlencode({**{k: v[0] for k, v in query.items()}, "code_challenge": "x" * 43})
    )

    assert visit(page.geturl())[0] == 200  # somebody else's code comes back to this login
    result = installed(home, simulator).wait(process)

    assert result.code == 3
    assert "code_verifier is invalid" in result.sentence
    assert not (home / "tokens").exists()


def test_somebody_declines(home, authority) -> None:
    simulator = authority(deny=True)
    process, address = begin_login(installed(home, simulator))

    assert visit(address)[0] == 400
    result = installed(home, simulator).wait(process)

    assert result.code == 3
    assert (
        result.sentence == "Pipedrive did not authorise the app (user_denied): run login again, and allow it."
    )


def test_nobody_comes_back(home, simulator) -> None:
    result = installed(home, simulator).command("login", "--no-browser", "--port", "0", "--timeout", "1")

    assert result.code == 3
    assert result.sentence == "The app was not authorised within 1 seconds: run login again."


def test_login_names_what_stands_in_its_way(home, simulator) -> None:
    installation = Installation.of(home, simulator)
    assert "Company 'default' has no OAuth app" in installation.command("login").sentence
    installation = installed(home, simulator)
    taken = installation.command("login", "--no-browser", "--port", str(simulator.port))
    assert (taken.code, "is in use by another program" in taken.sentence) == (2, True)
    installation.variables["PIPEDRIVE_CLIENT_SECRET"] = ""
    result = installation.command("login", "--no-browser")
    assert (result.code, result.sentence) == (
        2,
        "Set the environment variable PIPEDRIVE_CLIENT_SECRET as Pipedrive's Developer Hub shows it for the"
        " app.",
    )


def test_an_api_token_is_preferred(home, authority) -> None:
    simulator = authority()
    installation = installed(home, simulator)
    installation.variables["PIPEDRIVE_API_TOKEN"] = simulator.token

    assert installation.command("doctor").code == 0
    assert simulator.authority.refreshed == 0


@pytest.mark.slow
def test_tokens_are_renewed_before_they_end(home, authority) -> None:
    simulator = authority(token_lifetime=4, oauth_limit=10, rotate=True)
    manifest = installed(home, simulator).night()

    assert manifest.verdict.status == "complete"
    assert simulator.authority.refreshed >= 2
    assert 401 not in [seen.status for seen in simulator.requests]


@pytest.mark.slow
@pytest.mark.parametrize("rotate", [False, True])
def test_tokens_that_end_during_a_run_cost_no_answer(home, authority, rotate) -> None:
    simulator = authority(rotate=rotate)
    ended: list[int] = []

    def end(reply):
        ended.append(reply.status)
        simulator.authority.expire()
        return reply

    simulator.faults.add(r"users/\d+/permissions", end, times=2, after=3)
    manifest = installed(home, simulator).night()

    assert manifest.verdict.status == "complete"
    assert manifest.coverage["users/{id}/permissions"].answered == 12
    assert len(ended) == 2
    assert [seen.status for seen in simulator.requests].count(401) >= 1
    assert 2 <= simulator.authority.refreshed <= 3  # the first, and one per end for all calls together
    assert stored(home)["refresh_token"].startswith("111") is not rotate


@pytest.mark.slow
def test_a_replaced_refresh_token_is_stored_before_the_new_one_is_used(home, authority) -> None:
    simulator = authority(rotate=True)
    installation = installed(home, simulator)
    simulator.faults.add(".*users/me", faults.silence, times=None)
    process = installation.process("sync")
    until = time.monotonic() + 60
    while not [seen for seen in simulator.requests if seen.path == "users/me"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    process.kill()
    installation.wait(process)
    simulator.faults.clear()
    simulator.authority.expire()
    del installation.variables["PIPEDRIVE_REFRESH_TOKEN"]

    assert stored(home)["refresh_token"] != SEED
    assert installation.command("doctor").code == 0
    assert simulator.authority.refreshed == 2


@pytest.mark.slow
def test_processes_that_renew_at_once_do_not_cost_each_other_the_authorisation(home, authority) -> None:
    simulator = authority(rotate=True)
    installation = installed(home, simulator)

    told = [installation.wait(process) for process in [installation.process("doctor") for _ in range(3)]]

    assert [one.code for one in told] == [0, 0, 0]
    assert simulator.authority.refreshed == 1


@pytest.mark.slow
def test_an_authorisation_that_is_withdrawn_ends_the_run(home, authority) -> None:
    simulator = authority()
    installation = installed(home, simulator)

    def withdraw(reply):
        simulator.authority.withdraw()
        return reply

    simulator.faults.add(r"users/\d+/permissions", withdraw, after=5)
    result = installation.command("sync")

    assert result.code == 3
    assert result.sentence == (
        "Pipedrive does not accept the authorisation (Invalid grant: refresh_token is invalid);"
        " what was read is kept: run pipedrive-graph login --company default."
    )
    assert list(home.rglob("*.ndjson"))  # the checkpoint
    assert asked(simulator, "/oauth/token") == [200, 400]
    process, address = begin_login(installation)
    visit(address)
    assert installation.wait(process).code == 0
    before = len(simulator.requests)
    assert installation.command("sync").code == 0
    assert len(simulator.requests) - before < before  # it went on where it was


def test_a_wrong_app_is_named(home, authority) -> None:
    installation = installed(home, authority())
    installation.variables["PIPEDRIVE_CLIENT_SECRET"] = SECRET[::-1]

    result = installation.command("sync")

    assert result.code == 3
    assert result.sentence == (
        "Pipedrive does not accept the app (Invalid client: client is invalid): check PIPEDRIVE_CLIENT_ID and"
        " PIPEDRIVE_CLIENT_SECRET (in Pipedrive's Developer Hub)."
    )


@pytest.mark.parametrize(
    "fault",
    [faults.status(503), faults.cut("within"), faults.html(200), faults.body('{"access_token": 7}', 200)],
    ids=["503", "cut", "html", "garbage"],
)
def test_a_stumbling_authorisation_server_is_asked_again(home, authority, fault) -> None:
    simulator = authority()
    simulator.faults.add("/oauth/token", fault, times=2, method="POST")

    assert installed(home, simulator).command("doctor").code == 0
    assert len(asked(simulator, "/oauth/token")) == 3


def test_an_authorisation_server_that_hangs_twice_is_asked_again(home, authority, monkeypatch) -> None:
    short = Timeouts(connect=0.5, read=0.3, total=0.5)
    monkeypatch.setattr("pipedrive_graph.pipedrive.http._TOKEN_TIMEOUTS", short)
    simulator = authority()
    simulator.faults.add("/oauth/token", faults.silence, times=2, method="POST")

    assert installed(home, simulator).command("doctor").code == 0
    assert len(asked(simulator, "/oauth/token")) == 3


@pytest.mark.slow
def test_an_authorisation_server_that_is_not_there_is_named(home, authority) -> None:
    installation = installed(home, authority())
    installation.variables["PIPEDRIVE_OAUTH_URL"] = "http://127.0.0.1:1"

    result = installation.command("sync")

    assert result.code == 1
    assert result.sentence == (
        "No response from http://127.0.0.1:1 (the connection is refused): check the network and"
        " PIPEDRIVE_OAUTH_URL."
    )


def test_no_token_goes_to_a_foreign_address(home, authority, serve) -> None:
    simulator = authority(api_domain="https://pipedrive.com.evil.example")

    result = installed(home, simulator).command("sync")

    assert result.code == 1
    assert "names 'https://pipedrive.com.evil.example' as the address of the API" in result.sentence
    assert {seen.path for seen in simulator.requests} == {"/oauth/token"}


OWN = "http://127.0.0.1:8080/v1"


@pytest.mark.parametrize(
    ("domain", "base", "address"),
    [
        (None, "https://api.pipedrive.com/v1", "https://api.pipedrive.com/v1"),
        ("https://acme.pipedrive.com", "https://api.pipedrive.com/v1", "https://acme.pipedrive.com/api/v1"),
        ("https://acme.PIPEDRIVE.com/", OWN, "https://acme.PIPEDRIVE.com/api/v1"),
        ("http://127.0.0.1:8080", OWN, "http://127.0.0.1:8080/api/v1"),
        ("https://proxy.example", "https://proxy.example/v1", "https://proxy.example/api/v1"),
    ],
)
def test_the_address_of_the_api_comes_with_the_tokens(domain, base, address) -> None:
    assert api_address(domain, Company("acme", base)) == address


@pytest.mark.parametrize(
    "domain",
    [
        "https://evilpipedrive.com",
        "https://acme.pipedrive.com.evil.example",
        "https://acme.pipedrive.com@evil.example",
        "https://evil.example#.pipedrive.com",
        "https://evil.example/.pipedrive.com",
        "https://evil.example\\.pipedrive.com",
        "http://acme.pipedrive.com",
        "ftp://acme.pipedrive.com",
        "//acme.pipedrive.com",
        "",
    ],
)
def test_an_address_that_is_not_pipedrives_is_refused(domain) -> None:
    with pytest.raises(NotPipedriveError, match="no token is sent there"):
        api_address(domain, Company("acme"))


def test_secrets_go_over_no_plain_connection(home, simulator) -> None:
    installation = installed(home, simulator)
    installation.variables["PIPEDRIVE_OAUTH_URL"] = "http://oauth.example.com"

    result = installation.command("sync")

    assert (result.code, "must be https" in result.sentence) == (2, True)


@pytest.mark.slow
def test_without_the_admin_scope_roles_and_sets_stay_unknown(home, authority) -> None:
    simulator = authority(scopes="base,users:read")
    process, address = begin_login(installed(home, simulator, seeded=False))
    visit(address)
    result = installed(home, simulator).wait(process)

    assert result.code == 0
    assert result.err == (
        "Warning: the app lacks the scope admin; roles and permission sets cannot be read.\n"
    )
    assert installed(home, simulator).command("sync").code == 4  # two lists are refused


@pytest.mark.slow
def test_a_night_writes_no_secret_but_into_the_store(home, tmp_path, authority) -> None:
    simulator = authority(rotate=True)
    installation = installed(home, simulator)
    instance = tmp_path / "dagster"
    instance.mkdir()
    installation.variables["DAGSTER_HOME"] = str(instance)
    told_back = faults.body(json.dumps({"success": False, "error": f"no: {SEED} {SECRET}"}), 500)
    simulator.faults.add(r"users/\d+/permissions", told_back, times=2)

    result: CommandResult = installation.wait(installation.process("sync", "--json", "--debug"))

    assert result.code == 0
    secrets = [SECRET, SEED, *simulator.authority._access, *simulator.authority._refresh]
    assert len(secrets) == 4
    assert not [secret for secret in secrets if secret in result.out + result.err]
    files = [path for folder in (home, instance) for path in folder.rglob("*") if path.is_file()]
    holding = [path for path in files if any(s.encode() in path.read_bytes() for s in secrets)]
    assert holding == [home / "tokens" / "default.json"]
    assert not [path for path in holding if stat.S_IMODE(path.stat().st_mode) & 0o077]


def test_a_login_prints_no_secret(home, authority) -> None:
    simulator = authority()
    process, address = begin_login(installed(home, simulator), "--debug")
    visit(address)
    result = installed(home, simulator).wait(process)

    secrets = [SECRET, *simulator.authority._access, *simulator.authority._refresh]
    assert result.code == 0
    assert not [secret for secret in secrets if secret in result.out + result.err]


def test_errors_hold_no_secret(home, authority, caplog) -> None:
    simulator = authority()
    refusal = {"error": "invalid_grant", "message": f"no such token: {SEED} of {SECRET}"}
    simulator.faults.add("/oauth/token", faults.body(json.dumps(refusal), 400), method="POST")
    caplog.set_level(logging.DEBUG)

    with pytest.raises(PipedriveGraphError) as caught:
        installed(home, simulator).night()

    error: BaseException | None = caught.value
    assert "no such token: [token] of [token]" in str(error)
    while error:
        assert not [s for s in (SEED, SECRET) if s in f"{error!r} {error} {vars(error)}"]
        error = error.__cause__ or error.__context__
    assert SEED not in caplog.text
    assert SECRET not in caplog.text


def test_companies_name_the_variables_of_their_app(tmp_path, monkeypatch) -> None:
    (tmp_path / "companies.toml").write_text(
        '[a]\napi_token_env = "A"\n[b]\nclient_id_env = "B_ID"\nclient_secret_env = "B_SECRET"\n'
        'refresh_token_env = "B_REFRESH"\n[c]\nclient_id_env = "C_ID"\napi_token_env = "C"\n'
    )
    monkeypatch.setenv("PIPEDRIVE_API_TOKEN", "of-no-company")
    monkeypatch.setenv("B_REFRESH", "r")
    monkeypatch.setenv("B_ID", "id of b")
    monkeypatch.setenv("C", "token")
    a, b, c = settings.load({"PIPEDRIVE_GRAPH_HOME": str(tmp_path)}).companies

    assert [company.uses_oauth for company in (a, b, c)] == [False, True, False]
    assert b.app().store == tmp_path / "tokens" / "b.json"
    assert (b.refresh_token(), c.refresh_token()) == ("r", "")
    with pytest.raises(ConfigurationError, match="variable B_ID"):
        b.app().client_id()
    with pytest.raises(ConfigurationError, match="Company 'a' has no OAuth app: set PIPEDRIVE_CLIENT_ID "):
        a.app()
