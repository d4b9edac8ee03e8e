"""The web server: the pages, the HTTP API and the download of the ledger."""

import pkgutil
from importlib import import_module
from typing import Any

from dash import Dash
from flask import Flask, Response

from dashboard.api import http
from dashboard.app.jobs import Jobs
from dashboard.app.sources.protocol import Source
from dashboard.web import guard, pages
from dashboard.web.page import Page

INDEX = """<!DOCTYPE html>
<html lang="en">
<head>{%metas%}<title>{%title%}</title>{%favicon%}{%css%}</head>
<body>{%app_entry%}<footer>{%config%}{%scripts%}{%renderer%}</footer></body>
</html>"""
VIEWPORT = {"name": "viewport", "content": "width=device-width, initial-scale=1"}


def create_app(source: Source, jobs: Jobs | None = None) -> Dash:
    """The dashboard of a source, as the Dash app of its first page; ``app.server`` is the Flask application.

    Without ``jobs`` the API offers no analyses.
    """
    server: Any = Flask("dashboard.web", static_folder=None)  # the annotation of Dash does not accept Flask
    apps = [_app(page, server, source) for page in all_pages()]
    server.register_blueprint(http.blueprint(source, jobs))

    @server.get("/ledger.csv")
    def ledger_csv() -> Response:
        headers = {"Content-Disposition": "attachment; filename=ledger.csv", "Cache-Control": "no-store"}
        return Response(source.ledger.export_csv(), mimetype="text/csv", headers=headers)

    guard.protect(server, apps)
    return apps[0]


def all_pages() -> list[Page]:
    """The page of each package in ``dashboard/web/pages``, the one at ``/`` first."""
    found = [
        import_module(f"{pages.__name__}.{module.name}").PAGE
        for module in pkgutil.iter_modules(pages.__path__)
    ]
    return sorted(found, key=lambda page: page.path)


def _app(page: Page, server: Any, source: Source) -> Dash:
    app = Dash(
        "dashboard.web",
        server=server,
        url_base_pathname=page.path,
        title=f"beamtwin · {page.title}",
        update_title="",
        index_string=INDEX,
        add_log_handler=False,
        enable_mcp=False,
        meta_tags=[VIEWPORT],
    )
    app.layout = lambda: page.layout(source)
    page.register(app, source)
    return app
