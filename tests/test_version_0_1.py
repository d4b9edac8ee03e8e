"""A log and a model that version 0.1 wrote give what they gave.

Recommendations and ledgers: ``test_dashboard_first_version``, ``test_dashboard_decisions``.
"""

from pathlib import Path

import numpy as np
import pytest

from replay_data.check import check
from replay_data.runlog import open_log
from replay_data.view import LogView
from surrogate import registry
from twin import load

FILES = Path(__file__).parent / "version_0_1"


def test_a_log_gives_the_settings_faults_and_means_that_it_gave():
    with open_log(FILES / "ring.h5") as log:
        view = LogView(log, load("storage-ring"))
        assert view.present == pytest.approx([434.4374, 3.528, 0.5952, 4.7608])
        assert len(view.faults["start_h"]) == 4
        assert int(view.frame["steady"].sum()) == 53
        assert float(view.frame["lifetime"].mean()) == pytest.approx(23.38545219, rel=1e-8)
        assert not check(log, load("storage-ring")).fatal


def test_a_model_gives_the_predictions_hazards_and_support_that_it_gave():
    model = registry.load(folder=FILES / "models")
    settings = np.array([k.value for k in model.facility.knob])
    conditions = np.array([c.value for c in model.facility.condition])
    output = model.law(settings, conditions)
    assert np.asarray(output.quantity) == pytest.approx([19.3015807, 7.03890442953e11], rel=1e-6)
    assert np.asarray(output.hazard) == pytest.approx(
        [3.255621683e-2, 3.490658504e-5, 3.490658504e-5], rel=1e-6
    )
    assert float(model.law.support(settings, conditions)) == pytest.approx(0.383368648, rel=1e-6)
    _, low, high = model.law.predict(settings, conditions)
    assert np.asarray(low) == pytest.approx([18.3376219, 6.60792572178e11], rel=1e-6)
    assert np.asarray(high) == pytest.approx([20.3162122, 7.49799220727e11], rel=1e-6)
