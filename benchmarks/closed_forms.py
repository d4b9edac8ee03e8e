"""Every case with an exact answer, estimated anew: writes the table docs/closed-forms.md and prints it.

python benchmarks/closed_forms.py
"""

import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests")]

from closed_form import Case, estimate  # noqa: E402
from rich.progress import track  # noqa: E402
from test_twin_closed_form_cases import CASES  # noqa: E402

from twin import batched  # noqa: E402
from twin.supported import lacking  # noqa: E402

HEAD = """# Closed forms: exact values and the twin's estimates

Written by `benchmarks/closed_forms.py`; `tests/test_twin_closed_form_cases.py` tests every row to 4.5 standard errors.
The interval is 90 % (Student's t over the runs); of so many, one in ten may miss. "both": the batched engine was run
too and gave the same to 1e-9; "reference": the batched engine refuses the feature, in words.

| case | exact | estimate | 90 % interval | engines | formula |
|---|---|---|---|---|---|
"""


def engines(case: Case, mean: float) -> str:
    if lacking(case.facility):
        return "reference"
    other, _ = estimate(case, batched.simulate)
    assert abs(other - mean) < 1e-9 * max(abs(mean), 1.0), (case.name, mean, other)
    return "both"


def row(case: Case) -> tuple[str, bool]:
    mean, error = estimate(case)
    half = 1.70 * error  # t of 31 degrees of freedom at 95 %: 1.696
    covered = abs(mean - case.exact) <= half
    figures = f"{case.exact:.4g} | {mean:.4g} | {mean - half:.4g} ... {mean + half:.4g}"
    return f"| {case.name} | {figures} | {engines(case, mean)} | {case.formula} |", covered


def main() -> None:
    rows, covered = zip(*(row(case) for case in track(CASES, "cases")), strict=True)
    tail = f"\n{len(CASES)} cases; the 90 % interval covers the exact value in {sum(covered)}.\n"
    page = HEAD + "\n".join(rows) + "\n" + tail
    (ROOT / "docs" / "closed-forms.md").write_text(page)
    print(page)


if __name__ == "__main__":
    main()
