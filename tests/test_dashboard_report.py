"""The report: one file, whole, that asks for nothing."""

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
import samples_dashboard as samples
from dash import html

from controllers.recommendation import Recommendation, digest
from dashboard.reports import recommendation as report
from dashboard.text import words


class Page(HTMLParser):
    """Collects what a browser would fetch, and the text a person reads."""

    def __init__(self) -> None:
        super().__init__()
        self.resources: list[str] = []
        self.open: list[str] = []
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open.append(tag)
        self.resources += [
            value or "" for name, value in attrs if name in ("src", "href", "srcset", "action")
        ]

    def handle_endtag(self, tag: str) -> None:
        while self.open and self.open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        if not {"script", "style"} & set(self.open):
            self.text += data + "\n"


def read(path: Path) -> tuple[str, Page]:
    source, page = path.read_text(encoding="utf-8"), Page()
    page.feed(source)
    return source, page


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[Recommendation, Path]:
    made = samples.recommendation()
    return made, report.write_report(made, tmp_path_factory.mktemp("report") / "new" / "report.html")


def test_the_report_refers_to_nothing_outside_itself(written: tuple[Recommendation, Path]) -> None:
    source, page = read(written[1])
    assert page.resources == []
    style = re.search(r"<style>(.*?)</style>", source, re.S)
    assert style and not re.search(r"@import|url\((?!data:)", style[1])
    assert "default-src 'none'" in source


def test_plotly_is_inlined_once(written: tuple[Recommendation, Path]) -> None:
    source, _ = read(written[1])
    assert source.count("plotly.js v") == 1
    assert len(source) < 6_000_000


def test_the_report_says_all_the_numbers(written: tuple[Recommendation, Path]) -> None:
    made, path = written
    _, page = read(path)
    for row in made.effects:
        assert row.title in page.text
        assert words.interval(row.change.low, row.change.high, row.digits) in page.text
    for knob in made.knobs:
        assert knob.pv in page.text
        assert words.amount(knob.present, words.unit_of(knob.unit), knob.precision) in page.text
    evidence = made.evidence
    expected = [made.headline, *made.why, made.replay.summary, digest(made), "2.85\u00a0MV"]
    expected += [evidence.log_sha256, evidence.facility_sha256, evidence.model_sha256]
    expected += [words.number(row.proposed) for row in made.lost_hours]
    assert [text for text in expected if text not in page.text] == []


@pytest.mark.parametrize("made", [samples.hold(), samples.refuse(), samples.expired()])
def test_every_verdict_has_a_report(made: Recommendation, tmp_path: Path) -> None:
    _, page = read(report.write_report(made, tmp_path / "report.html"))
    assert made.headline in page.text


def test_markup_in_the_recommendation_stays_text(tmp_path: Path) -> None:
    evil = "</script><img src=x onerror=alert(1)>"
    knobs = samples.knobs()
    knobs[0]["title"] = evil
    made = samples.recommendation(headline=evil, knobs=knobs)
    source, page = read(report.write_report(made, tmp_path / "report.html"))
    assert "<img" not in source.replace(report.get_plotlyjs(), "") and page.resources == []
    assert evil in page.text


def test_a_failed_report_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text("old")
    half = samples.recommendation().model_copy(update={"replay": "half a replay"})
    with pytest.raises(AttributeError):
        report.write_report(half, path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_only_plain_html_becomes_html() -> None:
    block = html.Details(
        [html.Summary("more"), html.Br(), html.Span("a < b", className="x", style={"left": "4%"})]
    )
    assert report.to_html(block) == (
        '<details open><summary>more</summary><br><span class="x" style="left:4%">a &lt; b</span></details>'
    )
    with pytest.raises(TypeError, match="plain HTML and figures only, not Store"):
        from dash import dcc

        report.to_html(dcc.Store(id="s"))
