"""What a page is: a package in ``dashboard/web/pages`` whose ``PAGE`` says where it is and what draws it."""

from collections.abc import Callable
from dataclasses import dataclass

from dash import Dash
from dash.development.base_component import Component

from dashboard.app.sources.protocol import Source


@dataclass(frozen=True)
class Page:
    """One page. It is a Dash app of its own, so no page's callbacks or ids can disturb another's."""

    path: str  # "/" or "/name/"
    title: str
    layout: Callable[[Source], Component]  # the page before anything is read
    register: Callable[[Dash, Source], None]  # adds its callbacks
