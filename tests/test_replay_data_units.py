"""Units: the words that are units, and the factors between them."""

import pytest

from replay_data.units import KNOWN, factor, parse, same
from twin import built_in, load


@pytest.mark.parametrize("name", built_in())
def test_every_unit_of_a_built_in_facility_is_known(name):
    facility = load(name)
    items = [*facility.knob, *facility.condition, *facility.quantity]
    assert [item.unit for item in items if parse(item.unit) is None] == []


@pytest.mark.parametrize("text", sorted(KNOWN))
def test_every_known_unit_reads_back_as_itself(text):
    assert parse(text) == KNOWN[text] and factor(text, text) == 1.0


@pytest.mark.parametrize(
    ("of", "to", "by"),
    [
        ("mJ", "uJ", 1e3),
        ("kG m", "T m", 0.1),
        ("1/(mm mrad)", "1/(um rad)", 1.0),
        ("W/m^2", "kW/cm2", 1e-7),
        ("A h", "C", 3600.0),
        ("mbar l/s", "Pa m3/s", 0.1),
        ("MeV", "J", 1.602176634e-13),
        ("%/min", "1/h", 0.6),
        ("m s-1", "km/h", 3.6),
        ("V²/Ω", "W", 1.0),
        ("photons/s", "Hz", 1.0),
    ],
)
def test_factors_are_those_of_the_books(of, to, by):
    assert factor(of, to) == pytest.approx(by, rel=1e-12)


@pytest.mark.parametrize("text", ["furlong", "uJoule", "mA)", "(mA", "kh", "m#", "mAA", "1e"])
def test_what_is_no_unit_is_not_taken_for_one(text):
    assert parse(text) is None and factor(text, "m") is None


def test_temperatures_of_two_scales_have_no_factor_and_spellings_are_one_unit():
    assert factor("degC", "K") is None and factor("V", "A") is None
    assert same("µm", "um") and same("°C", "degC") and same("W/m**2", "W/m2") and not same("mJ", "uJ")
    assert same("furlong", "furlong")  # a facility may have its own words
