"""Where the page reads from: what is damaged or of another machine is no data, and said to be none."""

import json
import shutil
from dataclasses import replace
from datetime import UTC, datetime

import pytest
import samples_dashboard as samples

from dashboard.app.acceptance import barriers
from dashboard.app.sources.files import Shelf
from replay_data.runlog import write
from replay_data.synthesize import START, start_of
from twin import UserError


@pytest.fixture
def shelf(tmp_path, ring, ring_log):
    """A shelf with a recommendation that rests on a log at hand."""
    log = tmp_path / "ring.h5"
    shutil.copy(ring_log, log)
    made = samples.recommendation()
    made["evidence"] |= {"log": str(log)}
    shelf = Shelf(tmp_path)
    shelf.keep(made, ring)
    return shelf


def test_the_machine_is_what_its_log_last_saw(shelf, ring):
    state = shelf.state("storage-ring")
    assert {row["name"] for row in state["rows"]} >= {knob.name for knob in ring.knob}


@pytest.mark.parametrize("ends", ["now", "long ago"])
def test_a_log_that_was_synthesized_to_end_now_opens_accept(ends, tmp_path, ring, ring_record):
    log = tmp_path / "ring.h5"
    write(replace(ring_record, start=start_of(ring_record.hours / 24.0) if ends == "now" else START), log)
    made = samples.recommendation()
    last = {knob["name"]: float(ring_record.channel(knob["name"]).value[-1]) for knob in made["knobs"]}
    made["knobs"] = [knob | {"present": last[knob["name"]]} for knob in made["knobs"]]
    made["evidence"] |= {"log": str(log)}
    shelf = Shelf(tmp_path)
    shelf.keep(made, ring)
    against = barriers(made, shelf.state("storage-ring"), datetime.now(UTC))
    assert ["stale" in reason for reason in against] == ([] if ends == "now" else [True])


@pytest.mark.parametrize(
    "text", ["", '{"schema": "beamtwin/recomm', "[]", '{"schema": "beamtwin/recommendation/1"}']
)
def test_a_damaged_recommendation_is_named_with_the_mend(shelf, text):
    path = shelf.folder / "recommendations" / "storage-ring.latest.json"
    path.write_text(text)
    with pytest.raises(UserError, match=r"latest\.json is no recommendation .* make a new one"):
        shelf.recommendation("storage-ring")


def test_a_log_of_another_facility_and_a_damaged_one_are_no_data(shelf, ring_log):
    path = shelf.folder / "recommendations" / "storage-ring.latest.json"
    made = json.loads(path.read_text()) | {"facility": "xfel-linac"}
    for end in ("latest", "facility"):
        shutil.copy(path.with_name(f"storage-ring.{end}.json"), path.with_name(f"xfel-linac.{end}.json"))
    path.with_name("xfel-linac.latest.json").write_text(json.dumps(made))
    assert shelf.state("xfel-linac") is None
    log = shelf.folder / "ring.h5"
    log.write_bytes(log.read_bytes()[:4096])
    assert shelf.state("storage-ring") is None
