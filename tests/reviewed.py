"""A home folder after two nights, with an access report about a company with hostile names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from installation import Installation

from pipedrive_graph.simulator import faults
from pipedrive_graph.simulator.server import Options, Simulator

SCRIPT = "<script>alert(1)</script>"
IMAGE = '"><img src=x onerror=alert(2)>'
FORMULA = '=HYPERLINK("http://evil.example","click")'
OVERRIDE = "Eve\u202egpj.exe"
HEBREW = "\u05d3\u05d5\u05d3 \u05db\u05d4\u05df"
CLOSING = "</script></style></textarea>{{ 7*7 }}"

HOSTILE = (SCRIPT, IMAGE, FORMULA, OVERRIDE, HEBREW, CLOSING)
FLAG = "can_use_api"


@dataclass(frozen=True)
class Reviewed:
    """The home folder, whose second night was partial, and the ids of the users that tests look for."""

    installation: Installation
    granted: int
    hostile: tuple[int, ...]
    unanswered: int

    @property
    def published(self) -> Path:
        return self.installation.published

    @property
    def report(self) -> Path:
        return self.installation.settings.access_report("default")


def reviewed(home: Path) -> Reviewed:
    """Run two nights, waive a finding between them, and write the report."""
    with Simulator(Options(users=40, limit=4000)) as simulator:
        company = simulator.company
        installation = Installation.of(home, simulator)
        plain = [
            user
            for user in company.users.values()
            if user.active and user.created and not user.admin_apps and user.id != company.owner_id
        ]
        hostile = plain[: len(HOSTILE)]
        for user, name in zip(hostile, HOSTILE, strict=True):
            user.name = name
            company.grant(user.id, "can_delete_deals")
        role = next(entry for entry in company.roles.values() if (entry.parent_role_id or 1) != 1)
        role.name = f"Team {SCRIPT}"
        for entry in list(company.sets.values())[:2]:
            entry.name = f"Set {IMAGE}"
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T02:00:00+00:00"
        installation.night()
        first = installation.command("findings", "--json").objects[0]["finding_id"]
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-20T09:00:00+00:00"
        waived = installation.command(
            "waive", first, "--reason", SCRIPT, "--owner", OVERRIDE, "--until", "2027-01-01"
        )
        assert waived.code == 0, waived.err
        granted, unanswered = plain[-1], plain[-2]
        company.grant(granted.id, FLAG)
        company.revoke(hostile[0].id, "can_delete_deals")
        simulator.faults.add(f"users/{unanswered.id}/permissions", faults.forbidden, times=None)
        installation.variables["PIPEDRIVE_GRAPH_CLOCK"] = "2026-11-21T02:00:00+00:00"
        installation.night()
    result = installation.command("report")
    assert result.code == 0, result.err
    return Reviewed(installation, granted.id, tuple(user.id for user in hostile), unanswered.id)
