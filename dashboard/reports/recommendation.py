"""A recommendation as one self-contained HTML file, to read without a server, to mail and to print."""

import base64
from collections.abc import Iterable
from datetime import UTC, datetime
from html import escape
from importlib import resources
from pathlib import Path
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component
from plotly.offline import get_plotlyjs

from controllers.recommendation import Recommendation, digest
from dashboard.app.store.files import write_text
from dashboard.components import layout, parts, sections
from dashboard.text import words

ASSETS = resources.files("dashboard.web") / "assets"
NAMES = {"className": "class", "colSpan": "colspan", "tabIndex": "tabindex"}
VOID = {"br", "hr", "img"}
# No address is allowed, so the file cannot load anything.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; "
    "img-src data: blob:; font-src data:"
)
# Load the font first: plotly measures the labels when it draws.
DRAW = """
const plots = [...document.querySelectorAll("script[type='application/json']")].map((data) => {
  const figure = JSON.parse(data.textContent);
  const config = { displayModeBar: false, responsive: true };
  return [data.previousElementSibling, figure.data, figure.layout, config];
});
const fit = () => plots.forEach(([place]) => Plotly.Plots.resize(place));
const draw = () => Promise.all(plots.map((plot) => Plotly.newPlot(...plot)));
document.fonts.load("13px Inter").then(draw).then(fit);
addEventListener("beforeprint", fit);
"""


def write_report(recommendation: Recommendation, path: str | Path) -> Path:
    """Write the report of one recommendation; the file is written completely or not at all."""
    return write_text(document(recommendation), path)


def document(recommendation: Recommendation) -> str:
    """The report as HTML text, with plotly.js inlined once."""
    title = escape(f"{recommendation.title}: {recommendation.headline}")
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{title}</title>\n<style>{_style()}</style>\n<script>{get_plotlyjs()}</script>\n</head>\n"
        f"<body>\n{to_html(_body(recommendation))}\n<script>{DRAW}</script>\n</body>\n</html>\n"
    )


def _body(recommendation: Recommendation) -> html.Div:
    """The sections of the page without those on the present moment (machine, decision panel, ledger)."""
    made = [
        layout.verdict(recommendation),
        layout.settings(recommendation, None),
        sections.effects(recommendation),
        sections.why(recommendation),
        html.Div([*sections.story(recommendation), *sections.grounds(recommendation)], className="grid"),
    ]
    now = datetime.now(UTC)
    head = html.Header(
        [
            html.Div([html.Strong("beamtwin"), html.Span("Recommendation")], className="brand"),
            html.Dl(_facts(recommendation, now), className="facts"),
        ],
        className="top",
    )
    return html.Div([head, html.Main([section for section in made if section is not None])], className="page")


def _facts(recommendation: Recommendation, now: datetime) -> list[Any]:
    """The header of the report, with dates instead of ages."""
    support, evidence = recommendation.support, recommendation.evidence
    return [
        parts.fact("Mode", parts.chip("READ ONLY", "strong")),
        parts.fact("Data until", words.clock(evidence.log_end)),
        parts.fact("Model", evidence.model_id),
        parts.fact("Range of the logs", "inside" if support.inside else "outside", not support.inside),
        parts.fact("Expires", words.clock(recommendation.expires_at)),
        parts.fact("Written", words.clock(now.isoformat())),
        parts.fact("Recommendation", digest(recommendation)[:12]),
    ]


def _style() -> str:
    """The style sheet of the page, with the font inlined."""
    font = base64.b64encode((ASSETS / "inter.woff2").read_bytes()).decode()
    style = (ASSETS / "operate.css").read_text(encoding="utf-8")
    return style.replace('url("inter.woff2")', f"url(data:font/woff2;base64,{font})")


def to_html(node: Any) -> str:
    """Plain components as HTML text: tags, attributes, children, and figures as data for one script."""
    if node is None:
        return ""
    if isinstance(node, dcc.Graph):
        return _figure(node)
    if isinstance(node, Component):
        return _element(node)
    if isinstance(node, Iterable) and not isinstance(node, str):
        return "".join(to_html(child) for child in node)
    return escape(str(node))


def _element(node: Component) -> str:
    described = node.to_plotly_json()
    if described["namespace"] != "dash_html_components":
        raise TypeError(f"a report holds plain HTML and figures only, not {described['type']}")
    tag = described["type"].lower()
    props = dict(described["props"])
    children = props.pop("children", None)
    attributes = "".join(_attribute(key, value) for key, value in props.items())
    if tag == "details":
        attributes += " open"  # details cannot be opened on paper
    return f"<{tag}{attributes}>" if tag in VOID else f"<{tag}{attributes}>{to_html(children)}</{tag}>"


def _attribute(key: str, value: Any) -> str:
    if value is None or value is False:
        return ""
    if key == "style":
        value = ";".join(f"{name}:{setting}" for name, setting in value.items())
    name = NAMES.get(key, key)
    return f" {name}" if value is True else f' {name}="{escape(str(value), quote=True)}"'


def _figure(node: dcc.Graph) -> str:
    """A placeholder with the height of the figure, and its data for the script at the end."""
    props = node.to_plotly_json()["props"]
    figure, height = props["figure"], props["style"]["height"]
    data = figure.to_json().replace("<", "\\u003c")  # nothing in the data may end the script
    place = f'<div style="height:{height}"></div>'
    return f'{place}<script type="application/json">{data}</script>'
