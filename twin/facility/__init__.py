"""The facility model: the tables of a facility file, the checks across tables, and the reader."""

from twin.facility.crews import Access, Crew, Shift, Spare
from twin.facility.description import Process
from twin.facility.failures import Gate, Mode, Preventive, Shock, Standby, Subsystem
from twin.facility.files import BUILT_IN, built_in, load, parse
from twin.facility.machine import Beam, Condition, Interlock, Knob, Quantity
from twin.facility.model import Facility
from twin.facility.repair import Repair
from twin.facility.users import Beamline, Block, Metrics, Published, Schedule, Visit

__all__ = [
    "BUILT_IN", "Access", "Beam", "Beamline", "Block", "Condition", "Crew", "Facility", "Gate", "Interlock", "Knob",
    "Metrics", "Mode", "Preventive", "Process", "Published", "Quantity", "Repair", "Schedule", "Shift", "Shock",
    "Spare", "Standby", "Subsystem", "Visit", "built_in", "load", "parse",
]  # fmt: skip
