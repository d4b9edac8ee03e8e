"""Where the page reads from: what is damaged or of another machine is no data, and said to be none."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import samples_dashboard as samples

from dashboard.app.acceptance import barriers
from dashboard.app.sources.files import FileSource
from replay_data.runlog import write
from replay_data.synthesize import START, start_of
from twin import UserError


@pytest.fixture
def source(tmp_path, ring, ring_log):
    """A source with a recommendation that rests on a log at hand."""
    log = tmp_path / "ring.h5"
    shutil.copy(ring_log, log)
    made = samples.recommendation(evidence=samples.plain()["evidence"] | {"log": str(log)})
    source = FileSource(tmp_path)
    source.keep(made, ring)
    return source


def test_the_machine_is_what_its_log_last_saw(source, ring):
    state = source.state("storage-ring")
    assert {row["name"] for row in state["rows"]} >= {knob.name for knob in ring.knob}


@pytest.mark.parametrize("ends", ["now", "long ago"])
def test_a_log_that_was_synthesized_to_end_now_opens_accept(ends, tmp_path, ring, ring_record):
    log = tmp_path / "ring.h5"
    write(replace(ring_record, start=start_of(ring_record.hours / 24.0) if ends == "now" else START), log)
    last = {knob.name: float(ring_record.channel(knob.name).value[-1]) for knob in ring.knob}
    made = samples.recommendation(
        knobs=[knob | {"present": last[knob["name"]]} for knob in samples.knobs()],
        evidence=samples.plain()["evidence"] | {"log": str(log)},
    )
    source = FileSource(tmp_path)
    source.keep(made, ring)
    against = barriers(made, source.state("storage-ring"), datetime.now(UTC))
    assert ["stale" in reason for reason in against] == ([] if ends == "now" else [True])


@pytest.mark.parametrize(
    "text", ["", '{"schema": "beamtwin/recomm', "[]", '{"schema": "beamtwin/recommendation/1"}']
)
def test_a_damaged_recommendation_is_named_with_the_mend(source, text):
    path = source.folder / "recommendations" / "storage-ring.latest.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"latest\.json is no recommendation .* make a new one"):
        source.recommendation("storage-ring")


def test_a_log_of_another_facility_and_a_damaged_one_are_no_data(source, ring_log):
    path = source.folder / "recommendations" / "storage-ring.latest.json"
    made = json.loads(path.read_text()) | {"facility": "xfel-linac"}
    for end in ("latest", "facility"):
        shutil.copy(path.with_name(f"storage-ring.{end}.json"), path.with_name(f"xfel-linac.{end}.json"))
    path.with_name("xfel-linac.latest.json").write_text(json.dumps(made))
    assert source.state("xfel-linac") is None
    log = source.folder / "ring.h5"
    log.write_bytes(log.read_bytes()[:4096])
    assert source.state("storage-ring") is None


def test_a_recommendation_for_another_facility_is_not_shown_as_this_ones(source):
    stored = source.folder / "recommendations"
    stored.mkdir(exist_ok=True)
    (stored / "other.latest.json").write_text(json.dumps(samples.plain()))
    with pytest.raises(UserError, match="is a recommendation for 'storage-ring', not for 'other'"):
        source.recommendation("other")
