"""Prints who can export data, what gives them the permission, and which of them look dormant.

Run it with the environment of pipedrive_graph; it reads the published file and changes nothing:

    PIPEDRIVE_GRAPH_HOME=demo python examples/who_can_export.py
"""

import pipedrive_graph

PERMISSION = "can_export_data_from_lists"


def main() -> None:
    """Print a short report on one permission."""
    with pipedrive_graph.open() as graph:
        holders = graph.who_can(PERMISSION)
        current = holders[holders["live"]]
        print(f"{len(current)} people can use {PERMISSION}.")

        print("\nNo permission set explains it for:")
        unexplained = current[~current["explained"].fillna(value=True)]
        for person in unexplained.itertuples():
            print(f"  {person.name} ({person.email})")

        print("\nWhy the first of them holds it:")
        for person in unexplained.head(1).itertuples():
            for reason in graph.why(person.user_id, PERMISSION)["explanation"]:
                print(f"  {reason}")

        print("\nOf all holders, these have an open finding about a dormant account:")
        dormant = graph.query(
            """
            SELECT users.label, findings.title
            FROM findings
            JOIN users ON users.company = findings.company
                AND CAST(users.user_id AS VARCHAR) = findings.subject_id
            WHERE findings.status = 'open' AND findings.rule LIKE 'dormant_%'
                AND users.user_id IN (SELECT user_id FROM who_can(?) WHERE live)
            ORDER BY findings.severity, users.label""",
            PERMISSION,
        )
        for finding in dormant.itertuples():
            print(f"  {finding.title}")


if __name__ == "__main__":
    main()
