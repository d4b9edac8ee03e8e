"""The page in a real browser: what it shows, what it asks for, and what it lets a person decide."""

import itertools
import logging
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import samples_dashboard as samples
from samples_dashboard import Source
from werkzeug.serving import make_server

from controllers.recommendation import digest
from dashboard.app import acceptance as gate
from dashboard.app.refusals import Decision
from dashboard.app.roles import Person
from dashboard.app.store.ledger import Ledger
from dashboard.web import server as web
from dashboard.web.pages.operate import callbacks as page
from twin import UserError

CHROMIUM = Path("/usr/bin/chromium")
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
]
NUMBERS = itertools.count(1)
FLAGS += ["--disable-component-update", "--disable-sync"]


@contextmanager
def serving(source: Source) -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.ERROR)
    server = make_server("127.0.0.1", 0, web.create_app(source).server, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def source(tmp_path: Path) -> Source:
    return Source(Ledger(tmp_path / "ledger.sqlite"), samples.recommendation(), samples.state())


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        pytest.skip("the browser tests need Playwright for Python, which is not installed")
    if not CHROMIUM.exists():
        pytest.skip(f"the browser tests need Chromium at {CHROMIUM}, which is not installed")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=str(CHROMIUM), args=FLAGS)
        yield chromium.new_context(viewport={"width": 1600, "height": 1000})
        chromium.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Source, str]]:
    """One server for the browser tests: the second page comes out of the browser's cache."""
    shared = Source(Ledger(tmp_path_factory.mktemp("page") / "ledger.sqlite"), None, None)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("dashboard.web.pages.operate.layout.REFRESH_S", 1)
        with serving(shared) as address:
            yield shared, address


@pytest.fixture(scope="module")
def tab(browser: Any, served: tuple[Source, str]) -> Iterator[Any]:
    """One open page for all tests; in the end no error was logged and nothing outside was asked for."""
    address = served[1]
    tab = browser.new_page()
    errors: list[str] = []
    asked: list[str] = []
    tab.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    tab.on("pageerror", lambda error: errors.append(str(error)))
    tab.on("request", lambda request: asked.append(request.url))
    tab.goto(address)
    yield tab
    tab.close()
    assert errors == []
    assert [url for url in asked if not url.startswith((address, "data:", "blob:"))] == []


@pytest.fixture
def view(tab: Any, served: tuple[Source, str], source: Source) -> Any:
    """The open page, showing ``source``; ``source.show()`` shows it again after a change."""
    source.made = samples.recommendation(headline=f"Recommendation {next(NUMBERS)}.")
    source.show = lambda: vars(served[0]).update(vars(source))
    source.show()
    assert says(tab, "#verdict", source.made.headline)
    tab.wait_for_selector("#accept:enabled")
    return tab


def decide(view: Any, action: str, operator: str = "M. Okada", comment: str = "") -> None:
    """Fill the decision panel and press a button."""
    view.fill("#operator", operator)
    view.fill("#comment", comment)
    view.click(f"#{action}:enabled")


def says(view: Any, place: str, text: str) -> bool:
    """Wait until a place of the page says a text."""
    view.wait_for_function(
        "([place, text]) => document.querySelector(place)?.innerText.includes(text)", arg=[place, text]
    )
    return True


def test_the_page_shows_the_whole_story_without_an_error(view: Any, source: Source) -> None:
    assert source.made is not None
    view.wait_for_function("() => document.querySelectorAll('.js-plotly-plot .main-svg').length >= 6")
    text, settings = view.inner_text("body"), view.inner_text("#settings")
    assert "READ ONLY" in text and "6 min old" in text and "storage-ring-0007" in text
    assert "inside (1.4 of 3.0)" in text and source.made.headline in text
    assert "RF voltage\nSR:RF:VOLTAGE:SET" in settings
    assert "2.85\u00a0MV" in settings and "+0.58 … +1.29" in settings
    assert source.made.replay.summary in text and source.made.evidence.log_sha256 in text
    assert not view.is_visible("#facility")
    for width in (1600, 1280, 800):
        view.set_viewport_size({"width": width, "height": 1000})
        view.wait_for_function("width => document.documentElement.scrollWidth <= width", arg=width)


def test_accepting_writes_to_the_ledger_and_can_be_undone(view: Any, source: Source) -> None:
    decide(view, "accept", comment="at the next fill")
    assert says(view, "#message", "Recorded as entry 1: accept, by M. Okada.")
    assert says(view, "#ledger", "at the next fill")
    assert says(view, "#reasons", "Undo that first") and view.is_disabled("#accept")
    assert says(view, "#in-force", "Previous: Stored current 430.0\u00a0mA")
    view.click("#undo:enabled")
    assert says(view, "#message", "entry 2: undo")
    assert [entry["decision"] for entry in source.ledger.entries()] == ["undo", "accept"]
    assert source.ledger.entries()[1]["recommendation"] == source.made


def test_rejecting_needs_a_comment_and_every_decision_a_name(view: Any, source: Source) -> None:
    decide(view, "reject")
    assert says(view, "#message", "needs a comment")
    decide(view, "hold", operator="")
    assert says(view, "#message", "name is empty")
    assert source.ledger.entries() == []
    decide(view, "reject", comment="Klystron 3 is in conditioning.")
    assert says(view, "#message", "Recorded as entry 1: reject")
    assert source.ledger.entries()[0]["comment"] == "Klystron 3 is in conditioning."


def test_stale_data_closes_accepting_and_says_why(view: Any, source: Source) -> None:
    source.now = samples.state(age_h=9.5, stale=True)
    source.show()
    view.wait_for_selector("#accept:disabled")
    assert says(view, "#reasons", "The machine data is stale: 9 h 30 min old.") and view.is_enabled("#hold")
    assert says(view, "#facts", "9 h 30 min old, stale") and says(view, "#alerts", "stale")


def test_holding_refusing_expired_and_missing_advice_appear_by_themselves(view: Any, source: Source) -> None:
    for made, said in (
        (samples.hold(), "there is nothing to set"),
        (samples.refuse(), "gives no advice"),
        (samples.expired(), "expired on"),
        (None, "There is no recommendation yet"),
    ):
        source.made = made
        source.show()
        assert says(view, "#reasons", said) and view.is_disabled("#accept")
        assert says(view, "#verdict h1", made.headline if made else "No recommendation yet")


@pytest.mark.parametrize("silence", [lambda route: route.abort(), lambda route: None], ids=["down", "hung"])
def test_a_silent_server_disables_the_decision_panel(
    browser: Any, served: tuple[Source, str], source: Source, silence: Any
) -> None:
    vars(served[0]).update(vars(source))
    tab = browser.new_page()
    tab.clock.install()
    tab.goto(served[1])
    tab.wait_for_selector("#accept:enabled")
    tab.route("**/_dash-update-component*", silence)
    for _ in range(20):  # an answer that was already under way may come yet, and is heard
        tab.clock.fast_forward(60_000)
        tab.wait_for_timeout(500)
        if tab.is_disabled("#accept"):
            break
    assert tab.is_disabled("#accept") and "Disconnected" in tab.inner_text("#lost")
    tab.close()


def test_what_is_not_all_on_the_page_cannot_be_decided_on(
    browser: Any, served: tuple[Source, str], source: Source
) -> None:
    """Of a newer recommendation one section gets no answer: the old settings stand beside the new headline."""
    vars(served[0]).update(vars(source))
    tab = browser.new_page()
    tab.goto(served[1])
    tab.wait_for_selector("#accept:enabled")
    tab.route(
        "**/_dash-update-component*",
        lambda route: None if "drawn-settings" in (route.request.post_data or "") else route.fallback(),
    )
    served[0].made = samples.recommendation(headline="Another one.")
    assert says(tab, "#verdict", "Another one.")
    tab.wait_for_selector("#accept:disabled")
    assert says(tab, "#reasons", "newest recommendation is still being loaded") and tab.is_disabled("#hold")
    tab.close()


def test_a_facility_that_comes_later_appears_by_itself(view: Any, source: Source) -> None:
    source.names = []
    source.show()
    assert says(view, "#verdict h1", "No recommendation yet")
    source.names = ["storage-ring", "xfel-linac"]
    source.show()
    assert says(view, "#verdict h1", "Recommendation")
    view.wait_for_selector("#facility:visible")
    assert view.input_value("#facility") == "storage-ring"
    assert view.get_attribute("#facility", "aria-label") == "Facility"


def asked(action: str, name: str, seen: str, known: int | None = None) -> Decision:
    """A decision as the page asks for it."""
    return Decision("storage-ring", action, Person(name), "", seen, known)


def test_a_decision_on_a_page_that_is_out_of_date_is_refused(source: Source) -> None:
    shown = digest(source.made)
    source.made = samples.recommendation(headline="A newer one.")
    answer, number = page.decision(source, asked("accept", "M. Okada", shown))
    assert number is None and "newer recommendation" in answer
    assert source.ledger.entries() == []


@pytest.mark.parametrize("age_h, stale", [(0.1, False), (3.0, True)])
def test_the_server_itself_refuses_to_accept_what_the_gate_closes(
    source: Source, age_h: float, stale: bool
) -> None:
    source.now = samples.state(age_h, stale)
    _, number = page.decision(source, asked("accept", "M. Okada", digest(source.made)))
    assert (number is None) == stale


def test_the_gate_names_every_reason_at_once() -> None:
    now = datetime.now(UTC) + timedelta(hours=9)
    state = samples.state(3.0, True)
    state["rows"][1]["value"] = 3.1
    reasons = gate.barriers(samples.recommendation(), state, now)
    assert len(reasons) == 3
    assert "expired" in reasons[0] and "stale: 3 h old" in reasons[1]
    assert reasons[2] == "RF voltage is now 3.10\u00a0MV; the recommendation started from 3.40."
    assert gate.barriers(samples.recommendation(), samples.state(), datetime.now(UTC)) == []
    assert gate.barriers(None, state, now) == ["There is no recommendation yet."]


def test_the_gate_is_closed_by_what_is_damaged_unknown_or_from_the_future() -> None:
    now, made = datetime.now(UTC), samples.recommendation()
    broken = [samples.knobs()[0] | {"proposed": None}, *samples.knobs()[1:]]
    with pytest.raises(UserError, match=r"knobs\.0\.proposed = None"):
        samples.recommendation(knobs=broken)
    for value in (None, float("nan")):
        state = samples.state()
        state["rows"][1]["value"] = value
        assert gate.barriers(made, state, now) == ["RF voltage is not known now."]
    state = samples.state()
    del state["rows"][1]
    assert gate.barriers(made, state, now) == ["RF voltage is not known now."]
    (early,) = gate.barriers(made, samples.state(age_h=-9.0), now)
    assert "9 h from the future" in early


@pytest.mark.parametrize("action", ["undo", "restore"])
def test_nobody_takes_back_a_decision_that_they_have_not_seen(source: Source, action: str) -> None:
    seen = samples.decide(source.ledger, source.made, "hold", "A. Berg")
    samples.decide(source.ledger, source.made, "accept", "C. Diaz")
    shown = digest(source.made)
    answer, number = page.decision(source, asked(action, "A. Berg", shown, seen))
    assert number is None and "somebody has decided since" in answer
    _, number = page.decision(source, asked(action, "A. Berg", shown, source.ledger.newest()[0]))
    assert number == 3


def ask(address: str, method: str = "GET", **headers: str) -> tuple[int, Any, bytes]:
    request = urllib.request.Request(
        address, method=method, headers=headers, data=b"{}" if method == "POST" else None
    )
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.headers, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers, error.read()


def test_every_answer_carries_the_security_headers_and_scripts_are_compressed(source: Source) -> None:
    with serving(source) as address:
        _, headers, html = ask(address, **{"Accept-Encoding": "gzip"})
        script = next(part for part in html_of(html).split('"') if "/dash_core_components.v" in part)
        _, script_headers, _ = ask(address + script, **{"Accept-Encoding": "gzip"})
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "sha256-" in policy
    assert "unsafe" not in policy.split("style-src")[0]
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")
    assert script_headers["Content-Encoding"] == "gzip"


def html_of(body: bytes) -> str:
    import gzip

    return (gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body).decode()


def test_a_post_from_another_origin_is_turned_away(source: Source) -> None:
    with serving(source) as address:
        post = address + "/_dash-update-component"
        assert ask(post, "POST", Origin="http://elsewhere.example")[0] == 403
        assert ask(post, "POST", Origin="null")[0] == 403
        assert ask(post, "POST", **{"Sec-Fetch-Site": "cross-site"})[0] == 403
        assert ask(post, "POST", Origin=address)[0] != 403


def test_the_ledger_can_be_taken_along_as_csv(source: Source) -> None:
    assert source.made is not None
    samples.decide(source.ledger, source.made, "hold", "M. Okada", "wait")
    with serving(source) as address:
        status, headers, body = ask(address + "/ledger.csv")
    assert status == 200 and headers["Content-Type"].startswith("text/csv")
    assert body.decode() == source.ledger.export_csv()
