"""Coverage per output and region, and the hash of the rows."""

import jax.numpy as jnp
import numpy as np
from samples_surrogate import FACILITY, record

from surrogate import coverage
from surrogate.conformal import Band, Errors
from surrogate.fitting import Recipe
from surrogate.samples import Samples
from surrogate.support import support
from surrogate.train import train


def test_each_region_counts_its_own_rows():
    band = Band(jnp.array([1.0]), jnp.array([1.0]))
    observed = Errors(np.array([[0.5], [2.0], [np.nan], [0.1]]), np.zeros((4, 1)), np.arange(4))
    left = np.array([True, True, True, False])
    rows = coverage.table(
        ["flux"], band, observed, [{"all": left | True, "left": left, "none": left & False}]
    )
    found = {row["region"]: (row["n"], row["calibrated"]) for row in rows}
    assert found == {"all": (3, 2 / 3), "left": (2, 0.5), "none": (0, None)}


def test_regions_divide_the_rows_by_distance():
    points = np.random.default_rng(0).normal(size=(200, 2))
    data_support = support(points, np.zeros((200, 0)), np.full(2, 1e-6))
    where = coverage.regions(data_support, np.array([[0.0, 0.0], [9.0, 9.0]]), np.zeros((2, 0)))
    assert where["all"].all()
    assert where["within the data"].tolist() == [True, False]
    assert where["beyond them"].tolist() == [False, True]
    assert sum(where[k].sum() for k in ("within the data", "at their edge", "beyond them")) == 2


def test_each_third_has_a_third_of_the_measured_rows():
    masks = coverage.thirds(np.r_[np.arange(9.0), np.nan])
    assert [mask.sum() for mask in masks.values()] == [3, 3, 3]


def test_equal_rows_have_equal_hashes_and_other_rows_do_not():
    rows = Samples(np.arange(3.0), np.ones((3, 2)), np.ones((3, 1)), 1)
    moved = Samples(np.arange(3.0), np.ones((3, 2)), 2 * np.ones((3, 1)), 1)
    assert coverage.digest(rows) == coverage.digest(rows.cut(slice(None)))
    assert coverage.digest(rows) != coverage.digest(moved)


def test_the_card_has_the_coverage_per_output_and_region_the_span_and_the_hash_of_the_rows():
    card = train(FACILITY, [record(600)], recipe=Recipe(members=2, width=8, rounds=2)).card
    rows = {(r["target"], r["region"]): r for r in card["coverage_by_region"]}
    assert {name for name, _ in rows} == {"lifetime", "flux"}
    assert {region for _, region in rows} == {
        "all", "within the data", "at their edge", "beyond them", "low predicted", "middle predicted",
        "high predicted",
    }  # fmt: skip
    assert card["coverage"]["flux"] == rows["flux", "all"]["adapted"]
    assert rows["flux", "all"]["n"] == card["split"]["test_rows"]
    assert card["span"] == {"from": "2026-01-01T00:00:00+00:00", "to": "2026-01-26T00:00:00+00:00"}
    assert len(card["rows"]["sha256"]) == 64
    assert len(card["reference"]["flux"]) > 5
