"""`beamtwin policy`: train, show and score, at the command line."""

import json

import jax
import numpy as np
import pytest
from closed_form import TOY, subsystem

from controllers.policies import comparison, ppo, rules, tasks, trained, training
from controllers.policies.training import train_policy
from dashboard.cli.main import main
from twin import UserError, built_in, load

TINY = training.TrainingEffort(
    recipe=ppo.Recipe(updates=2, runs=8, epochs=1, batches=2, width=4), pool=256, asks=2, runs=64
)
SCORE, TRAINING = rules.score, ppo.training
BLOCKS = """
[[schedule.block]]
phase = "maintenance"
hours = 8.0
[[schedule.block]]
phase = "user"
hours = 40.0
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a small facility, whose pumps wear, as a file; home of all policies here."""
    folder = tmp_path_factory.mktemp("policies")
    text = TOY.format(restart_h=0.2, blocks=BLOCKS) + subsystem("pump", 2, shape=2.0, mtbf_h=100.0)
    (folder / "toy.toml").write_text(text)
    return folder


def score(task, world, act, seed=0):
    """In place of the twin: the same random events for all, and 1 % more for what trains."""
    inputs = np.random.default_rng(seed).normal(60.0, 3.0, world.runs)
    return inputs + (1.0 if isinstance(getattr(act, "__self__", None), ppo.Actor) else 0.0)


def training(task, pool, recipe, seed, first):
    """In place of training: untrained policies."""
    for n in range(recipe.updates):
        yield ppo.actor(task, recipe, jax.random.key(100 * seed + n), first), float(n)


@pytest.fixture(scope="module", autouse=True)
def small(place):
    """An empty home directory and a training of milliseconds, without the twin."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BEAMTWIN_HOME", str(place / "home"))
        patch.setattr("dashboard.app.analyses.policies.TrainingEffort", lambda: TINY)
        patch.setattr(rules, "score", score)
        patch.setattr(ppo, "training", training)
        yield patch


@pytest.fixture(scope="module")
def learned(place):
    """A policy for two days, trained at the command line with 3 updates: its file."""
    path = place / "mine.npz"
    words = [
        "policy",
        "train",
        place / "toy.toml",
        "-o",
        path,
        "--updates",
        3,
        "--runs",
        64,
        "--horizon-days",
        2,
    ]
    assert main([str(word) for word in [*words, "--seed", 1]]) == 0
    return path


def refused(capsys, *words) -> str:
    assert main([str(word) for word in words]) == 2
    return capsys.readouterr().err


def test_training_leaves_one_whole_file_with_a_card(learned):
    assert sorted(path.name for path in learned.parent.iterdir() if path.is_file()) == [
        "mine.npz",
        "toy.toml",
    ]
    card = trained.read(learned)
    assert card["facility"] == "toy" and card["horizon_h"] == 48.0 and card["seed"] == 1
    assert len(card["scores"]) == 3 and card["cost"]["shifts"] == 3 * 8 * 6
    assert card["judged"]["runs"] == 64 and len(card["judged"]["against"]) == 8
    assert card["judged"]["better"] and card["kept"] == 0
    assert list(card["held"]) == card["knobs"] and card["decisions"] == ["replace the oldest unit of pump"]


def test_a_policy_is_loaded_as_often_as_one_likes_and_is_the_same(learned, place):
    one, same = (trained.load(load(str(place / "toy.toml")), learned) for _ in range(2))
    seen = np.linspace(-1.0, 1.0, one.task.size)
    action = np.asarray(one.actor.mean(seen))
    assert action.shape == (one.task.actions,) and np.array_equal(action, same.actor.mean(seen))


def test_the_card_is_shown_by_file(learned, tmp_path, capsys):
    out = tmp_path / "card.json"
    assert main(["policy", "show", str(learned), "--json", str(out)]) == 0
    said = capsys.readouterr().out
    assert (
        "3 updates on 8 runs" in said
        and "leave as it is" in said
        and "replace the oldest unit of pump" in said
    )
    assert json.loads(out.read_text()) == trained.read(learned)


@pytest.mark.parametrize(
    "worth, status, words", [(1.0, 0, "than every rival"), (0.0, 1, "of 8 rivals; not surely")]
)
def test_a_score_says_by_its_status_if_every_rule_is_surely_beaten(
    learned, place, tmp_path, capsys, monkeypatch, worth, status, words
):
    out, toy = tmp_path / "score.json", str(place / "toy.toml")
    monkeypatch.setattr(
        rules, "score", lambda *args: score(*args) if worth else score(*args[:2], None, args[3])
    )
    assert main(["policy", "score", toy, str(learned), "--runs", "64", "--json", str(out)]) == status
    judged = json.loads(out.read_text())
    assert judged["better"] == all(row["low"] > 0 for row in judged["against"]) == (status == 0)
    assert words in judged["verdict"] and judged["verdict"] in capsys.readouterr().out


def test_a_training_that_fails_leaves_nothing_and_an_own_policy_serves_before_a_shipped_one(
    place, monkeypatch
):
    def fails(*args, **rows):
        raise OSError("the disk is full")

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez_compressed", fails)
        with pytest.raises(OSError, match="disk is full"):
            main(["policy", "train", str(place / "toy.toml"), "--horizon-days", "2"])
    assert not list((place / "home").rglob("*toy*"))
    assert main(["policy", "train", str(place / "toy.toml"), "--horizon-days", "2"]) == 0
    assert trained.find("toy") == place / "home" / "policies" / "toy.npz"
    with pytest.raises(UserError, match="beamtwin policy train nowhere"):
        trained.find("nowhere")


@pytest.mark.slow
def test_one_seed_teaches_one_policy_bit_for_bit_on_the_twin(place, small):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(rules, "score", SCORE)
        patch.setattr(ppo, "training", TRAINING)
        where = tasks.task(load(str(place / "toy.toml")), 48.0)
        one, same = (train_policy(where, TINY, 5, lambda text, part: None) for _ in range(2))
    pairs = zip(*(jax.tree.leaves(actor.net) for actor, _ in (one, same)), strict=True)
    assert all(np.array_equal(a, b) for a, b in pairs if isinstance(a, jax.Array))
    assert one[1]["judged"] == same[1]["judged"] and one[1]["held"] == same[1]["held"]


def test_no_score_is_on_draws_of_the_training_or_of_the_card(learned):
    from dashboard.app.analyses.policies import seed_apart

    card = trained.read(learned)
    draws = {comparison.seed_of(seed_apart(seed, card), comparison.FRESH) for seed in range(4)}
    assert len(draws) == 4
    assert not draws & {comparison.seed_of(card["seed"], comparison.POOL), card["judged"]["draws"]}


def test_what_does_not_fit_is_refused_in_words(learned, tmp_path, capsys):
    broken, other = tmp_path / "broken.npz", tmp_path / "other.npz"
    broken.write_bytes(learned.read_bytes()[:400])
    assert "no complete policy file" in refused(capsys, "policy", "show", broken)
    assert "beamtwin policy train xfel-linac" in refused(capsys, "policy", "score", "xfel-linac", learned)
    assert "facility 'toy', not 'xfel-linac'" in refused(capsys, "policy", "score", "xfel-linac", learned)
    np.savez(other, something=np.zeros(3))
    assert "no complete policy file" in refused(capsys, "policy", "show", other)
    assert "No such file" in refused(capsys, "policy", "show", tmp_path / "none.npz")


@pytest.mark.parametrize("name", built_in())
def test_a_shipped_policy_is_for_the_facility_as_it_stands_and_its_card_is_honest(name, capsys):
    found = trained.load(load(name), trained.SHIPPED / f"{name}.npz")
    judged = found.card["judged"]
    assert judged["runs"] >= 512
    assert judged["better"] == all(row["low"] > 0 for row in judged["against"])
    thumbs = [row for row in judged["against"] if row["kind"] == comparison.THUMB]
    assert thumbs and all(row["low"] > 0 for row in thumbs)
    assert judged["draws"] != comparison.seed_of(found.card["seed"], comparison.POOL)
    assert main(["policy", "show", name]) == 0
    assert judged["verdict"] in capsys.readouterr().out


@pytest.mark.slow
@pytest.mark.parametrize("name", built_in())
def test_a_shipped_policy_is_surely_better_than_every_rule_of_thumb_on_draws_nobody_has_seen(
    name, monkeypatch
):
    monkeypatch.setattr(rules, "score", SCORE)
    found = trained.load(load(name), trained.SHIPPED / f"{name}.npz")
    thumbs = [(comparison.THUMB, *row) for row in comparison.thumbs(found.task).items()]
    _, rows = comparison.standings(found.task, found.actor.act, thumbs, 256, 4711)
    assert all(row.beaten for row in rows)
