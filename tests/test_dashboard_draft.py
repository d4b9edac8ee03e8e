"""The command ``draft``: two files that the next commands take as they are, never in place of others."""

from pathlib import Path

import pytest

from dashboard.cli.main import main

ROWS = Path(__file__).parent.parent / "replay_data" / "samples" / "rows.csv"


def run(*arguments) -> int:
    return main([str(a) for a in arguments])


def test_the_commands_that_draft_names_run_as_they_stand(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert run("draft", ROWS, "-o", "f.toml", "--map", "m.toml", "--name", "Test Stand") == 0
    said = capsys.readouterr().out
    assert "f.toml and m.toml: facility 'test-stand'; 1 setpoint, 1 quantity, 1 state." in said
    marks = sum(Path(name).read_text().count("# guessed: ") for name in ("f.toml", "m.toml"))
    assert f"{marks} guesses are marked" in said
    following = [line.split() for line in said.splitlines() if line.startswith("  beamtwin ")]
    assert [words[1] for words in following] == ["check", "import", "check", "train"]
    assert [run(*words[1:]) for words in following[:3]] == [0, 0, 0]
    said = capsys.readouterr().out
    assert "f.toml: facility 'test-stand'; nothing is wrong." in said and "24 of 25 rows used" in said
    assert run(*following[3][1:]) == 2  # two minutes are too short to learn from, which it says
    assert "the log lasts" in capsys.readouterr().err


def test_of_a_run_log_only_the_facility_is_written(tmp_path, ring_log, capsys):
    assert run("draft", ring_log, "-o", tmp_path / "f.toml") == 0
    assert "beamtwin import" not in capsys.readouterr().out
    assert run("check", ring_log, "--facility", tmp_path / "f.toml") == 0


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["{rows}", "-o", "there.toml", "--map", "m.toml"], "there.toml exists already; choose another name"),
        (["{rows}", "-o", "f.toml", "--map", "there.toml"], "there.toml exists already; choose another name"),
        (["{rows}", "-o", "f.toml", "--map", "f.toml"], "f.toml: both -o and --map would write it"),
        (["{rows}", "-o", "f.toml"], "needs an import map: say where to write it, --map MAP.toml"),
        (
            ["{log}", "-o", "f.toml", "--map", "m.toml"],
            "is a run-log already, which needs no import: leave out --map",
        ),
        (["none.csv", "-o", "f.toml", "--map", "m.toml"], "none.csv: no such file"),
        (["{rows}", "-o", "f.toml", "--map", "m.toml", "--table", "a"], "has no tables; leave out --table"),
    ],
)
def test_a_mistake_is_one_line_and_status_2_and_writes_nothing(
    arguments, words, tmp_path, monkeypatch, ring_log, capsys
):
    monkeypatch.chdir(tmp_path)
    Path("there.toml").write_text("mine")
    assert run("draft", *(a.format(rows=ROWS, log=ring_log) for a in arguments)) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("beamtwin: ") and words in line
    assert [p.name for p in tmp_path.iterdir()] == ["there.toml"] and Path("there.toml").read_text() == "mine"
