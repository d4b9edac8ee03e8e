"""The channel that measures the beam of a log: the requested one, or the stored current."""

import numpy as np

from replay_data.clean import stretches
from replay_data.record import Log
from twin.errors import UserError
from twin.facility import Facility

STORED = "stored_current"
MEASURED = ("readback", "quantity", "condition")


def beam_channel(log: Log, facility: Facility, name: str | None = None) -> str:
    """The name of the channel that measures the beam; a UserError that suggests another one if it cannot be used."""
    if log.tabular:
        raise UserError(
            f"log of {log.facility}: rows of a tuning log have no running time, so no downtime either; "
            "import a log that is sampled in time"
        )
    if name is None and STORED not in log.names:
        raise UserError(
            f"log of {log.facility}: it has no channel {STORED!r} that measures the beam; {_remedy(log, facility)}"
        )
    name = STORED if name is None else name
    if name not in log.names:
        raise UserError(
            f"log of {log.facility}: it has no channel {name!r} that measures the beam; {_remedy(log, facility)}"
        )
    role = log.bare(name).role
    if role not in MEASURED:
        raise UserError(
            f"log of {log.facility}: channel {name!r} is a {role}, which is no measurement of the beam; "
            f"{_remedy(log, facility)}"
        )
    # With a recorded setpoint of the current, a channel that stays at zero means: never any beam.
    wanted = facility.beam.current_knob in log.names
    if not any((part.value > (-np.inf if wanted else 0.0)).any() for part, _ in stretches(log, name, False)):
        raise UserError(
            f"log of {log.facility}: channel {name!r} has {log.samples(name)} samples, none of them usable"
            f"{'' if wanted else ' and above 0'}, so it cannot show the beam; {_remedy(log, facility, name)}"
        )
    return name


def _remedy(log: Log, facility: Facility, but: str = "") -> str:
    """Which channels of the log to name: for a ring a stored current, for a linac a flux of its beamlines."""
    wanted = "a stored current" if facility.kind == "ring" else "a beam current, charge or pulse energy"
    fluxes = [line.flux for line in facility.beamline]
    measured = [n for n in log.names if log.bare(n).role in MEASURED and n != but]
    fitting = [n for n in measured if n in fluxes] or [n for n in measured if log.bare(n).role != "condition"]
    if not fitting:
        return f"import {wanted} into the log and name it with --channel"
    others = [n for n in measured if n not in fitting and log.bare(n).role != "condition"]
    more = f" (or one of: {', '.join(others)})" if others else ""
    return f"name {wanted} with --channel, like --channel {fitting[0]}{more}"
