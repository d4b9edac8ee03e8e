"""How the documentation site is built: ``make docs`` runs Sphinx with these settings, without network."""

import sys
from importlib.metadata import version as installed
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parent), str(HERE / "_ext")]

project = "beamtwin"
author = "the beamtwin authors"
release = installed("beamtwin")
extensions = ["myst_parser", "sphinx.ext.autodoc", "package_pages"]
source_suffix = {".md": "markdown", ".rst": "restructuredtext"}
exclude_patterns = ["_ext"]

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_preserve_defaults = True
python_maximum_signature_line_length = 88
suppress_warnings = ["ref.python"]  # short names of types in signatures may mean several classes

# Pages of the repository outside docs/ that the site shows as pages of its own, by the links to them.
OUTSIDE = {
    "../examples/README.md": "examples.md",
    "../CONTRIBUTING.md": "contributing.md",
    "../CHANGELOG.md": "changelog.md",
}

html_theme = "pydata_sphinx_theme"
html_title = "beamtwin"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_show_search_summary = False  # summaries are fetched, which a folder without a server refuses
html_copy_source = False
html_theme_options = {
    "header_links_before_dropdown": 7,
    "navbar_align": "left",
    "show_prev_next": False,
    "show_toc_level": 2,
    "navigation_with_keys": False,
    "footer_start": ["copyright"],
    "footer_end": [],
    "secondary_sidebar_items": ["page-toc"],
}
html_context = {"default_mode": "light"}
copyright = f"{author}, version {release}, BSD-3-Clause"


def inside(app, page, source: list[str]) -> None:
    """Links that work in the repository lead to the site's own page."""
    for outside, own in OUTSIDE.items():
        source[0] = source[0].replace(f"]({outside})", f"]({own})")


def setup(app) -> None:
    """Called by Sphinx."""
    app.connect("source-read", inside)
