"""The registry and the monitor at the command line."""

import json
from dataclasses import replace

import pytest
from samples_dashboard import plain, recommendation

from dashboard.cli.main import main
from dashboard.components import layout
from replay_data.runlog import write
from surrogate import Trained, registry


@pytest.fixture
def pair(tmp_path, monkeypatch, ring_model):
    """A home with the ring model twice; the older one's id and the newer one's."""
    monkeypatch.setenv("BEAMTWIN_HOME", str(tmp_path / "home"))
    return [registry.save(ring_model.law, ring_model.entry.card, ring_model.facility).id for _ in range(2)]


@pytest.fixture(scope="module")
def later_log(ring_record, tmp_path_factory):
    """The same record, said to be of a year later."""
    path = tmp_path_factory.mktemp("later") / "later.h5"
    write(replace(ring_record, start="2027-06-01T00:00:00+00:00"), path)
    return path


def told(capsys, *arguments, status=0) -> str:
    assert main([str(a) for a in arguments]) == status
    return capsys.readouterr().out


def refused(capsys, *arguments) -> str:
    assert main([str(a) for a in arguments]) == 2
    return capsys.readouterr().err


def line_of(said, identity) -> str:
    return next(line for line in said.splitlines() if line.startswith(identity))


def test_the_list_says_which_model_is_in_service_and_promote_and_rollback_change_that(pair, capsys):
    old, new = pair
    said = told(capsys, "models")
    assert "in service" in line_of(said, new) and "in service" not in line_of(said, old)
    assert f"from now on: {old}" in told(capsys, "models", "promote", old)
    assert "in service" in line_of(told(capsys, "models", "list"), old)
    assert f"storage-ring again: {new}" in told(capsys, "models", "rollback")
    assert "no promotion is left" in refused(capsys, "models", "rollback", "storage-ring")


def test_json_and_folder_may_stand_before_or_after_the_action(pair, tmp_path, capsys):
    before, after = tmp_path / "before.json", tmp_path / "after.json"
    told(capsys, "models", "--json", before, "list")
    told(capsys, "models", "list", "--json", after)
    cards = json.loads(before.read_text())
    assert [c["id"] for c in cards] == pair[::-1] and [c["in_service"] for c in cards] == [True, False]
    assert cards == json.loads(after.read_text())
    assert "there are" not in told(capsys, "models", "--folder", tmp_path / "none")


def test_the_card_is_shown_with_coverage_by_region_and_its_limits(pair, capsys):
    said = told(capsys, "models", "show", pair[1])
    assert "(in service)" in said and "at their edge" in said and "following drift" in said
    assert "seed 0" in said and "Effects are associations" in said and "Versions: beamtwin" in said


def test_two_models_are_compared_on_their_cards_and_on_a_later_log(pair, later_log, tmp_path, capsys):
    assert "flux_mx" in told(capsys, "models", "compare", *pair)
    out = tmp_path / "compared.json"
    said = told(capsys, "models", "compare", *pair, later_log, "--json", out)
    assert "that neither has seen" in said and "not sure" in said
    assert all(row["difference"] == 0.0 for row in json.loads(out.read_text())["log"])


def test_a_newly_trained_model_says_how_to_promote_it_if_another_serves(pair, ring_log, capsys, monkeypatch):
    from dashboard.app.analyses import train as training

    registry.promote(pair[0])
    model = registry.load(pair[1])
    trained = Trained(model.law, model.entry.card | {"usable": True}, model.facility)
    monkeypatch.setattr(training, "train", lambda *args, **more: trained)
    said = told(capsys, "train", "storage-ring", ring_log)
    assert f"In service is {pair[0]}" in said and "beamtwin models promote storage-ring-" in said


def test_the_monitor_judges_a_later_log_only(pair, ring_log, later_log, tmp_path, capsys):
    out = tmp_path / "found.json"
    assert "give a later one" in refused(capsys, "train", "storage-ring", "--monitor", ring_log)
    main(["train", "--monitor", str(later_log), "--json", str(out)])
    found = json.loads(out.read_text())
    assert found["schema"] == "beamtwin/monitor/1" and found["model"] == pair[1]
    assert found["evidence"]["needed"] == 100.0 and found["holds"]
    said = told(capsys, "train", "storage-ring", "--monitor", later_log, "--rate", "0.05")
    assert "it holds." in said and "of 20 needed" in said and "at most 5 %" in said


def test_the_monitor_learns_nothing_and_takes_one_log(pair, later_log, capsys):
    assert "one log" in refused(capsys, "train", "storage-ring", later_log, "--monitor", later_log)
    assert "name both" in refused(capsys, "train", "storage-ring")
    assert len(registry.entries()) == 2


def test_the_page_says_when_another_model_serves_than_the_one_that_was_asked(pair):
    sample = plain()
    made = recommendation(facility="storage-ring", evidence=sample["evidence"] | {"model_id": pair[1]})
    assert pair[0] not in str(layout._model_fact(made))
    registry.promote(pair[0])
    assert f"by now in service: {pair[0]}" in str(layout._model_fact(made))
