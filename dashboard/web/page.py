"""The type of a page: each package in ``dashboard/web/pages`` defines one as ``PAGE``."""

from collections.abc import Callable
from dataclasses import dataclass

from dash import Dash
from dash.development.base_component import Component

from dashboard.app.sources.protocol import Source


@dataclass(frozen=True)
class Page:
    """One page. Each page is a separate Dash app, so callbacks and ids of pages cannot collide."""

    path: str  # "/" or "/name/"
    title: str
    layout: Callable[[Source], Component]  # the page before data is read
    register: Callable[[Dash, Source], None]  # adds its callbacks
