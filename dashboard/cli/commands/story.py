"""The main job: a log is made, checked and learned from, and one recommendation comes out and is scored."""

from controllers.advice.case import Effort
from controllers.recommend import recommend
from dashboard.app.analyses.score import score
from dashboard.app.sources.files import Shelf
from dashboard.app.store.files import write_json
from dashboard.cli import show
from dashboard.cli.console import bars, say
from replay_data.check import check
from replay_data.runlog import open_log, write
from replay_data.synthesize import start_of, synthesize
from surrogate import registry
from surrogate.train import train
from twin import load

DONE, NEGATIVE = 0, 1


def tell_story(name: str, days: float, seed: int) -> int:
    """The whole way from an operations log to a recommendation; exit status 0, or 1 if it is refused."""
    facility = load(name)
    home = registry.home()
    path = home / "logs" / f"{facility.name}-seed{seed}.h5"
    path.parent.mkdir(parents=True, exist_ok=True)
    say(
        f"1. An operations log: {days:g} days of {facility.title.lower()}, made by a plant that nothing below may see."
    )
    with bars() as tell:
        write(synthesize(facility, days, seed, start_of(days), tell), path)
    with open_log(path) as log:
        say(f"\n2. Checking {path.name}.")
        report = check(log, facility)
        show.log_report(path, report)
        if report.fatal:
            return NEGATIVE
        say("\n3. Training surrogates, calibrating the twin.")
        with bars() as tell:
            trained = train(facility, [log], seed, tell)
        entry = registry.save(trained.law, trained.card, trained.facility)
        show.card(entry.card)
        say("\n4. Searching for better settings, judging the best on common draws.")
        with bars() as tell:
            made = recommend(registry.load(entry.id), log, seed, Effort(), tell)
    show.recommendation(made)
    written = Shelf().keep(made, trained.facility)
    if made["verdict"] != "refuse":
        say("\n5. Asking the hidden plant how good that really is.")
        with bars() as tell:
            truth = score(facility, made, seed, tell, batches=2)
        show.truth(truth)
        write_json(truth, written[0].with_suffix(".truth.json"))
    say(f"\nWritten: {written[0]}\n         {written[1]}")
    return NEGATIVE if made["verdict"] == "refuse" else DONE
