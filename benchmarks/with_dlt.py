"""Makes the same requests with dlt's rest_api source; the arguments are `URL TOKEN FOLDER WORKERS`.

The two requests per user are dependent resources, fetched in parallel in dlt's thread pool, and retried by
dlt's own HTTP client (https://dlthub.com/docs/dlt-ecosystem/verified-sources/rest_api/advanced). Only
dlt's extract step runs: it makes the requests and writes the responses, like the other collectors.
"""

from __future__ import annotations

import os
import sys
from typing import Any


def resources() -> list[dict[str, Any]]:
    """Return the resources: three lists, and the resources that depend on their rows."""
    dependent = {
        "contents": "permissionSets/{resources.permission_sets.id}",
        "role_assignments": "users/{resources.users.id}/roleAssignments",
        "permissions": "users/{resources.users.id}/permissions",
    }
    return [
        {"name": "users", "endpoint": {"path": "users"}},
        {"name": "roles", "endpoint": {"path": "roles", "params": {"limit": 500}}},
        {"name": "permission_sets", "endpoint": {"path": "permissionSets"}},
        *(
            {"name": name, "endpoint": {"path": path}, "include_from_parent": ["id"], "parallelized": True}
            for name, path in dependent.items()
        ),
    ]


def main(url: str, token: str, folder: str, workers: str) -> None:
    """Extract the company."""
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    os.environ["EXTRACT__WORKERS"] = workers
    os.environ["EXTRACT__MAX_PARALLEL_ITEMS"] = str(4 * int(workers))
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source(
        {
            "client": {
                "base_url": f"{url}/",
                "auth": {"type": "api_key", "name": "x-api-token", "api_key": token, "location": "header"},
                "paginator": "single_page",
            },
            "resource_defaults": {"endpoint": {"data_selector": "data"}},
            "resources": resources(),
        },
        name="pipedrive",
    )
    pipeline = dlt.pipeline("pipedrive", destination="dummy", pipelines_dir=folder)
    pipeline.extract(source)


if __name__ == "__main__":
    main(*sys.argv[1:])
