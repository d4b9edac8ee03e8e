"""One measure of progress for work in stages, each of which reports its own part done."""

from twin.types import Progress


def staged(progress: Progress, stages: dict[str, float]) -> Progress:
    """Progress of the whole, from that of its stages: their texts, in order, with the share of the time each takes.

    The part done never falls; a text that is no stage is passed on at the part done so far.
    """
    whole = sum(stages.values())
    names, done = list(stages), 0.0

    def report(text: str, part: float) -> None:
        nonlocal done
        if text in stages:
            before = sum(stages[name] for name in names[: names.index(text)])
            done = max(done, (before + part * stages[text]) / whole)
        progress(text, done)

    return report
