"""Every case with an exact answer, swept by one test: the estimate lies within 4.5 standard errors."""

import pytest
from cases_common_cause import CASES as COMMON_CAUSE
from cases_lifetimes import CASES as LIVES
from cases_maintenance import CASES as UPKEEP
from cases_metrics import CASES as METRICS
from cases_recovery import CASES as RECOVERY
from cases_standby import CASES as STANDBY
from cases_tree import CASES as TREE
from closed_form import Case, estimate

CASES = [*TREE, *COMMON_CAUSE, *LIVES, *METRICS, *RECOVERY, *STANDBY, *UPKEEP]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_reference_engine_meets_the_exact_value(case: Case):
    mean, error = estimate(case)
    assert abs(mean - case.exact) < 4.5 * error + case.bias, (mean, error, case.exact, case.formula)
