"""The channel that tells the beam of a log: the one asked for or the stored current, or what to give instead."""

import numpy as np

from replay_data.clean import stretches
from replay_data.record import Log
from twin.errors import UserError
from twin.facility import Facility

STORED = "stored_current"
MEASURED = ("readback", "quantity", "condition")


def beam_channel(log: Log, facility: Facility, name: str | None = None) -> str:
    """The name of a channel that can tell the beam; a UserError that says what to give if it cannot."""
    if log.tabular:
        raise UserError(
            f"log of {log.facility}: rows of a tuning log have no running time, so no downtime either; "
            "import a log that is sampled in time"
        )
    if name is None and STORED not in log.names:
        raise UserError(
            f"log of {log.facility}: it has no channel {STORED!r} to tell the beam from; {_mend(log, facility)}"
        )
    name = STORED if name is None else name
    if name not in log.names:
        raise UserError(
            f"log of {log.facility}: it has no channel {name!r} to tell the beam from; {_mend(log, facility)}"
        )
    role = log.bare(name).role
    if role not in MEASURED:
        raise UserError(
            f"log of {log.facility}: channel {name!r} is a {role}, which says nothing of the beam that there was; "
            f"{_mend(log, facility)}"
        )
    # Where a setting says how much beam was wanted, a channel that stays at zero tells: none all the time.
    wanted = facility.beam.current_knob in log.names
    if not any((part.value > (-np.inf if wanted else 0.0)).any() for part, _ in stretches(log, name, False)):
        raise UserError(
            f"log of {log.facility}: channel {name!r} has {log.samples(name)} samples, none of them usable"
            f"{'' if wanted else ' and above 0'}, so it cannot tell the beam; {_mend(log, facility, name)}"
        )
    return name


def _mend(log: Log, facility: Facility, but: str = "") -> str:
    """What to give: a stored current of a ring, of a linac what its beamlines live on; those that the log has."""
    asked = "a stored current" if facility.kind == "ring" else "a beam current, charge or pulse energy"
    fluxes = [line.flux for line in facility.beamline]
    measured = [n for n in log.names if log.bare(n).role in MEASURED and n != but]
    fitting = [n for n in measured if n in fluxes] or [n for n in measured if log.bare(n).role != "condition"]
    if not fitting:
        return f"import {asked} into the log and name it with --channel"
    others = [n for n in measured if n not in fitting and log.bare(n).role != "condition"]
    told = f" (or one of: {', '.join(others)})" if others else ""
    return f"name {asked} with --channel, like --channel {fitting[0]}{told}"
