"""The document of a recommendation: read as it was written, in both versions; damaged, it is refused in one line."""

import json
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
import samples_dashboard as samples
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from samples_first_version import OLD, OLD_DIGEST, V1

from controllers.recommendation import Recommendation, digest, from_json, read
from twin import UserError

PUBLISHED = Path(__file__).parent.parent / "docs" / "recommendation.schema.json"

V2: dict[str, Any] = json.loads(json.dumps(samples.plain()))
NOT_ALWAYS = {
    "unranked", "shared_gain", "held_back", "parameters_share", "confirmed", "round_h", "risk", "rank",
    "reproduced", "score_name", "baseline_name",
}  # fmt: skip
"""Keys that were added during version 1, or that only some verdicts have."""
NOT_READ = [
    ("knobs", 0, "ramp_h"), ("effects", 0, "proposed"), ("evidence", "log_hours"), ("when", "at_h"),
    ("when", "moments", 0, "gain"), ("skill", 0, "low"), ("skill", 0, "high"), ("skill", 0, "r2"),
]  # fmt: skip
"""Places of version 1 that are not read, since another place implies them or the model card holds them."""


def places(values: Any, way: tuple = ()) -> list[tuple]:
    """The path of every key, of the first row of each list."""
    if isinstance(values, dict):
        rows = values.items()
    else:
        rows = list(enumerate(values))[:1] if isinstance(values, list) else []
    return [place for key, value in rows for place in [(*way, key), *places(value, (*way, key))]]


def without(values: Any, place: tuple) -> Any:
    """The values without one key."""
    damaged = deepcopy(values)
    at(damaged, place[:-1]).pop(place[-1])
    return damaged


def having(values: Any, place: tuple, value: Any) -> Any:
    """The values with another value in one place."""
    damaged = deepcopy(values)
    at(damaged, place[:-1])[place[-1]] = value
    return damaged


def at(values: Any, place: tuple) -> Any:
    for key in place:
        values = values[key]
    return values


def refusal(values: Any) -> str:
    """The line with which damaged values are refused."""
    with pytest.raises(UserError) as refused:
        from_json(values, "made.json")
    (line,) = str(refused.value).splitlines()
    assert line.startswith("made.json is no recommendation that can be read: ")
    assert line.endswith("; make a new one with `beamtwin recommend`")
    return line


def keys(values: Any) -> list[tuple]:
    """The paths of all keys that a document of this version must have."""
    named = [place for place in places(values) if isinstance(place[-1], str)]
    return [p for p in named if p[-2:-1] not in (("settings",), ("expected",))]


@pytest.mark.parametrize("made", [samples.recommendation(), samples.hold(), samples.refuse()])
def test_a_document_is_read_as_it_was_written(made, tmp_path):
    path = tmp_path / "made.json"
    path.write_text(json.dumps(made.stored(), indent=1))
    again = read(path)
    assert again == made and again.model_dump() == made.model_dump()
    assert digest(again) == digest(made) == digest(json.loads(path.read_text()))


def test_a_document_has_the_same_digest_before_and_after_it_is_written():
    made = Recommendation(**dict(samples.recommendation()))
    assert digest(made) == digest(json.loads(json.dumps(made.stored())))
    assert made.stored()["schema"] == "beamtwin/recommendation/2"


def test_a_file_of_version_1_is_read_and_keeps_its_digest():
    made = read(OLD)
    assert digest(made) == digest(V1) == OLD_DIGEST and made.stored() == V1
    beam = next(row for row in V1["effects"] if row["metric"] == "useful_beam")
    assert made.gain is not None and made.gain.model_dump() == {
        "mean": beam["change"], "low": beam["low"], "high": beam["high"],
    }  # fmt: skip
    assert [knob.proposed for knob in made.knobs] == [row["proposed"] for row in V1["knobs"]]
    assert [knob.ramp_h for knob in made.knobs] == pytest.approx([row["ramp_h"] for row in V1["knobs"]])
    assert [row.proposed for row in made.effects] == pytest.approx([r["proposed"] for r in V1["effects"]])
    moments = {row["name"]: row["gain"]["mean"] for row in V1["when"]["moments"]}
    assert {row.name: row.gain.mean for row in made.moments} == moments
    assert made.when is not None and made.when.begin.name == V1["when"]["start"]
    lifetime, power = made.limits
    assert lifetime.predicted is not None and lifetime.predicted.low == V1["limits"][0]["predicted_low"]
    assert power.predicted is not None and power.predicted.low is power.predicted.high is None  # exact
    assert made.support.place == "edge" and made.support.inside
    assert made.evidence.log_hours == V1["evidence"]["log_hours"]
    assert made.replay is not None and made.replay.summary == V1["replay"]["same_luck"]
    assert len(made.replay.timeline.record) == len(V1["replay"]["timeline"]["record"])


def test_keys_that_were_added_during_version_1_may_be_missing():
    early = deepcopy(V1)
    for place in sorted(keys(V1), key=len, reverse=True):
        if place[-1] in NOT_ALWAYS:
            at(early, place[:-1]).pop(place[-1])
    made = from_json(early, "made.json")
    assert made.candidates[0].rank is None and made.confirmed is None and made.evidence.risk is None
    assert digest(made) == digest(early)


@pytest.mark.parametrize("place", keys(V2), ids=str)
def test_every_key_that_is_missing_is_named(place):
    line = refusal(without(V2, place))
    assert f"{'.'.join(map(str, place))}: the key is missing" in line or place == ("schema",)


@pytest.mark.parametrize("place", keys(V1), ids=str)
def test_every_key_that_is_missing_in_version_1_is_named(place):
    if place[-1] in NOT_ALWAYS or any(place[: len(known)] == known for known in NOT_READ):
        from_json(without(V1, place), "made.json")
    else:
        line = refusal(without(V1, place))
        assert str(place[-1]) in line and ("missing" in line or place == ("schema",))


@pytest.mark.parametrize("values", [V1, V2], ids=["version 1", "version 2"])
@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), "many", [1.0], True])
def test_a_value_that_is_no_number_is_named(values, wrong):
    for place in [("knobs", 1, "proposed"), ("ramp", 0, "at_h"), ("candidates", 0, "gain", "low")]:
        line = refusal(having(values, place, wrong))
        assert f"{'.'.join(map(str, place))}" in line and "number" in line
        assert isinstance(wrong, list) or f" = {wrong!r}:" in line


def test_an_unknown_key_is_named_with_the_number_of_further_defects():
    damaged = having(V2, ("knobs", 0, "colour"), "blue") | {"unranked": -1}
    assert "knobs.0.colour = 'blue': Extra inputs are not permitted (and 1 more)" in refusal(damaged)


@pytest.mark.parametrize("schema", [None, 2, "beamtwin/recommendation/3", "beamtwin/outcome/1"])
def test_another_schema_is_refused_with_those_that_are_known(schema):
    line = refusal(V2 | {"schema": schema})
    assert f"schema = {schema!r}: expected beamtwin/recommendation/1 or beamtwin/recommendation/2" in line


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '"change"', '{"schema": "beamtwin/recommendation/2"}']
)
def test_a_file_without_a_recommendation_is_refused_in_one_line(text, tmp_path):
    path = tmp_path / "made.json"
    path.write_text(text)
    with pytest.raises(
        UserError, match=r"made\.json is no recommendation that can be read: .*make a new one"
    ):
        read(path)
    with pytest.raises(UserError, match=r"gone\.json is no recommendation .*No such file"):
        read(tmp_path / "gone.json")


def test_a_change_says_when_to_begin_and_what_it_promises():
    assert "a change must state when to begin" in refusal(V2 | {"when": None})
    assert "a change must state its effect on 'useful_beam'" in refusal(V2 | {"effects": V2["effects"][1:]})


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(-3, 3), st.floats(), st.text(max_size=5), st.just([]), st.just({}),
    st.lists(st.integers(0, 3), max_size=2), st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([V1, V2]).flatmap(lambda v: st.tuples(st.just(v), st.sampled_from(places(v)), JUNK)))
def test_any_value_in_any_place_is_read_or_refused_in_one_line(damage):
    values, place, junk = damage
    damaged = having(values, place, junk)
    try:
        made = from_json(damaged, "made.json")
    except UserError:
        refusal(damaged)
    else:
        assert digest(made) == digest(damaged)
        json.dumps(made.model_dump(mode="json"), allow_nan=False)


def test_a_document_does_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        samples.recommendation().verdict = "hold"


def test_the_published_schema_is_that_of_the_code():
    """Written by ``make schemas``."""
    assert json.loads(PUBLISHED.read_text()) == Recommendation.model_json_schema()


def test_the_schema_says_what_every_key_is():
    schema = Recommendation.model_json_schema()
    tables = [schema, *schema["$defs"].values()]
    names = {name: part for table in tables for name, part in table["properties"].items()}
    assert {n for n, part in names.items() if "description" not in part and "$ref" not in part} <= {"metrics"}


def test_steps_that_state_other_quantities_than_the_first_are_refused():
    plain = samples.plain()
    plain["ramp"][-1]["expected"].popitem()
    with pytest.raises(UserError, match=r"ramp\.\d+\.expected: every step must state the same quantities"):
        from_json(plain, "here")


def test_a_deeply_nested_file_is_refused_in_one_line(tmp_path):
    (tmp_path / "deep.json").write_text("[" * 200_000)
    with pytest.raises(UserError, match="is no recommendation that can be read"):
        read(tmp_path / "deep.json")
