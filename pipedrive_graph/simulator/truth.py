"""Writes the findings of the planted anomalies, to be compared with the findings of the pipeline."""

from __future__ import annotations

import json
from pathlib import Path

from pipedrive_graph.simulator.anomalies import STANDING
from pipedrive_graph.simulator.anomalies.visibility import VISIBILITY, expected
from pipedrive_graph.simulator.model import Company, written
from pipedrive_graph.simulator.options import Dialect


def write_truth(company: Company, dialect: Dialect, path: Path) -> None:
    """Write the planted findings of a company, their rules, and the size of the company, as JSON.

    The findings about who can see what are separate, because a run need not collect that.
    """
    people = company.users.values()
    content = {
        "seed": company.seed,
        "users": len(people),
        "dialect": dialect,
        "now": company.now.isoformat(),
        "company_id": company.id,
        "counts": {
            "users": len(people),
            "active_users": sum(user.active for user in people),
            "deleted_users": sum(user.deleted for user in people),
            "admins": sum(bool(user.active and user.admin_apps) for user in people),
            "roles": sum(role.listed for role in company.roles.values()),
            "role_assignments": sum(len(rows) for rows in company.assignments.values()),
            "permission_sets": len(company.sets),
            "permissions": len(company.flags),
        },
        "rules": sorted(STANDING),
        "findings": company.truth(dialect),
        "visibility": {
            "rules": sorted(VISIBILITY) if dialect == "official" else [],
            "findings": written(expected(company), dialect),
        },
    }
    path.write_text(json.dumps(content, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
