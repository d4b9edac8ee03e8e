"""Progress of work in stages, each of which reports its own part done."""

from twin.types import Progress


def staged(progress: Progress, stages: dict[str, float]) -> Progress:
    """A callback that converts the progress of stages into that of the whole.

    ``stages`` holds the text of each stage, in order, with its share of the time. The part done never falls. A text
    that is not a stage is passed on with the part done so far.
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
