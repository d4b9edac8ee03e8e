"""Hours of the week: when a daily window opens and closes."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from twin.windows import window


@given(
    st.floats(0, 1e5), st.integers(0, 23), st.integers(0, 24), st.integers(1, 7)
)  # fmt: skip
@settings(max_examples=300, deadline=None)
def test_a_window_is_open_when_it_opens_and_just_before_it_closes_and_shut_then(now_h, from_h, to_h, days):
    opens_h, closes_h = window(now_h, from_h, to_h, days)
    assert now_h <= opens_h < closes_h
    assert opens_h - now_h <= 7 * 24.0
    assert window(opens_h, from_h, to_h, days) == pytest.approx((opens_h, closes_h))
    inside = max(opens_h, closes_h - 1e-6)
    assert window(inside, from_h, to_h, days)[0] == inside
    if opens_h > now_h:
        assert opens_h % 24.0 == pytest.approx(from_h)
        assert opens_h // 24.0 % 7 < days
        shut = (now_h + opens_h) / 2
        assert window(shut, from_h, to_h, days)[0] == pytest.approx(opens_h), (
            "the first opening is not missed"
        )
