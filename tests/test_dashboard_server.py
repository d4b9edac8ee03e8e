"""The web server: a page is one package, and all stand behind one guard."""

from pathlib import Path

import pytest
import samples_dashboard as samples

from dashboard.web import pages, server

HELLO = '''
"""A page of a test."""

from dash import Input, Output, html

from dashboard.web.page import Page


def register(app, source):
    """One callback."""

    @app.callback(Output("hello", "children"), Input("hello", "id"))
    def hello(_place):
        return f"{len(source.facilities())} facilities"


PAGE = Page("/hello/", "Hello", lambda source: html.P(id="hello"), register)
'''


@pytest.fixture
def source(tmp_path: Path) -> samples.Source:
    return samples.Source(
        samples.Ledger(tmp_path / "ledger.sqlite"), samples.recommendation(), samples.state()
    )


def test_another_page_is_one_more_package(source, tmp_path, monkeypatch):
    (tmp_path / "hello").mkdir()
    (tmp_path / "hello" / "__init__.py").write_text(HELLO)
    monkeypatch.setattr(pages, "__path__", [*pages.__path__, str(tmp_path)])
    assert [page.path for page in server.all_pages()] == ["/", "/hello/"]
    app = server.create_app(source)
    web = app.server.test_client()
    first, second = web.get("/"), web.get("/hello/")
    assert "beamtwin · Operate" in first.text and "beamtwin · Hello" in second.text
    policy = "Content-Security-Policy"
    assert first.headers[policy] == second.headers[policy] and "default-src 'none'" in first.headers[policy]
    assert "/hello/assets/operate.css" in second.text
    with web.get("/hello/assets/operate.css") as style:
        assert style.status_code == 200
    body = {
        "output": "hello.children", "outputs": {"id": "hello", "property": "children"}, "changedPropIds": [],
        "inputs": [{"id": "hello", "property": "id", "value": "hello"}],
    }  # fmt: skip
    answer = web.post("/hello/_dash-update-component", json=body)
    assert answer.json["response"]["hello"]["children"] == "1 facilities"
    assert "hello.children" not in app.callback_map  # the first page has callbacks of its own


def test_the_pages_of_the_product_have_a_path_a_title_and_a_layout(source):
    found = server.all_pages()
    assert found[0].path == "/" and len({page.path for page in found}) == len(found)
    for page in found:
        assert page.title and page.layout(source) is not None
        assert page.path == "/" or page.path.endswith("/")
