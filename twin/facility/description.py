"""All tables of a facility file and what follows from them, before the checks across tables."""

from typing import Annotated, Literal, NamedTuple

from pydantic import Field

from twin.facility.crews import Access, Crew, Spare
from twin.facility.failures import Gate, Mode, Shock, Subsystem
from twin.facility.machine import Beam, Condition, Interlock, Knob, Quantity
from twin.facility.repair import Repair
from twin.facility.table import Table
from twin.facility.users import Beamline, Metrics, Published, Schedule


class Process(NamedTuple):
    """One failure process: a mode of one unit, or of several identical units together."""

    subsystem: Subsystem
    mode: Mode
    units: int


class Description(Table):
    """The tables of a facility file; ``Facility`` adds the checks that they agree."""

    name: Annotated[str, Field(pattern=r"^[a-z][a-z0-9-]*$")]
    title: str
    kind: Literal["ring", "linac"]
    beam: Beam
    knob: list[Knob] = Field(min_length=1)
    condition: list[Condition] = []
    quantity: list[Quantity] = Field(min_length=1)
    interlock: list[Interlock] = []
    crew: list[Crew] = []
    access: Access = Access()
    spare: list[Spare] = []
    subsystem: list[Subsystem] = []
    gate: list[Gate] = []
    shock: list[Shock] = []
    schedule: Schedule
    beamline: list[Beamline] = Field(min_length=1)
    metrics: Metrics = Metrics()
    published: list[Published] = []

    @property
    def inputs(self) -> list[str]:
        """Names of knobs, then conditions: the order of every law's inputs."""
        return [k.name for k in self.knob] + [c.name for c in self.condition]

    @property
    def mode_names(self) -> list[str]:
        """``subsystem.mode`` of every failure mode, in the order of the file."""
        return [f"{s.name}.{m.name}" for s in self.subsystem for m in s.mode]

    @property
    def shocks(self) -> list[Shock]:
        """The common causes: those of the file, then one for each mode with a beta factor."""
        return self.shock + [
            Shock(
                name=f"{s.name}_{m.name}_common",
                mtbf_h=m.mean_h / m.beta,
                hits={f"{s.name}.{m.name}": 1.0},
                ages=m.ages,
                phases=m.phases,
                power=m.power,
                slope=m.slope,
                source=m.source,
            )
            for s in self.subsystem
            for m in s.mode
            if m.beta > 0
        ]

    @property
    def processes(self) -> list[Process]:
        """The failure processes: one for identical units together, or one for each unit; then the common causes."""
        rows, individual = [], self.individual_modes
        for subsystem in self.subsystem:
            for mode in subsystem.mode:
                one_each = f"{subsystem.name}.{mode.name}" in individual
                process = Process(subsystem, mode, 1 if one_each else subsystem.units)
                rows += [process] * (subsystem.units if one_each else 1)
        return rows + [_as_process(shock) for shock in self.shocks]

    @property
    def process_names(self) -> list[str]:
        """``subsystem.mode`` of each process, numbered where each unit has its own process; then ``shock.name``."""
        names, individual = [], self.individual_modes
        for subsystem in self.subsystem:
            for mode in subsystem.mode:
                stem = f"{subsystem.name}.{mode.name}"
                many = stem in individual and subsystem.units > 1
                names += [f"{stem}.{i + 1}" for i in range(subsystem.units)] if many else [stem]
        return names + [f"shock.{shock.name}" for shock in self.shocks]

    @property
    def bernoulli_streams(self) -> list[str]:
        """Names of the random numbers other than ageing budgets and repair times.

        Starts on demand, standby switching and calls, maintenance, common-cause hits, doses, urgency, shop repairs."""
        names, standby = self.process_names, [s for s in self.subsystem if s.standby]
        modes = [".".join(name.split(".")[:2]) for name in names]
        starts = [n for n, (_, mode, _) in zip(names, self.processes, strict=True) if mode.at_start > 0]
        repairable = {s.name for s in self.spare if s.shop}
        hits = [
            f"hit {shock.name} {name}"
            for shock in self.shocks
            for name, mode in zip(names, modes, strict=True)
            if shock.hits.get(mode, 1.0) < 1.0
        ]
        return [
            *(f"start {name}" for name in starts),
            *(f"cover {s.name}" for s in standby if s.standby and s.standby.coverage < 1.0),
            *(f"call {s.name}" for s in standby if s.standby and s.standby.start_failure > 0.0),
            *(
                f"maintain {s.name}.{i + 1}"
                for s in self.subsystem
                if s.preventive and s.preventive.takes.time.random
                for i in range(s.units)
            ),
            *hits,
            *(f"dose {b.name}" for b in self.beamline if b.dose_sigma > 0.0),
            *(f"urgent {b.name}" for b in self.beamline if 0.0 < b.urgent_share < 1.0),
            *(
                f"shop {n}"
                for n, (_, m, _) in zip(names, self.processes, strict=True)
                if m.spare in repairable
            ),
        ]

    @property
    def individual_modes(self) -> set[str]:
        """``subsystem.mode`` of the modes that have one failure process for each unit, not one for all of them.

        The subsystem itself can require this, a gate that names a single unit, or a common cause that fails only
        some of the units.
        """
        singly = {name.split(".")[0] for gate in self.gate for name in gate.of if "." in name}
        partly = {name for shock in self.shock for name, share in shock.hits.items() if 0.0 < share < 1.0}
        return {
            f"{s.name}.{m.name}"
            for s in self.subsystem
            for m in s.mode
            if s.one_process_per_unit(m)
            or (s.name in singly and m.effect == "unit")
            or f"{s.name}.{m.name}" in partly
        }

    def quantity_index(self, name: str) -> int:
        """The index of a quantity in ``quantity``."""
        return [q.name for q in self.quantity].index(name)


def _as_process(shock: Shock) -> Process:
    """A common cause as a failure process: it ends at once and has no effect by itself."""
    mode = Mode(
        name=shock.name,
        effect="unit",
        mtbf_h=shock.mtbf_h,
        ages=shock.ages,
        phases=shock.phases,
        repair=Repair(law="fixed", mean_h=1e-6),
        power=shock.power,
        slope=shock.slope,
        source=shock.source,
    )
    return Process(Subsystem(name="shock", title="Common causes", mode=[mode]), mode, 1)
