"""The command line: help with examples, three exit statuses, one line for a mistake, whole files or none."""

import errno
import json
import os
import socket
import sqlite3
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from dashboard.app.store import files
from dashboard.cli.main import main, parser
from replay_data.record import instant
from replay_data.runlog import open_log, write
from surrogate import registry

VERBS = [
    "facilities", "check", "synthesize", "draft", "import", "export", "resample", "downtime", "train", "models",
    "simulate", "whatif", "replay", "evaluate", "recommend", "advise", "policy", "outcome", "story", "serve",
]  # fmt: skip

CASES = """
facility = "xfel-linac"
days = 7
runs = 16

[[case]]
name = "the same"
set = { charge = 200.0 }

[[case]]
name = "less charge"
set = { charge = 120.0 }
"""


@pytest.fixture
def home(tmp_path, monkeypatch):
    """An empty BEAMTWIN_HOME."""
    folder = tmp_path / "home"
    monkeypatch.setenv("BEAMTWIN_HOME", str(folder))
    return folder


@pytest.fixture
def stocked(home, ring_model):
    """A home with the trained ring model; its id."""
    return registry.save(ring_model.law, ring_model.entry.card, ring_model.facility).id


def read(path):
    def refuse(constant):
        raise ValueError(f"{constant} is no JSON")

    return json.loads(path.read_text(), parse_constant=refuse)


def mistake(capsys, *arguments) -> str:
    """The one line that a mistaken command says."""
    assert main([str(a) for a in arguments]) == 2
    said = capsys.readouterr()
    lines = [line for line in said.err.splitlines() if not line.endswith(" ...")]  # progress
    assert len(lines) == 1 and lines[0].startswith("beamtwin: "), said.err
    assert "Traceback" not in said.err + said.out
    return lines[0].removeprefix("beamtwin: ")


def test_these_are_all_the_verbs():
    listed = parser()._subparsers
    assert listed is not None
    assert list(listed._group_actions[0].choices or ()) == VERBS


@pytest.mark.parametrize("verb", VERBS)
def test_the_help_of_every_verb_shows_an_example(verb, capsys):
    with pytest.raises(SystemExit) as left:
        main([verb, "--help"])
    assert left.value.code == 0
    assert f"example: beamtwin {verb}" in capsys.readouterr().out


def test_the_example_of_every_verb_is_a_command_that_parses(capsys):
    for verb in VERBS:
        with pytest.raises(SystemExit):
            main([verb, "--help"])
        example = capsys.readouterr().out.split("example: beamtwin ")[1].split()
        assert parser().parse_args(example).verb == verb


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["simulat"], "invalid choice: 'simulat'"),
        ([], "required: COMMAND"),
        (["simulate", "storage-ring", "--years", "-1"], "--years: -1 is not above 0"),
        (["simulate", "storage-ring", "--years", "inf"], "--years: inf is not above 0"),
        (["simulate", "storage-ring", "--runs", "0"], "--runs: 0 is below 1"),
        (["simulate", "storage-ring", "--seed", "one"], "--seed: 'one' is not a whole number"),
        (["synthesize", "storage-ring", "-o", "x.h5", "--seed", "-1"], "--seed: -1 is not between 0 and"),
        (["policy", "train", "storage-ring", "--seed", "-1"], "--seed: -1 is not between 0 and"),
        (
            ["simulate", "storage-ring", "--seed", str(2**63)],
            f"--seed: {2**63} is not between 0 and 4294967295",
        ),
        (["serve", "--port", "-1"], "--port: -1 is not between 1 and 65535"),
        (["serve", "--port", "99999"], "--port: 99999 is not between 1 and 65535"),
        (["synthesize", "storage-ring"], "required: -o/--output"),
        (
            ["synthesize", "storage-ring", "--start", "2026", "--end", "2027"],
            "--end: not allowed with argument --start",
        ),
        (
            ["resample", "a.h5", "-o", "b.csv", "--every", "h"],
            "--every: 'h' is not a duration; write it like 30s",
        ),
        (["resample", "a.h5", "-o", "b.csv", "--every", "1h30min"], "'1h30min' is not a duration"),
        (["resample", "a.h5", "-o", "b.csv", "--every", "0min"], "--every: 0 is not above 0"),
    ],
)
def test_a_mistaken_command_exits_with_2_and_says_so_in_its_last_line(arguments, words, capsys):
    with pytest.raises(SystemExit) as left:
        main(arguments)
    assert left.value.code == 2
    assert words in capsys.readouterr().err.splitlines()[-1]


def test_unknown_facilities_are_named_with_the_known_ones(home, tmp_path, capsys):
    out = tmp_path / "x.h5"
    for command in (
        ["simulate"],
        ["synthesize", "-o", out],
        ["train", out],
        ["replay", out],
        ["downtime", out],
    ):
        verb, *rest = command
        message = mistake(capsys, verb, "storage-rong", *rest)
        assert "'storage-rong'" in message and "storage-ring, xfel-linac" in message
    assert list(tmp_path.iterdir()) == []


def test_missing_files_are_named(stocked, tmp_path, capsys):
    gone = tmp_path / "gone.h5"
    for command in (
        ["check", gone],
        ["whatif", gone],
        ["import", gone, "-o", tmp_path / "out.h5"],
        ["resample", gone, "-o", tmp_path / "out.h5", "--every", "1h"],
        ["downtime", "storage-ring", gone],
        ["train", "storage-ring", gone],
        ["replay", "storage-ring", gone],
        ["recommend", "storage-ring", gone],
    ):
        assert "gone.h5" in mistake(capsys, *command)
    assert not (tmp_path / "out.h5").exists()


def test_unknown_models_are_named_and_so_is_an_empty_registry(home, ring_log, capsys):
    for arguments in (["recommend"], ["replay", "--model", "nobody"]):
        message = mistake(capsys, arguments[0], "storage-ring", ring_log, *arguments[1:])
        assert "no trained model of facility 'storage-ring'" in message and "beamtwin train" in message


def test_an_unknown_model_id_is_answered_with_the_known_ones(stocked, ring_log, capsys):
    for verb in ("replay", "recommend"):
        message = mistake(capsys, verb, "storage-ring", ring_log, "--model", "nobody")
        assert "no model 'nobody'" in message and stocked in message


@pytest.mark.parametrize(
    "pair, words",
    [
        ("rf_voltage", "--set 'rf_voltage': write it like --set rf_voltage=2.8"),
        ("rf_voltage=low", "--set 'rf_voltage=low': write it like"),
        ("rf_volts=3", "unknown knob 'rf_volts'; known are: current, rf_voltage"),
        ("rf_voltage=40", "rf_voltage = 40 MV lies outside 2 ... 4 MV"),
        ("rf_voltage=nan", "rf_voltage = nan MV lies outside"),
    ],
)
def test_a_bad_setting_is_refused_with_its_value_and_bounds(pair, words, stocked, ring_log, tmp_path, capsys):
    out = tmp_path / "replay.json"
    command = ["replay", "storage-ring", ring_log, "--days", 14, "--set", pair, "--json", out]
    assert words in mistake(capsys, *command)
    assert not out.exists()


def test_a_log_that_is_no_log_is_refused(stocked, tmp_path, capsys):
    text = tmp_path / "log.h5"
    text.write_text("time,current\n0,430\n")
    assert "not an HDF5 file" in mistake(capsys, "train", "storage-ring", text)
    assert "log.h5: not TOML" in mistake(capsys, "check", text)


def test_a_start_that_is_no_date_is_refused_and_leaves_no_file(home, tmp_path, capsys):
    out = tmp_path / "log.h5"
    message = mistake(capsys, "synthesize", "storage-ring", "-o", out, "--days", 2, "--start", "yesterday")
    assert "'yesterday' is not ISO 8601" in message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_in_place_of_a_file_is_a_mistake_not_a_crash(home, tmp_path, capsys):
    assert str(tmp_path) in mistake(capsys, "facilities", "--json", tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_facilities_lists_the_built_in_ones(capsys, tmp_path):
    out = tmp_path / "new" / "facilities.json"
    assert main(["facilities", "--json", str(out)]) == 0
    assert [row["name"] for row in read(out)] == ["storage-ring", "xfel-linac"]
    assert "storage-ring" in capsys.readouterr().out


def test_check_tells_facility_scenario_and_log_apart(ring_log, tmp_path, capsys):
    scenario, out = tmp_path / "cases.toml", tmp_path / "report.json"
    scenario.write_text(CASES)
    assert main(["check", "storage-ring"]) == 0
    assert "facility 'storage-ring'; nothing is wrong" in capsys.readouterr().out
    assert main(["check", str(scenario)]) == 0
    assert "a scenario of xfel-linac with 2 case(s)" in capsys.readouterr().out
    assert main(["check", str(ring_log), "--json", str(out)]) == 0
    report = read(out)
    assert report["read"] == report["kept"] + report["dropped"] > 10_000
    assert {"severity", "where", "what", "samples", "action"} <= set(report["defects"][0])


def test_check_of_a_scenario_finds_the_mistakes_in_its_cases(tmp_path, capsys):
    scenario = tmp_path / "cases.toml"
    scenario.write_text(CASES.replace("charge = 120.0", "charge = 12.0"))
    assert "case 'less charge': charge = 12 pC lies outside" in mistake(capsys, "check", scenario)


def test_check_of_a_log_from_which_nothing_can_be_learned_exits_with_1(ring_record, tmp_path, capsys):
    channels = {
        n: replace(c, unit="furlong") if n == "current" else c for n, c in ring_record.channels.items()
    }
    path = tmp_path / "wrong.h5"
    write(replace(ring_record, channels=channels), path)
    assert main(["check", str(path)]) == 1
    assert "wrong unit" in capsys.readouterr().out


def test_check_says_how_many_samples_and_faults_were_dropped_or_repaired_and_why(
    ring_record, tmp_path, capsys
):
    current = ring_record.channel("stored_current")
    time_h, value = current.time_h.copy(), current.value.copy()
    time_h[100:150] -= 631_152_000 / 3600  # EPICS seconds read as Unix seconds
    value[:7] = np.nan
    faults = {column: cells.copy() for column, cells in ring_record.table("faults").items()}
    faults["repair_start_h"][3] = faults["start_h"][3] - 1.0
    faults["end_h"][5] = faults["start_h"][5] - 1.0
    channels = ring_record.channels | {"stored_current": replace(current, time_h=time_h, value=value)}
    path, out = tmp_path / "log.h5", tmp_path / "report.json"
    write(replace(ring_record, channels=channels, tables=ring_record.tables | {"faults": faults}), path)
    assert main(["check", str(path), "--json", str(out)]) == 0
    dropped, repaired = capsys.readouterr().out.splitlines()[1:3]
    report = read(out)
    assert dropped.startswith(f"Dropped: {report['dropped']:,} samples (stuck sensor ")
    assert dropped.endswith("; 1 fault (fault ends before it starts 1).")
    assert repaired == (
        "Repaired: 50 samples (EPICS seconds read as Unix: 20 years early 50); "
        "1 fault (repair starts outside its fault 1)."
    )
    assert report["repaired"] == 51


def test_resample_writes_what_the_ending_says_with_an_account_of_each_channel(ring_log, tmp_path, capsys):
    for name in ("hours.csv", "hours.parquet", "hours.h5"):
        out = tmp_path / "accounts.json"
        command = ["resample", str(ring_log), "-o", str(tmp_path / name), "--every", "1h", "--json", str(out)]
        assert main(command) == 0
        with open_log(ring_log) as log:
            accounts = {account["name"]: account for account in read(out)}
            assert list(accounts) == log.names
            assert all(
                account["read"] == log.samples(n) >= account["used"] for n, account in accounts.items()
            )
            bins = int(log.hours)
        assert (accounts["flux_mx"]["statistic"], accounts["current"]["statistic"]) == ("mean", "last")
        used = sum(account["used"] for account in accounts.values())
        said = capsys.readouterr().out
        assert f"{name}: {len(accounts)} channels in {bins:,} bins; {used:,} of " in said
    lines = (tmp_path / "hours.csv").read_text().splitlines()
    assert len(lines) == bins + 1 and lines[0].startswith('"time","current"')
    assert main(["check", str(tmp_path / "hours.h5")]) == 0
    assert not list(tmp_path.glob(".*"))


def test_resample_never_writes_over_its_own_log_nor_what_it_has_no_word_for(ring_log, tmp_path, capsys):
    before = ring_log.read_bytes()
    assert "is the log itself" in mistake(capsys, "resample", ring_log, "-o", ring_log, "--every", "1h")
    assert ring_log.read_bytes() == before
    message = mistake(capsys, "resample", ring_log, "-o", tmp_path / "hours.xls", "--every", "1h")
    assert "'.xls'" in message and ".h5, .csv, .parquet" in message
    assert "less than a bin" in mistake(
        capsys, "resample", ring_log, "-o", tmp_path / "x.csv", "--every", "900d"
    )
    assert list(tmp_path.iterdir()) == []


def test_downtime_tells_outages_the_facilitys_figures_and_the_fault_table(ring_log, ring, tmp_path, capsys):
    out = tmp_path / "downtime.json"
    assert main(["downtime", "storage-ring", str(ring_log), "--json", str(out)]) == 0
    found, said = read(out), capsys.readouterr().out
    lost = [event["user_h"] for event in found["events"] if event["user_h"] > 0]
    figures, compared = found["metrics"], found["compared"]
    assert figures["availability"] == pytest.approx(100 * (1 - sum(lost) / figures["user_h"]))
    assert figures["mtbf_h"] == pytest.approx(figures["user_h"] / len(lost))
    dumps = {n for n, p in zip(ring.process_names, ring.processes, strict=True) if p.mode.effect == "dump"}
    with open_log(ring_log) as log:
        faults = sum(process in dumps for process in log.table("faults")["process"])
    assert sum(len(compared[key]) for key in ("matched", "during", "unseen", "missed")) == faults
    totals = [line.split()[-5:] for line in said.splitlines() if line.startswith("all ")]
    assert totals[0] == [
        str(len(found["events"])), str(sum(e["sudden"] for e in found["events"])), str(len(lost)),
        f"{sum(e['down_h'] for e in found['events']):.2f}", f"{sum(lost):.2f}",
    ]  # fmt: skip
    assert f"Outages (of {len(found['events'])}, those that took most user time)" in said
    assert f"{figures['availability']:.2f}  %" in said and "each loss of promised beam is a failure" in said


def test_downtime_of_a_log_without_faults_or_without_user_time_says_so(ring_record, tmp_path, capsys):
    schedule = ring_record.table("schedule")
    idle = {**schedule, "phase": np.full(len(schedule["phase"]), "machine")}
    path = tmp_path / "log.h5"
    write(replace(ring_record, tables={"schedule": idle}), path)
    assert main(["downtime", "storage-ring", str(path)]) == 0
    said = capsys.readouterr().out
    assert "no table of faults" in said and "No scheduled user time" in said


def test_downtime_says_how_many_missed_faults_were_too_brief_to_be_seen(ring_record, tmp_path, capsys):
    faults = ring_record.table("faults")
    stored, state = ring_record.channel("stored_current"), ring_record.channel("beam_state")
    steady = {"stored_current": replace(stored, value=np.full_like(stored.value, stored.value.max()))}
    dump = np.flatnonzero(faults["process"] == "rf.trip")[:3]
    few = {column: cells[dump].copy() for column, cells in faults.items()}
    few["end_h"] = few["start_h"] + np.array([0.01, 0.02, 4.0])
    path = tmp_path / "log.h5"
    write(replace(ring_record, channels={**steady, state.name: state}, tables={"faults": few}), path)
    assert main(["downtime", "storage-ring", str(path)]) == 0
    said = capsys.readouterr().out
    assert "too brief for this channel: 2." in said
    assert [line.split() for line in said.splitlines() if line.startswith("rf.trip")] == [
        ["rf.trip", "0", "0", "0", "3"]
    ]


def test_downtime_of_an_unknown_channel_names_those_of_the_log(ring_log, capsys):
    message = mistake(capsys, "downtime", "storage-ring", ring_log, "--channel", "charge")
    assert "no channel 'charge'" in message and "stored_current" in message


def test_synthesize_writes_a_log_of_so_many_days_the_same_for_one_seed(home, tmp_path, capsys):
    paths = [tmp_path / f"{i}.h5" for i in range(2)]
    for path in paths:
        command = ["synthesize", "xfel-linac", "-o", str(path), "--days", "10", "--seed", "4"]
        assert main([*command, "--start", "2026-02-03T04:00:00Z"]) == 0
    assert "10 days of xfel-linac" in capsys.readouterr().out
    with open_log(paths[0]) as log:
        assert (log.facility, log.hours, log.start) == ("xfel-linac", 240.0, "2026-02-03T04:00:00Z")
    assert paths[0].read_bytes() == paths[1].read_bytes()


def test_synthesize_ends_now_or_when_told(home, tmp_path, capsys):
    path = tmp_path / "log.h5"
    command = ["synthesize", "xfel-linac", "-o", str(path), "--days", "2"]
    for span, end in (
        ([], datetime.now(UTC)),
        (["--end", "2026-02-03T04:30:00Z"], instant("2026-02-03T04:30:00Z")),
    ):
        assert main([*command, *span]) == 0
        with open_log(path) as log:
            age = end - instant(log.start) - timedelta(hours=log.hours)
        assert timedelta(minutes=-1) <= age < timedelta(hours=1)
    assert "end = 'later' is not ISO 8601" in mistake(capsys, *command, "--end", "later")


@pytest.mark.parametrize("engine", ["reference", "batched"])
def test_simulate_says_figures_with_intervals_beside_the_published_ones(engine, home, tmp_path, capsys):
    out = tmp_path / "figures.json"
    command = ["simulate", "storage-ring", "--years", "0.1", "--runs", "4", "--seed", "2"]
    assert main([*command, "--engine", engine, "--json", str(out)]) == 0
    found = read(out)
    mean, low, high = found["figures"]["availability"]
    assert low < mean < high and 90.0 < mean < 100.0
    assert {row["metric"] for row in found["published"]} == {"availability_pct", "mtbf_h", "mean_outage_h"}
    assert (found["engine"], found["seed"]) == (engine, 2)
    said = capsys.readouterr().out
    assert f"{engine} engine" in said and "Against published statistics" in said
    assert "Useful beam: 100 % means" in said


def test_simulate_stops_at_the_wanted_precision_or_says_how_many_runs_would_do(home, tmp_path, capsys):
    out = tmp_path / "figures.json"
    command = ["simulate", "storage-ring", "--years", "0.1", "--runs", "64", "--json", str(out)]
    assert main([*command, "--precise", "mtbf_h=40%"]) == 0
    found = read(out)
    assert found["runs"] == 32 and "was wanted" in found["precision"]
    bad, median, good = (row[0] for row in found["quantiles"]["failures"])
    assert bad < median < good
    assert main([*command, "--precise", "availability=0.0001"]) == 1
    assert "runs would do" in capsys.readouterr().out and read(out)["runs"] == 64
    assert "write it like" in mistake(capsys, *command, "--precise", "availability")
    assert "unknown metric 'beam'" in mistake(capsys, *command, "--precise", "beam=1")


def test_both_engines_say_the_same_figures(home, tmp_path):
    found = []
    for engine in ("reference", "batched"):
        out = tmp_path / f"{engine}.json"
        command = ["simulate", "storage-ring", "--years", "0.1", "--runs", "4", "--json", str(out)]
        assert main([*command, "--engine", engine]) == 0
        found.append(read(out)["figures"])
    for name, figures in found[0].items():
        assert figures == pytest.approx(found[1][name], rel=1e-9), name


def test_what_if_cases_share_their_draws_so_an_identical_case_changes_nothing(home, tmp_path, capsys):
    scenario, out = tmp_path / "cases.toml", tmp_path / "cases.json"
    scenario.write_text(CASES)
    assert main(["whatif", str(scenario), "--json", str(out)]) == 0
    present, same, less = read(out)
    assert [present["case"], same["case"], less["case"]] == ["as it is", "the same", "less charge"]
    for found in same["metrics"].values():
        assert found["change"] == {"mean": 0.0, "low": 0.0, "high": 0.0}
    assert less["metrics"]["useful_beam"]["change"]["high"] < 0
    for name, found in less["metrics"].items():
        change = found["mean"] - present["metrics"][name]["mean"]
        assert found["change"]["mean"] == pytest.approx(change, abs=1e-9), name
        assert found["change"]["low"] <= change <= found["change"]["high"]
    assert "less charge" in capsys.readouterr().out


def test_models_lists_what_is_in_the_registry(stocked, tmp_path, capsys):
    out = tmp_path / "models.json"
    assert main(["models", "--json", str(out)]) == 0
    assert [card["id"] for card in read(out)] == [stocked]
    assert stocked in capsys.readouterr().out


def test_an_empty_registry_is_an_empty_list(home, tmp_path):
    out = tmp_path / "models.json"
    assert main(["models", "--json", str(out)]) == 0
    assert read(out) == []


def test_replay_tells_the_record_and_what_would_have_been(stocked, ring_log, tmp_path, capsys):
    out = tmp_path / "replay.json"
    command = ["replay", "storage-ring", str(ring_log), "--days", "14", "--set", "rf_voltage=3.2"]
    assert main([*command, "--json", str(out)]) == 0
    found = read(out)
    assert found["failures"] == found["reproduced"] > 5
    pairs = found["counterfactuals"][0]["metrics"]["useful_beam"]
    assert len(pairs["recorded"]) == len(pairs["otherwise"]) == 32
    said = capsys.readouterr().out
    assert f"{found['failures']} of {found['failures']} failures were reproduced" in said
    assert "The same random events with rf_voltage = 3.2" in said


def test_a_refused_recommendation_is_shown_and_kept_and_exits_with_1(
    home, ring_model, ring_log, tmp_path, capsys
):
    card = ring_model.entry.card | {"usable": False, "reason": "flux_mx is predicted better by persistence"}
    registry.save(ring_model.law, card, ring_model.facility)
    out = tmp_path / "made.json"
    assert main(["recommend", "storage-ring", str(ring_log), "--json", str(out)]) == 1
    assert read(out)["verdict"] == "refuse"
    kept = sorted(path.name for path in (home / "recommendations").iterdir())
    assert [name.rpartition(".")[2] for name in kept] == ["html", "json", "json", "json"]
    assert "No recommendation" in capsys.readouterr().out


def test_json_appears_whole_or_not_at_all(tmp_path):
    class Broken:
        def __str__(self) -> str:
            raise RuntimeError("cannot be told")

    path = tmp_path / "found.json"
    files.write_json({"first": 1}, path)
    with pytest.raises(RuntimeError, match="cannot be told"):
        files.write_json({"first": 2, "second": Broken()}, path)
    assert read(path) == {"first": 1}
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_and_a_pipe_or_device_is_written_to(tmp_path):
    real, link, pipe = tmp_path / "real.json", tmp_path / "link.json", tmp_path / "pipe"
    link.symlink_to(real)
    files.write_json({"a": 1}, link)
    assert link.is_symlink() and read(real) == {"a": 1}
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    files.write_text("told", pipe)
    assert os.read(reader, 9) == b"told" and pipe.is_fifo()
    os.close(reader)
    assert main(["facilities", "--json", "/dev/null"]) == 0
    assert Path("/dev/null").is_char_device()


def test_no_output_replaces_an_input(home, tmp_path, capsys):
    log, link, policy = tmp_path / "log.h5", tmp_path / "link.h5", tmp_path / "night.py"
    log.write_text("kept")
    policy.write_text("def careful(h, s, c): return s")
    link.symlink_to(log)
    dotted = f"{tmp_path}/../{tmp_path.name}/log.h5"
    for command in (
        ["check", log, "--json", log],
        ["check", log, "--json", link],
        ["check", link, "--json", dotted],
        ["downtime", "storage-ring", log, "--json", log],
        ["train", "storage-ring", tmp_path / "gone.h5", log, "--json", log],
        ["train", "--monitor", log, "--json", log],
        ["export", log, "-o", log, "--kind", "nxlog"],
        ["import", log, "-o", log],
        ["replay", "storage-ring", log, "--plot", log],
    ):
        message = mistake(capsys, *command)
        assert (
            "itself, which --" in message and str(command[-1] if command[0] != "export" else log) in message
        )
    command = ["replay", "storage-ring", log, "--policy", f"{policy}:careful", "--json", policy]
    assert "night.py: is the policy itself" in mistake(capsys, *command)
    assert log.read_text() == "kept" and policy.read_text().startswith("def")


def test_two_outputs_of_one_name_are_refused(home, tmp_path, capsys):
    out = tmp_path / "out"
    message = mistake(capsys, "replay", "storage-ring", tmp_path / "log.h5", "--json", out, "--plot", out)
    assert "both --json and --plot would write it" in message


def test_an_output_that_cannot_be_written_is_refused_before_any_work(home, tmp_path, capsys, monkeypatch):
    from dashboard.cli.commands import simulate

    monkeypatch.setattr(simulate, "run", lambda args: pytest.fail("work was begun"))
    (tmp_path / "file").write_text("")
    for out, words in (
        (tmp_path, "it is a folder; name a file"),
        (tmp_path / "file" / "out.json", f"{tmp_path / 'file'} is not a folder"),
    ):
        message = mistake(capsys, "simulate", "storage-ring", "--json", out)
        assert message.startswith(f"cannot write {out}: ") and words in message
    monkeypatch.setattr(os, "access", lambda *args: False)
    out = tmp_path / "new" / "out.json"
    assert "may not be written to" in mistake(capsys, "simulate", "storage-ring", "--json", out)


def test_a_port_in_use_is_a_mistake(home, capsys):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert f"--port {port}: Address already in use" in mistake(capsys, "serve", "--port", port)


@pytest.mark.parametrize(
    "error, words",
    [
        (OSError(errno.ENAMETOOLONG, "File name too long", "x" * 9), "File name too long: 'xxxxxxxxx'"),
        (OSError(errno.ENOSPC, "No space left on device"), "No space left on device"),
        (FileExistsError(errno.EEXIST, "File exists"), "File exists"),
        (
            sqlite3.DatabaseError("file is not a database"),
            "ledger.sqlite cannot be read or written: file is not",
        ),
    ],
)
def test_what_files_disk_and_ledger_refuse_is_said_in_one_line(error, words, home, monkeypatch, capsys):
    from dashboard.cli.commands import facilities

    def broken(args):
        raise error

    monkeypatch.setattr(facilities, "run", broken)
    assert words in mistake(capsys, "facilities")


def test_a_ledger_that_is_none_is_named(stocked, home, ring_log, capsys):
    (home / "ledger.sqlite").write_text("no database at all " * 99)
    message = mistake(capsys, "outcome", ring_log)
    assert f"the ledger {home / 'ledger.sqlite'} cannot be read or written" in message


@pytest.mark.parametrize("option", ["--set", "--shift"])
def test_a_knob_given_twice_is_refused(option, home, ring_log, capsys):
    twice = [option, "rf_voltage=3", option, "rf_voltage=2.5"]
    message = mistake(capsys, "evaluate", "storage-ring", ring_log, *twice)
    assert f"{option} 'rf_voltage=2.5': rf_voltage is given twice" in message


@pytest.mark.parametrize(
    "text, words",
    [
        ("def careful(:", "SyntaxError: "),
        ("import nothing_of_this_name", "night.py, line 1: ModuleNotFoundError: No module named"),
        ("\ndef careful(h, s, c):\n    return s[99]", "at hour 48: {file}, line 3: IndexError: "),
        (
            "def careful(h, s, c): return 'fast'",
            "at hour 48: {file} returned str, not one number for each knob",
        ),
        ("def careful(h, s, c): return {'a': 1}", "{file} returned dict, not one number for each knob"),
        ("def careful(h, s, c): pass", "{file} returned NoneType, not one number for each knob"),
        ("raise SystemExit(1)", "{file}, line 1: SystemExit: 1"),
    ],
)
def test_the_mishaps_of_a_policy_file_are_told_with_the_file(text, words, home, ring_log, tmp_path, capsys):
    file = tmp_path / "night.py"
    file.write_text(text)
    message = mistake(capsys, "evaluate", "storage-ring", ring_log, "--policy", f"{file}:careful")
    assert words.format(file=file) in message and "policy" in message


def test_a_policy_without_a_function_is_told_how_to_name_one(home, ring_log, capsys):
    message = mistake(capsys, "evaluate", "storage-ring", ring_log, "--policy", "x.npz")
    assert "--policy 'x.npz': it needs a function, as FILE.py:FUNCTION" in message


def test_what_json_has_no_word_for_is_null(tmp_path):
    path = tmp_path / "found.json"
    content = {
        "a": float("inf"),
        "b": np.array([1.0, np.nan]),
        "c": (np.float64("nan"), np.int64(3)),
        "d": None,
    }
    files.write_json(content, path)
    assert read(path) == {"a": None, "b": [1.0, None], "c": [None, 3], "d": None}


def test_an_unforeseen_error_is_not_passed_off_as_a_users_mistake(monkeypatch):
    from dashboard.cli.commands import facilities

    def broken(args):
        raise ValueError("shapes (3,) and (4,) differ")

    monkeypatch.setattr(facilities, "run", broken)
    with pytest.raises(ValueError, match="shapes"):
        main(["facilities"])
