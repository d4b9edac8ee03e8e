"""The page where a person sees one recommendation, its evidence, and decides."""

from dashboard.web.page import Page
from dashboard.web.pages.operate import callbacks, layout

PAGE = Page(
    path="/",
    title="Operate",
    layout=lambda source: layout.skeleton(source.facilities()),
    register=callbacks.register,
)
