"""The page before data is read: header, empty sections, and the decision panel."""

from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html

from dashboard.components import parts
from dashboard.figures import theme

REFRESH_S = 15
TICK_S = 5
DRAWN = ("verdict", "effects", "settings")  # sections that must show a recommendation before a decision on it


def skeleton(facilities: list[str]) -> dmc.MantineProvider:
    """The page before data is read."""
    top = [html.Div([html.Strong("beamtwin"), html.Span("Operate")], className="brand"), _picker(facilities)]
    content = [
        html.A("Skip to the recommendation", href="#verdict", className="skip"),
        html.Header([*top, html.Dl(id="facts", className="facts")], className="top"),
        html.Div(id="lost", role="alert", className="banner", hidden=True),
        html.Div(id="alerts", role="status"),
        html.Main(
            [
                html.Div(id="verdict", tabIndex=-1),
                html.Div(id="notice", role="status"),
                html.Div(
                    [
                        html.Div([html.Div(id="settings"), html.Div(id="effects")], className="column"),
                        html.Div([_decision_panel(), html.Div(id="why")], className="column"),
                    ],
                    className="lead",
                ),
                html.Div(id="story", className="grid"),
                html.Div([html.Div(id="machine"), html.Div(id="trends")], className="halves"),
                html.Div(id="grounds", className="grid"),
                html.Div(id="ledger"),
            ]
        ),
        dcc.Interval(id="refresh", interval=REFRESH_S * 1000),
        dcc.Interval(id="tick", interval=TICK_S * 1000),
        *(dcc.Store(id=f"seen-{what}") for what in ("recommendation", "rows", "trend", "ledger")),
        *(dcc.Store(id=f"drawn-{what}") for what in DRAWN),
        dcc.Store(id="gate"),
    ]
    style: Any = {"fontFamily": theme.FONT, "primaryColor": "gray", "defaultRadius": "sm"}
    return dmc.MantineProvider(html.Div(content, className="page"), forceColorScheme="light", theme=style)


def _picker(facilities: list[str]) -> html.Div:
    """The choice of the facility; hidden if there is only one."""
    picker = dmc.Select(
        id="facility",
        data=facilities,
        value=facilities[0] if facilities else None,
        allowDeselect=False,
        size="sm",
        w=190,
        **parts.aria(label="Facility"),
    )
    return html.Div(picker, id="picker", hidden=len(facilities) < 2, className="picker")


def _decision_panel() -> html.Section:
    """The decision panel. Its inputs keep their content when the page is refreshed."""
    label = {"operator": "Operator", "comment": "Comment (needed to reject)"}
    buttons = [
        dmc.Button(
            "Accept", id="accept", className="accept", disabled=True, **parts.aria(describedby="reasons")
        ),
        dmc.Button("Hold", id="hold", variant="default", disabled=True),
        dmc.Button("Reject", id="reject", variant="default", disabled=True),
    ]
    back = [
        dmc.Button("Undo", id="undo", variant="subtle", size="compact-sm", disabled=True),
        dmc.Button("Restore settings", id="restore", variant="subtle", size="compact-sm", disabled=True),
    ]
    content = [
        dmc.TextInput(id="operator", label=label["operator"], placeholder="Your name"),
        dmc.Textarea(id="comment", label=label["comment"], autosize=True, minRows=2, maxRows=5),
        html.Div(buttons, className="buttons"),
        html.P(id="reasons", className="reasons"),
        html.Div(id="message", role="status"),
        html.Div(id="in-force"),
        html.Div(back, className="back"),
        html.P(
            "Decisions are recorded. Nothing is written to the machine: you set the values.", className="note"
        ),
    ]
    return parts.card("Decision", *content, wide="decision-panel")
