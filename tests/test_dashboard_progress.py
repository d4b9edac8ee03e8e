"""Progress: one measure over all stages, the time left from what is done, a line now and then on a pipe."""

import pytest

from dashboard.app.progress import staged
from dashboard.cli.progress import Pace, in_words, lines


class Clock:
    """A clock that a test sets."""

    def __init__(self):
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock():
    return Clock()


def test_stages_add_up_to_the_whole_and_never_fall_back():
    seen = []
    report = staged(lambda text, part: seen.append((text, round(part, 3))), {"read": 1.0, "search": 3.0})
    for text, part in (
        ("read", 0.5),
        ("search", 0.0),
        ("search", 0.5),
        ("read", 1.0),
        ("a word", 1.0),
        ("search", 1.0),
    ):
        report(text, part)
    assert seen == [
        ("read", 0.125), ("search", 0.25), ("search", 0.625), ("read", 0.625), ("a word", 0.625), ("search", 1.0),
    ]  # fmt: skip


def test_the_time_left_is_that_of_the_rest_at_the_pace_so_far_and_counts_down(clock):
    pace = Pace(clock)
    assert pace.left_s is None
    clock.now += 10.0
    pace.reached(0.25)
    assert pace.left_s == pytest.approx(30.0)
    clock.now += 12.0
    assert pace.left_s == pytest.approx(18.0) and pace.elapsed_s == pytest.approx(22.0)
    clock.now += 100.0
    assert pace.left_s == 0.0
    pace.reached(1.0)
    assert pace.left_s is None


def test_a_slow_beginning_is_forgotten_once_twice_as_much_is_done(clock):
    pace = Pace(clock)
    clock.now += 90.0  # a first run that compiles
    pace.reached(0.1)
    assert pace.left_s == pytest.approx(810.0)
    clock.now += 3.0
    pace.reached(0.2)
    assert pace.left_s == pytest.approx(24.0)


def test_nothing_is_guessed_while_too_little_is_done(clock):
    pace = Pace(clock)
    clock.now += 60.0
    pace.reached(0.001)
    assert pace.left_s is None


def test_on_a_pipe_a_line_is_written_as_work_begins_and_then_every_few_seconds(clock, capsys):
    progress = lines(Pace(clock))
    progress("searching", 0.0)
    for _ in range(24):
        clock.now += 0.5
        progress("searching", (clock.now - 100.0) / 48.0)
    progress("judging", 0.75)
    said = capsys.readouterr().err.splitlines()
    assert said == [
        "  searching ...",
        "  searching: 10 %, 43 s left ...",
        "  searching: 21 %, 38 s left ...",
        "  judging: 75 %, 1 s left ...",
    ]


@pytest.mark.parametrize(
    "seconds, words",
    [(0.4, "0 s"), (59.4, "59 s"), (80.0, "1 min 20 s"), (1500.0, "25 min"), (7500.0, "2 h 5 min")],
)
def test_seconds_are_said_as_people_say_them(seconds, words):
    assert in_words(seconds) == words
