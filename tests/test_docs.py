"""The documentation: its links lead somewhere, every page has a place, and one failure has the figures it states."""

import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAGES = sorted(
    [*DOCS.glob("*.md"), *DOCS.glob("decisions/*.md"), *ROOT.glob("*.md"), ROOT / "examples/README.md"]
)
CURRENT = [page for page in PAGES if page.parent.name != "decisions"]  # decisions are history
SOURCES = "twin|replay_data|surrogate|controllers|dashboard"
PATH = re.compile(rf"`((?:{SOURCES}|tests|docs|examples|benchmarks)/[\w/.-]+\.(?:py|toml|md))`")
NAME = re.compile(rf"`((?:{SOURCES})(?:\.\w+)+)")
STUDY = re.compile(r"\bbenchmarks\.(\w+)")
LINK = re.compile(r"\]\(([^)\s#]+)(?:#[^)]*)?\)")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_of_a_page_leads_to_a_file(page):
    links = [link for link in LINK.findall(page.read_text()) if "://" not in link]
    assert [link for link in links if not (page.parent / link).exists()] == []


def missing(name: str) -> bool:
    """True where no module has the dotted name, or its file lacks a part behind the module. Nothing is imported."""
    parts = name.split(".")
    for cut in range(len(parts), 0, -1):
        stem = ROOT.joinpath(*parts[:cut])
        for file in (stem.with_suffix(".py"), stem / "__init__.py"):
            if file.is_file():
                text = file.read_text()
                return not all(re.search(rf"\b{part}\b", text) for part in parts[cut:])
    return True


def present(text: str) -> str:
    """A page without the first cells of its tables of renamed things, which name what was before."""
    table = re.compile(r"^\| version 0\.1 \|.*\n(?:\|.*\n)+", re.M)
    return table.sub(lambda found: re.sub(r"^\|[^|]*\|", "|", found.group(0), flags=re.M), text)


def test_only_what_was_before_is_left_out():
    page = "| version 0.1 | 0.2 |\n|---|---|\n| `twin.old` | `twin.new` |\n\n| `twin.kept` | `x` |\n"
    assert NAME.findall(present(page)) == ["twin.new", "twin.kept"]


@pytest.mark.parametrize("page", CURRENT, ids=lambda page: str(page.relative_to(ROOT)))
def test_what_a_page_names_of_the_sources_exists(page):
    text = present(page.read_text())
    assert [path for path in PATH.findall(text) if not (ROOT / path).exists()] == []
    assert [study for study in STUDY.findall(text) if not (ROOT / f"benchmarks/{study}.py").is_file()] == []
    assert [name for name in NAME.findall(text) if missing(name)] == []


def test_every_page_stands_in_the_contents_of_a_group():
    groups = re.findall(
        r"```\{toctree\}\n(.*?)```", "\n".join(p.read_text() for p in DOCS.glob("*.md")), re.S
    )
    listed = {line.strip() for group in groups for line in group.splitlines()}
    assert {page.stem for page in DOCS.glob("*.md")} - {"index"} <= listed


def test_one_failure_has_the_figures_that_its_page_states(monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path, str(DOCS)])
    import one_failure

    run, p, budget, hazards, edges = one_failure.simulated()
    failed = one_failure.first(run, "fail", 0.0, p)
    fixed, full = (one_failure.first(run, kind, failed, i) for kind, i in (("fixed", p), ("target", 0)))
    _, spent = one_failure.spent(run, hazards, edges, failed)
    assert spent[-1] == pytest.approx(budget, rel=2e-3)
    found = budget, hazards[0], failed, fixed, fixed - failed, full - failed
    assert found == pytest.approx((1.5816, 0.0124, 142.9988, 143.4139, 0.415, 0.805), rel=4e-3)
    page = (DOCS / "how-it-works.md").read_text()
    assert all(f"{value:.4f}" in page for value in (budget, failed, fixed))
    assert f"{full - failed:.3f}" in page and f"{hazards[0]:.4f}" in page
