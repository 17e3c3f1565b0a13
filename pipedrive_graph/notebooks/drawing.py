"""The charts of the notebook (bars, dots, squares and ticks), and readable frames."""

from __future__ import annotations

from collections.abc import Mapping

import altair as alt
import pandas as pd

BLUE, GREY, YELLOW = "#4269d0", "#9aa0a6", "#d5a021"

SEVERITIES = {
    "critical": "#7a0019",
    "high": "#d62728",
    "medium": "#ff9d3c",
    "low": "#4c9be8",
    "info": GREY,
}

MOST = 40
"""The most bars or rows of a chart; the table below it has all rows."""

_LABELS = 260
"""The most pixels of a bar's label."""


def readable(frame: pd.DataFrame) -> pd.DataFrame:
    """The rows in readable form; unknown values are empty."""
    return frame.apply(_readable).astype(object).fillna("")


def _readable(column: pd.Series[str]) -> pd.Series[str]:
    """Lists without brackets, times to the minute, shares in percent."""
    if str(column.name).endswith("share"):
        return column.map(lambda share: f"{share:.0%}", na_action="ignore")
    if column.dtype.kind == "M":
        return pd.to_datetime(column).dt.strftime("%Y-%m-%d %H:%M")
    if column.dtype == "boolean":
        return column.map({True: "yes", False: "no"})
    return column.map(lambda value: ", ".join(map(str, value)) if isinstance(value, list) else value)


def counted(frame: pd.DataFrame, *names: str) -> pd.DataFrame:
    """The number of rows per combination of these columns, as the column `size`."""
    return frame.groupby([*names]).size().reset_index(name="size")


def bars(
    frame: pd.DataFrame, y: str, title: str, *, x: str = "size", colours: Mapping[str, str] | None = None
) -> alt.Chart:
    """Bars per value of `y`, longest first; with `colours`, coloured by severity."""
    longest = frame.groupby(y)[x].sum().nlargest(MOST).index
    return _wide(
        alt.Chart(frame[frame[y].isin(longest)])
        .mark_bar()
        .encode(
            x=alt.X(f"{x}:Q", title=title, axis=alt.Axis(tickMinStep=1)),
            y=alt.Y(f"{y}:N", sort="-x", title=None, axis=alt.Axis(labelLimit=_LABELS)),
            color=_coloured("severity", colours) if colours else alt.value(BLUE),
            tooltip=[*map(str, frame.columns)],
        )
    )


def shares(frame: pd.DataFrame, y: str, share: str, title: str) -> alt.Chart | None:
    """A bar from 0 to 100 % per value of `y`; None if no share is known."""
    known = frame.dropna(subset=[y, share])
    if known.empty:
        return None
    scale, axis = alt.Scale(domain=[0, 1]), alt.Axis(format="%")
    return _wide(
        alt.Chart(known)
        .mark_bar(color=BLUE)
        .encode(
            x=alt.X(f"{share}:Q", scale=scale, axis=axis, title=title),
            y=alt.Y(f"{y}:N", title=None, axis=alt.Axis(labelLimit=_LABELS)),
            tooltip=[y, alt.Tooltip(share, format=".0%")],
        )
    )


def dots(frame: pd.DataFrame, x: str, y: str, title: str) -> alt.Chart | None:
    """A dot on a time axis per row, earliest first, coloured by the user's state; None without times."""
    states = {"live": BLUE, "deactivated": GREY, "not known": YELLOW}
    state = frame["live"].map({True: "live", False: "deactivated"}).fillna("not known")
    known = frame.assign(state=state).dropna(subset=[x]).nsmallest(MOST, x)
    if known.empty:
        return None
    return _wide(
        alt.Chart(known)
        .mark_circle(size=90, opacity=0.8)
        .encode(
            x=alt.X(f"{x}:T", title=title, axis=alt.Axis(format="%Y-%m-%d", tickCount=6)),
            y=alt.Y(f"{y}:N", sort="x", title=None, axis=alt.Axis(labelLimit=_LABELS)),
            color=_coloured("state", states),
            tooltip=[y, x, "state"],
        )
    )


def squares(frame: pd.DataFrame, x: str, y: str, share: str, title: str) -> alt.Chart:
    """A square per pair, darker for smaller shares, for the values of `y` with the smallest shares."""
    pairs = frame.groupby([y, x])[share].agg(["size", "min"]).reset_index()
    pairs = pairs.rename(columns={"size": "people", "min": share})
    smallest = pairs.groupby(y)[share].min().nsmallest(MOST).index
    return _wide(
        alt.Chart(pairs[pairs[y].isin(smallest)])
        .mark_rect()
        .encode(
            x=alt.X(f"{x}:N", title=None, axis=alt.Axis(labelAngle=-45, labelLimit=180)),
            y=alt.Y(f"{y}:N", title=None, axis=alt.Axis(labelLimit=_LABELS)),
            color=alt.Color(
                f"{share}:Q",
                scale=alt.Scale(scheme="blues", reverse=True),
                legend=alt.Legend(format=".0%"),
                title=title,
            ),
            tooltip=[y, x, "people", alt.Tooltip(share, format=".0%")],
        )
    )


def ticks(frame: pd.DataFrame, x: str, title: str) -> alt.Chart:
    """A tick on a time axis per row."""
    return _wide(
        alt.Chart(frame)
        .mark_tick(thickness=3, color=BLUE)
        .encode(x=alt.X(f"{x}:T", title=title), tooltip=[*map(str, frame.columns)])
    )


def _coloured(name: str, colours: Mapping[str, str]) -> alt.Color:
    return alt.Color(f"{name}:N", scale=alt.Scale(domain=[*colours], range=[*colours.values()]), title=None)


def _wide(chart: alt.Chart) -> alt.Chart:
    return chart.properties(width="container")
