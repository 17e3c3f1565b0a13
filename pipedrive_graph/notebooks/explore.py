"""The ten questions of the README as a marimo notebook: each with its query, a table and a chart.

It opens the published file, read-only: the one of this environment, or the one named after `--file`.
"""

import marimo

app = marimo.App(width="medium", app_title="pipedrive_graph")


@app.cell
def _():
    from datetime import datetime

    import altair as alt
    import marimo as mo
    import pandas as pd

    import pipedrive_graph

    # every row is drawn: nobody reads a chart of the first 5,000 of 6,000
    alt.data_transformers.disable_max_rows()
    return alt, datetime, mo, pd, pipedrive_graph


@app.cell
def _(mo, pipedrive_graph):
    arguments = mo.cli_args()
    published = arguments.get("file")
    with pipedrive_graph.open(published) as _graph:
        _companies = list(_graph.current_snapshot["company"].sort_values())
    _asked = arguments.get("company")
    company = mo.ui.dropdown(
        _companies, value=_asked if _asked in _companies else _companies[0], label="Company"
    )
    return company, published


@app.cell
def _(company, pipedrive_graph, published):
    graph = pipedrive_graph.open(published, company=company.value)
    return (graph,)


@app.cell
def _(company, graph, mo):
    _read = graph.query("SELECT * FROM current_snapshot").iloc[0]
    _told = "" if _read["status"] == "complete" else " It is **partial**: what was not answered is as last known."
    mo.vstack(
        [
            mo.md(
                f"""
                # Who can do what in Pipedrive

                Ten questions about the company's access, as it was read on
                **{_read["as_of"]:%Y-%m-%d at %H:%M} UTC**.{_told} *Not known* is empty, and never *no*.
                """
            ),
            company,
        ]
    )
    return


@app.cell
def _(alt, mo):
    INK = "#4269d0"
    SEVERITIES = {"critical": "#7a0019", "high": "#d62728", "medium": "#ff9d3c", "low": "#4c9be8", "info": "#9aa0a6"}

    def answer(number, question, look, query, frame, chart=None, *, ask=None):
        """One section: the question, what to look at, the chart, the rows, and the query behind them."""
        parts = [mo.md(f"## {number}. {question}\n\n{look}")]
        if ask is not None:
            parts.append(ask)
        if frame.empty:
            parts.append(mo.callout("Nothing: no row answers this question.", kind="neutral"))
        else:
            if chart is not None:
                parts.append(chart)
            parts.append(mo.ui.table(frame, selection=None, page_size=10, show_column_summaries=False))
        parts.append(mo.accordion({"The query": mo.md(f"```sql\n{query.strip()}\n```")}))
        return mo.vstack(parts)

    def bars(frame, x, y, colour=None, *, x_title, tooltip=None):
        """Bars from the largest to the smallest, one per value of `y`."""
        return (
            alt.Chart(frame)
            .mark_bar()
            .encode(
                x=alt.X(f"{x}:Q", title=x_title, axis=alt.Axis(tickMinStep=1)),
                y=alt.Y(f"{y}:N", sort="-x", title=None, axis=alt.Axis(labelLimit=260)),
                color=colour if colour is not None else alt.value(INK),
                tooltip=tooltip if tooltip is not None else [y, x],
            )
            .properties(width="container")
        )

    return INK, SEVERITIES, answer, bars


@app.cell
def _(SEVERITIES, alt, answer, bars, graph):
    query_1 = """
SELECT severity, rule, title, first_seen
FROM findings
WHERE status = 'open'
ORDER BY list_position(['critical', 'high', 'medium', 'low', 'info'], severity), rule;
"""
    _found = graph.query(query_1)
    _counts = _found.groupby(["severity", "rule"], as_index=False).size()
    _colour = alt.Color(
        "severity:N", scale=alt.Scale(domain=list(SEVERITIES), range=list(SEVERITIES.values())), title=None
    )
    answer(
        1,
        "What is open, the worst first?",
        "Look at the red bars first: a long one is one habit to change, not many people to speak to.",
        query_1,
        _found,
        bars(_counts, "size", "rule", _colour, x_title="open findings", tooltip=["rule", "severity", "size"]),
    )
    return (query_1,)


@app.cell
def _(graph, mo):
    _known = list(graph.query("SELECT DISTINCT permission FROM permissions ORDER BY ALL")["permission"])

    def choose(value):
        return value if value in _known else (_known[0] if _known else None)

    exported = mo.ui.dropdown(
        _known, value=choose("can_export_data_from_lists"), label="Permission", searchable=True
    )
    return choose, exported


@app.cell
def _(answer, bars, exported, graph):
    query_2 = """
SELECT name, email, roles, sets, admin, explained
FROM who_can($permission)
WHERE live;
"""
    _holders = graph.query(query_2, permission=exported.value)
    _roles = _holders.explode("roles")
    _roles["roles"] = _roles["roles"].fillna("(no role)")
    answer(
        2,
        "Who can export data, and what gives it to them?",
        "Look for a role that you would not expect, and for rows that nothing explains.",
        query_2,
        _holders,
        bars(
            _roles.groupby("roles", as_index=False).size(), "size", "roles",
            x_title=f"people who hold {exported.value}",
        ),
        ask=exported,
    )  # fmt: skip
    return (query_2,)


@app.cell
def _(choose, graph, mo):
    _users = graph.query(
        "SELECT any_value(label) AS label, email FROM users WHERE email IS NOT NULL"
        " GROUP BY email ORDER BY email"
    )
    # somebody of whom there is something to tell
    _first = graph.query(
        "SELECT email FROM users JOIN user_permissions USING (company, user_id)"
        " WHERE live AND granted AND permission = 'can_use_api' ORDER BY user_id LIMIT 1"
    )
    _emails = dict(zip(_users["label"], _users["email"], strict=True))
    _labels = dict(zip(_users["email"], _users["label"], strict=True))
    _start = _labels.get(_first["email"].iloc[0]) if len(_first) else next(iter(_emails), None)
    person = mo.ui.dropdown(_emails, value=_start, label="Person", searchable=True)
    _known = list(graph.query("SELECT DISTINCT permission FROM permissions ORDER BY ALL")["permission"])
    wanted = mo.ui.dropdown(_known, value=choose("can_use_api"), label="Permission", searchable=True)
    return person, wanted


@app.cell
def _(alt, answer, graph, mo, person, wanted):
    query_3 = """
SELECT granted, explanation, role, role_share
FROM why($person, $permission);
"""
    _reasons = graph.query(query_3, person=person.value, permission=wanted.value)
    _shares = _reasons.dropna(subset=["role", "role_share"])
    _chart = (
        alt.Chart(_shares)
        .mark_bar(color="#4269d0")
        .encode(
            x=alt.X(
                "role_share:Q",
                scale=alt.Scale(domain=[0, 1]),
                axis=alt.Axis(format="%"),
                title=f"share of the role that holds {wanted.value}",
            ),
            y=alt.Y("role:N", title=None, axis=alt.Axis(labelLimit=260)),
            tooltip=["role", alt.Tooltip("role_share", format=".0%")],
        )
        .properties(width="container")
    )
    answer(
        3,
        "Why can this person use the API (or why not)?",
        "Look at the explanation; a small share says that the person is alone with it in the role.",
        query_3,
        _reasons,
        _chart if len(_shares) else None,
        ask=mo.hstack([person, wanted], justify="start"),
    )
    return (query_3,)


@app.cell
def _(answer, bars, graph, person):
    query_4 = """
SELECT kind, label, sets, since
FROM access_of($person);
"""
    _things = graph.query(query_4, person=person.value)
    answer(
        4,
        "Everything that one person has.",
        "Look at admin rights and at permissions whose sets are empty; the person is the one chosen above.",
        query_4,
        _things,
        bars(_things.groupby("kind", as_index=False).size(), "size", "kind", x_title="things"),
    )
    return (query_4,)


@app.cell
def _(answer, bars, graph):
    query_5 = """
SELECT change.kind, change.subject_kind, change.subject_id, change.object_kind, change.object,
    change.before, change.after
FROM access_changes AS change
JOIN current_snapshot USING (company, snapshot_id);
"""
    _changes = graph.query(query_5)
    _counts = (
        _changes.assign(what=_changes["kind"] + " " + _changes["object_kind"].fillna(_changes["subject_kind"]))
        .groupby("what", as_index=False)
        .size()
    )
    answer(
        5,
        "What changed in the last night?",
        "Look for more of one kind than on other nights; after a first snapshot there is nothing to compare.",
        query_5,
        _changes,
        bars(_counts, "size", "what", x_title="changes"),
    )
    return (query_5,)


@app.cell
def _(alt, answer, graph):
    query_6 = """
SELECT label, admin_apps, last_login, live
FROM users
WHERE admin
ORDER BY last_login NULLS FIRST;
"""
    _admins = graph.query(query_6)
    _chart = (
        alt.Chart(_admins.dropna(subset=["last_login"]).assign(state=lambda f: f["live"].map({True: "live", False: "deactivated"})))
        .mark_circle(size=90, opacity=0.8)
        .encode(
            x=alt.X("last_login:T", title="last login"),
            y=alt.Y("label:N", sort="x", title=None, axis=alt.Axis(labelLimit=260)),
            color=alt.Color(
                "state:N",
                scale=alt.Scale(domain=["live", "deactivated"], range=["#4269d0", "#9aa0a6"]),
                title=None,
            ),
            tooltip=["label", "last_login", "state"],
        )
        .properties(width="container")
    )
    answer(
        6,
        "Who are the admins, of what, and do they still log in?",
        "Look at the dots on the far left: admins who do not come any more; who never came is in the table only.",
        query_6,
        _admins,
        _chart,
    )
    return (query_6,)


@app.cell
def _(answer, bars, graph):
    query_7 = """
SELECT users.label, held.permission, held.role_share
FROM user_role_permissions AS held
JOIN users USING (company, user_id)
WHERE held.granted AND len(held.granted_by) = 0 AND NOT held.granted_by_admin;
"""
    _unexplained = graph.query(query_7)
    answer(
        7,
        "Permissions that no permission set explains.",
        "Look for one permission with many people: a set was probably edited, and they kept what it gave.",
        query_7,
        _unexplained,
        bars(
            _unexplained.groupby("permission", as_index=False).size(), "size", "permission",
            x_title="grants that nothing explains",
        ),
    )  # fmt: skip
    return (query_7,)


@app.cell
def _(alt, answer, graph):
    query_8 = """
SELECT roles.name AS role, users.label, held.permission, held.role_share
FROM user_role_permissions AS held
JOIN users USING (company, user_id)
JOIN roles ON roles.company = held.company AND roles.role_id = held.role_id
WHERE held.granted AND held.role_share < 0.2 AND roles.members >= 5
ORDER BY held.role_share;
"""
    _rare = graph.query(query_8)
    _counts = _rare.groupby(["role", "permission"], as_index=False).agg(
        people=("label", "size"), share=("role_share", "min")
    )
    _chart = (
        alt.Chart(_counts)
        .mark_rect()
        .encode(
            x=alt.X("permission:N", title=None, axis=alt.Axis(labelAngle=-45, labelLimit=180)),
            y=alt.Y("role:N", title=None, axis=alt.Axis(labelLimit=220)),
            color=alt.Color(
                "share:Q", scale=alt.Scale(scheme="blues", reverse=True), legend=alt.Legend(format="%"),
                title="share of the role",
            ),
            tooltip=["role", "permission", "people", alt.Tooltip("share", format=".0%")],
        )
        .properties(width="container")
    )  # fmt: skip
    answer(
        8,
        "What do few in a role hold, while their colleagues do not?",
        "Look at the darkest squares: one or two of many colleagues hold it.",
        query_8,
        _rare,
        _chart,
    )
    return (query_8,)


@app.cell
def _(answer, bars, graph):
    query_9 = """
SELECT top.name AS branch, CAST(sum(below.members) AS BIGINT) AS people
FROM role_tree AS tree
JOIN roles AS top ON top.company = tree.company AND top.role_id = tree.ancestor_role_id
JOIN roles AS below ON below.company = tree.company AND below.role_id = tree.role_id
WHERE top.depth = 1
GROUP BY ALL
ORDER BY people DESC;
"""
    _branches = graph.query(query_9)
    answer(
        9,
        "How many people sit in each branch of the role tree?",
        "Look at branches with nobody in them, and at who is in none: they see more, or less, than is meant.",
        query_9,
        _branches,
        bars(_branches, "people", "branch", x_title="active members"),
    )
    return (query_9,)


@app.cell
def _(choose, datetime, graph, mo):
    _known = list(graph.query("SELECT DISTINCT permission FROM permissions ORDER BY ALL")["permission"])
    deleted = mo.ui.dropdown(_known, value=choose("can_delete_deals"), label="Permission", searchable=True)
    _read = graph.query(
        "SELECT started_at FROM snapshots WHERE status IN ('complete', 'partial') ORDER BY started_at"
    )["started_at"]
    _moments = {f"{read:%Y-%m-%d %H:%M} UTC": read.to_pydatetime() for read in _read}
    moment = mo.ui.dropdown(_moments, value=next(iter(_moments)), label="As of", searchable=True)
    assert datetime  # the type of what is chosen
    return deleted, moment


@app.cell
def _(alt, answer, deleted, graph, mo, moment):
    query_10 = """
SELECT name, email, since
FROM access_at($moment)
WHERE permission = $permission
    AND (company, user_id) NOT IN (
        SELECT company, user_id FROM user_permissions WHERE permission = $permission AND granted
    );
"""
    _lost = graph.query(query_10, moment=moment.value, permission=deleted.value)
    _chart = (
        alt.Chart(_lost)
        .mark_tick(thickness=3, color="#4269d0")
        .encode(x=alt.X("since:T", title="held since"), tooltip=["name", "since"])
        .properties(width="container")
    )
    answer(
        10,
        "Who could delete deals on a given day, and no longer can?",
        "Look at who lost it, and whether somebody meant that; a day of the past is chosen by its snapshot.",
        query_10,
        _lost,
        _chart,
        ask=mo.hstack([moment, deleted], justify="start"),
    )
    return (query_10,)


if __name__ == "__main__":
    app.run()
