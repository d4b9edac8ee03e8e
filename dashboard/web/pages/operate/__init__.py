"""The page Operate: one recommendation, its evidence, and the decision on it."""

from dashboard.web.page import Page
from dashboard.web.pages.operate import callbacks, layout

PAGE = Page(
    path="/",
    title="Operate",
    layout=lambda source: layout.skeleton(source.facilities()),
    register=callbacks.register,
)
