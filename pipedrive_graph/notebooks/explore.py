"""The ten questions of docs/queries.md as a marimo notebook: each with its query, a chart and the rows.

It opens the published file read-only: the file of this environment, or the one given with `--file`.
"""

import marimo

app = marimo.App(width="medium", app_title="pipedrive_graph")


@app.cell
def _():
    import altair as alt
    import marimo as mo

    import pipedrive_graph
    from pipedrive_graph import errors
    from pipedrive_graph.notebooks import drawing
    from pipedrive_graph.published.queries import question

    # draw all rows: a chart of the first 5,000 of 6,000 rows would mislead
    _ = alt.data_transformers.disable_max_rows()
    return drawing, errors, mo, pipedrive_graph, question


@app.cell
def _(mo, pipedrive_graph):
    published = mo.cli_args().get("file")
    with pipedrive_graph.open(published) as _graph:
        _companies = list(_graph.current_snapshot["company"].sort_values())
    _chosen = mo.cli_args().get("company")
    company = mo.ui.dropdown(
        _companies, value=_chosen if _chosen in _companies else _companies[0], label="Company"
    )
    return company, published


@app.cell
def _(company, pipedrive_graph, published):
    graph = pipedrive_graph.open(published, company=company.value)
    return (graph,)


@app.cell
def _(company, graph, mo):
    _read = graph.current_snapshot.iloc[0]
    _partial = (
        ""
        if _read["status"] == "complete"
        else " Some requests were not answered; that data is as last known."
    )
    _when = f"{_read['as_of']:%Y-%m-%d at %H:%M} UTC"
    mo.vstack(
        [
            mo.md(
                "# Who can do what in Pipedrive\n\n"
                f"Ten questions about the company's access, as it was read on **{_when}**.{_partial}"
                " An empty cell means that the value is unknown, never *no*."
            ),
            company,
        ]
    )
    return


@app.cell
def _(drawing, errors, graph, mo):
    def answer(number, question, look, query, draw, *, ask=None, **parameters):
        """One section: the question, a hint, the chart, the rows, and the query."""
        parts = [mo.md(f"## {number}. {question}\n\n{look}"), ask]
        try:
            frame = graph.query(query, **parameters)
        except errors.WarehouseError as error:
            parts.append(mo.callout(str(error), kind="warn"))
        else:
            if frame.empty:
                parts.append(mo.callout("No row answers this question."))
            else:
                wide = {"title": 460, "explanation": 320, "roles": 200, "sets": 200}
                widths = {name: width for name, width in wide.items() if name in frame}
                rows = mo.ui.table(
                    drawing.readable(frame),
                    selection=None,
                    page_size=10,
                    show_column_summaries=False,
                    show_data_types=False,
                    wrapped_columns=[*widths],
                    column_widths=widths,
                )
                parts += [draw(frame), rows]
        parts.append(mo.accordion({"The query": mo.md(f"```sql\n{query.strip()}\n```")}))
        return mo.vstack([part for part in parts if part is not None])

    return (answer,)


@app.cell
def _(graph, mo):
    _permissions = sorted(set(graph.permissions["permission"]))
    most_names = 5000

    def choose_permission(value):
        """A dropdown of the known permissions, with `value` selected if it is known."""
        first = value if value in _permissions else next(iter(_permissions), None)
        return mo.ui.dropdown(_permissions, value=first, label="Permission", searchable=True)

    _people = graph.query(
        "SELECT any_value(label) AS label, email FROM users WHERE email IS NOT NULL"
        " GROUP BY email ORDER BY email"
    )
    # a person who holds permissions, as an example
    _first = graph.query(
        "SELECT label, email FROM users JOIN user_permissions USING (company, user_id)"
        " WHERE live AND granted AND email IS NOT NULL ORDER BY permission <> 'can_use_api', user_id LIMIT 1"
    )
    if len(_people) <= most_names and len(_first):
        _emails = dict(zip(_people["label"], _people["email"], strict=True))
        person = mo.ui.dropdown(_emails, value=_first["label"].iloc[0], label="Person", searchable=True)
    else:
        person = mo.ui.text(value="".join(_first["email"]), label="Person, by e-mail address or id")
    return choose_permission, person


@app.cell
def _(answer, drawing, question):
    query_1 = question("open_findings")
    answer(
        1,
        "What is open, the worst first?",
        "Look at the red bars first: a long bar is one habit to change, not many people to speak to.",
        query_1,
        lambda findings: drawing.bars(
            drawing.counted(findings, "rule", "severity"),
            "rule",
            "open findings",
            colours=drawing.SEVERITIES,
        ),
    )
    return (query_1,)


@app.cell
def _(choose_permission):
    exported = choose_permission("can_export_data_from_lists")
    return (exported,)


@app.cell
def _(answer, drawing, exported, question):
    query_2 = question("holders_of_a_permission")

    def _draw(holders):
        seats = holders.explode("roles").fillna({"roles": "(no role)"})
        return drawing.bars(drawing.counted(seats, "roles"), "roles", f"people who hold {exported.value}")

    answer(
        2,
        "Who can export data, and what gives it to them?",
        "Look for a role that you would not expect, and for rows without an explanation.",
        query_2,
        _draw,
        ask=exported,
        permission=exported.value,
    )
    return (query_2,)


@app.cell
def _(choose_permission):
    wanted = choose_permission("can_use_api")
    return (wanted,)


@app.cell
def _(answer, drawing, mo, person, question, wanted):
    query_3 = question("why_a_person_holds_it")
    answer(
        3,
        "Why can this person use the API (or why not)?",
        "Look at the explanation; a small share means that few others in the role can.",
        query_3,
        lambda reasons: drawing.shares(
            reasons, "role", "role_share", f"share of the role that holds {wanted.value}"
        ),
        ask=mo.hstack([person, wanted], justify="start"),
        person=person.value,
        permission=wanted.value,
    )
    return (query_3,)


@app.cell
def _(answer, drawing, person, question):
    query_4 = question("access_of_a_person")
    answer(
        4,
        "Everything that one person has.",
        f"Look at admin rights, and at permissions that {person.value} (chosen above) has from no set.",
        query_4,
        lambda things: drawing.bars(drawing.counted(things, "kind"), "kind", "things"),
        person=person.value,
    )
    return (query_4,)


@app.cell
def _(answer, drawing, question):
    query_5 = question("latest_changes")

    def _draw(changes):
        of = changes["object_kind"].fillna(changes["subject_kind"])
        named = changes.assign(what=changes["kind"] + ": " + of)
        return drawing.bars(drawing.counted(named, "what"), "what", "changes")

    answer(
        5,
        "What changed in the last night?",
        "Look for many changes of one kind; a company's first snapshot has nothing to compare with.",
        query_5,
        _draw,
    )
    return (query_5,)


@app.cell
def _(answer, drawing, question):
    query_6 = question("admins")
    answer(
        6,
        "Who are the admins, of what, and do they still log in?",
        "Look at the dots on the left: admins who no longer log in. The table also has admins who never did.",
        query_6,
        lambda admins: drawing.dots(admins, "last_login", "label", "last login"),
    )
    return (query_6,)


@app.cell
def _(answer, drawing, question):
    query_7 = question("unexplained_permissions")
    answer(
        7,
        "Permissions that no permission set explains.",
        "Look at the longest bars: a set was probably edited, and people kept what it had granted.",
        query_7,
        lambda held: drawing.bars(
            drawing.counted(held, "permission"), "permission", "grants that nothing explains"
        ),
    )
    return (query_7,)


@app.cell
def _(answer, drawing, question):
    query_8 = question("rare_permissions")
    answer(
        8,
        "What do few in a role hold, while their colleagues do not?",
        "Look at the darkest squares: very few colleagues hold it. A dark row is often one person.",
        query_8,
        lambda rare: drawing.squares(rare, "permission", "role", "role_share", "share of the role"),
    )
    return (query_8,)


@app.cell
def _(answer, drawing, question):
    query_9 = question("branches")
    answer(
        9,
        "How many people sit in each branch of the role tree?",
        "Look at branches without people, and at branches that are much larger than expected.",
        query_9,
        lambda branches: drawing.bars(branches, "branch", "active members", x="people"),
    )
    return (query_9,)


@app.cell
def _(choose_permission, graph, mo):
    deleted = choose_permission("can_delete_deals")
    _reads = graph.query(
        "SELECT started_at FROM snapshots WHERE status IN ('complete', 'partial') ORDER BY started_at"
    )["started_at"]
    _moments = {f"{read:%Y-%m-%d %H:%M} UTC": read.to_pydatetime() for read in _reads}
    moment = mo.ui.dropdown(_moments, value=next(iter(_moments)), label="Date", searchable=True)
    return deleted, moment


@app.cell
def _(answer, deleted, drawing, mo, moment, question):
    query_10 = question("lost_access")
    answer(
        10,
        "Who could delete deals on a given day, and no longer can?",
        "Check whether each loss was intended. The days are those of the snapshots.",
        query_10,
        lambda lost: drawing.ticks(lost, "since", "held since"),
        ask=mo.hstack([moment, deleted], justify="start"),
        moment=moment.value,
        permission=deleted.value,
    )
    return (query_10,)


if __name__ == "__main__":
    app.run()
