"""Contradictions of a facility file: each one gives an error that names table, key, value and mend."""

import ast
import inspect
import sys
from importlib import import_module
from pathlib import Path
from pkgutil import iter_modules

import pytest
from cases_common_cause import shock
from cases_tree import gate, units
from closed_form import ALWAYS_USERS, TOY, subsystem
from test_twin_facility import MISTAKES

import twin
import twin.facility
from twin.facility import parse
from twin.facility.table import Table

TABLES = [
    import_module(f"twin.facility.{module.name}")
    for module in iter_modules(twin.facility.__path__)
    if module.name != "files"
]
"""The files of the facility model that say what may stand in a facility file."""
UNITS = units("k", 3)
DUMP = gate("g", "k", 2, "dump")
CREW = '[[crew]]\nname = "rf"\nsize = 1\n'
SPARE = '[[spare]]\nname = "tube"\nstock = 1\nlead_h = 10.0\n'
STANDBY = '[subsystem.standby]\nkind = "cold"\nin_service = 1\n'
CARE = "[subsystem.preventive]\npolicy = 'age'\nevery_h = 9.0\ntakes = { law = 'fixed', mean_h = 1.0 }\n"
DEFERRED = subsystem("s", access='"defer"')
LOCK = '[[interlock]]\nname = "heat"\ntitle = "Heat"\nunit = "kW"\n'
NIGHTS = "[[schedule.block]]\nphase = 'maintenance'\nhours = 3.0\n[access]\nfrom_h = 7.0\n"


def under(text: str, table: str) -> str:
    """A subsystem's TOML with a table of its own before its modes."""
    return text.replace("[[subsystem.mode]]", table + "[[subsystem.mode]]")


# what is contradictory: (text beside the toy's, words that the error must hold)
CONTRADICTIONS = {
    "needs more inputs than there are": (
        UNITS + gate("g", "k", 4, "dump"),
        ["gate 'g': needs = 4 of 3 inputs", "lower it or add inputs"],
    ),
    "a negative number of inputs": (
        UNITS + gate("g", "k", -1, "dump"),
        ["gate.0.needs = -1", "greater than or equal to 0", "(gate 'g')"],
    ),
    "needs no input": (UNITS + gate("g", "k", 0, "dump"), ["gate 'g': needs = 0", "raise it or give it a level"]),
    "an input unknown": (
        UNITS + DUMP + gate("h", "klystron", 1, "dump"),
        ["gate 'h'.of = 'klystron': unknown subsystem, unit or gate", "known are: k, g, h"],
    ),
    "a unit missing": (UNITS + gate("g", "k.1 k.4", 1, "dump"), ["gate 'g'.of = 'k.4'", "k.1 ... k.3"]),
    "a unit of an only one": (units("k") + gate("g", "k.1", 1, "dump"), ["'k.1'", "'k' alone (units = 1)"]),
    "an input that is given twice": (UNITS + gate("g", "k k", 4, "dump"), ["gate 'g'.of: 'k' is given twice"]),
    "a unit beside all units": (UNITS + gate("g", "k k.2", 2, "dump"), ["'k.2' is given twice", "drop one"]),
    "an input that never fails": (
        UNITS + DUMP + subsystem("s") + gate("h", "s k", 1, "dump"),
        ["gate 'h'.of = 's'", "no mode of it has effect = 'unit'"],
    ),
    "a gate without inputs": (UNITS + DUMP + gate("h", "", effect="dump"), ["gate.1.of", "at least 1 item"]),
    "a unit of a standby by itself": (
        under(UNITS, STANDBY) + gate("g", "k.1", 1, "dump"),
        ["gate 'g'.of = 'k.1'", "name all: 'k'"],
    ),
    "gates in a circle": (
        UNITS + DUMP + gate("a", "k b", 1, "dump") + gate("b", "a", 1, "dump"),
        ["cyclic logic: ", "a -> b", "a gate cannot depend on itself"],
    ),
    "a gate on itself": (UNITS + gate("g", "k g", 1, "dump"), ["gate 'g': cyclic logic: g -> g"]),
    "two circles": (
        UNITS + DUMP + "".join(gate(a, b, 1, "dump") for a, b in ("ab", "ba", "cd", "dc")),
        ["a -> b", "c -> d"],
    ),
    "a gate of no use": (UNITS + DUMP + gate("h", "k", 1), ["gate 'h'", "no effect, level or gate above"]),
    "a gate that falls for nothing": (
        UNITS + gate("g", "k", 2, None, "{ up = 2, share = 0.9 }"),
        ["gate 'g'", "fewer than needs = 2", "levels down to up = 0"],
    ),
    "units under no gate": (UNITS, ["subsystem 'k': effect = 'unit' needs a gate"]),
    "a unit under no gate": (UNITS + gate("g", "k.1 k.3", 1, "dump"), ["subsystem 'k'", "unit 2 is in none"]),
    "a gate's beamline without its effect": (
        UNITS + gate("g", "k", 1, "dump") + 'beamline = "line"\n',
        ["gate 'g': effect = 'beamline' and beamline = NAME need each other"],
    ),
    "a gate's beamline unknown": (
        UNITS + gate("g", "k", 1, "beamline") + 'beamline = "mx"\n',
        ["gate 'g'.beamline = 'mx'", "known are: line"],
    ),
    "a gate that stops a linac's injector": (
        UNITS + gate("g", "k", 1, "injection"),
        ["gate 'g': effect = 'injection' needs a ring"],
    ),
    "levels that rise": (
        UNITS + gate("g", "k", 1, "dump", "{ up = 1, share = 0.5 }, { up = 2, share = 0.9 }"),
        ["gate 'g'.level: up = [1, 2] must fall from below 3 inputs"],
    ),
    "a level with all inputs": (
        UNITS + gate("g", "k", 3, "dump", "{ up = 3, share = 0.9 }"),
        ["gate 'g'.level: up = [3]", "below 3 inputs"],
    ),
    "levels without needs": (
        UNITS + gate("g", "k", None, "dump", "{ up = 2, share = 0.9 }"),
        ["gate 'g'.level: without needs", "give needs = 2"],
    ),
    "a level below the needed inputs": (
        UNITS + gate("g", "k", 2, "dump", "{ up = 1, share = 0.9 }"),
        ["gate 'g'.level: the last up = 1 must equal needs = 2"],
    ),
    "a share that rises": (
        UNITS + gate("g", "k", 1, "dump", "{ up = 2, share = 0.5 }, { up = 1, share = 0.9 }"),
        ["gate 'g'.level: share = [0.5, 0.9] must not rise"],
    ),
    "a share of nothing": (
        UNITS + gate("g", "k", 2, "dump", "{ up = 2, share = 0.0 }"),
        ["gate.0.level.0.share = 0.0", "greater than 0", "(gate 'g')"],
    ),
    "levels of one beamline": (
        UNITS + gate("g", "k", 2, "beamline", "{ up = 2, share = 0.9 }") + 'beamline = "line"\n',
        ["gate 'g'.level", "effect = 'beamline'"],
    ),
    "a negative rate": (subsystem("s", mtbf_h=-5.0), ["mtbf_h = -5.0", "greater than 0", "subsystem 's', mode 'm'"]),
    "a mean life beyond the law": (subsystem("s", mtbf_h=1e14), ["mtbf_h = 1", "outside 1e-06 ... 1e+12"]),
    "a life law without its parameter": (subsystem("s", law='"lognormal"'), ["law = 'lognormal' needs sigma"]),
    "a life law with another's parameter": (subsystem("s", sigma=0.5), ["has no sigma", "drop it", "mode 'm'"]),
    "no mean life": (subsystem("s", mtbf_h=None), ["mtbf_h is the mean life", "subsystem 's', mode 'm'"]),
    "no observed lives": (subsystem("s", law='"empirical"', mtbf_h=None), ["'empirical' needs observed_h"]),
    "a repair law without its parameter": (subsystem("s", repair="{ law = 'gamma' }"), ["'gamma' needs", "shape"]),
    "minimal repair of a law with no power": (
        subsystem("s", law='"fixed"', minimal_repair="true"),
        ["subsystem 's' mode 'm': minimal_repair needs law = 'weibull'", "not 'fixed'"],
    ),
    "no units": (units("k", 0) + DUMP, ["subsystem.0.units = 0", "greater than or equal to 1"]),
    "no modes": ("[[subsystem]]\nname = 's'\ntitle = 's'\nmode = []\n", ["subsystem.0.mode", "at least 1 item"]),
    "empty phases": (subsystem("s", phases="[]"), ["mode.0.phases", "at least 1 item", "subsystem 's'"]),
    "phases unknown": (subsystem("s", phases="['night']"), ["phases.0 = 'night'", "'shutdown', 'startup'"]),
    "phases that never come": (
        subsystem("s", phases="['study', 'injection']"),
        ["subsystem 's' mode 'm': phases = ['study', 'injection'] never occur", "['startup', 'user']"],
    ),
    "phases without the beam that ages": (
        subsystem("s", ages='"beam"', phases="['startup']"),
        ["phases = ['startup'] have no beam", "ages = 'beam'"],
    ),
    "a hidden failure that shows": (subsystem("s", proof_test_h=9.0), ["proof_test_h", "effect = 'dump' is seen"]),
    "a beta factor of a wearing unit": (units("k", 2, shape=2.0, beta=0.1), ["beta = 0.1", "shape = 1", "mode 'm'"]),
    "a beta factor of all failures": (units("k", 2, beta=1.0), ["beta = 1.0", "less than 1"]),
    "a start that never succeeds": (subsystem("s", at_start=1.0), ["at_start = 1.0", "less than 1"]),
    "a shock on a mode unknown": (
        UNITS + DUMP + shock(9.0, '"k.n" = 0.5'),
        ["shock 'dip'.hits = 'k.n'", "known are: k.m"],
    ),
    "a shock on nothing": (UNITS + DUMP + shock(9.0, ""), ["shock.0.hits", "at least 1 item", "shock 'dip'"]),
    "a shock that hits too often": (UNITS + DUMP + shock(9.0, '"k.m" = 1.5'), ["hits.k.m = 1.5", "equal to 1"]),
    "a shock's mode without quotes": (UNITS + DUMP + shock(9.0, "k.m = 0.5"), ['write "k.m" in quotes', "'dip'"]),
    "a shock of a knob unknown": (
        UNITS + DUMP + shock(9.0, '"k.m" = 0.5') + "slope = { mains = 1.0 }\n",
        ["shock 'dip'.power/slope = 'mains'", "known are: charge"],
    ),
    "a shock in phases that never come": (
        UNITS + DUMP + shock(9.0, '"k.m" = 0.5') + "phases = ['shutdown']\n",
        ["shock 'dip': phases = ['shutdown'] never occur"],
    ),
    "a subsystem called shock": (
        units("shock") + gate("g", "shock", effect="dump") + shock(9.0, '"shock.m" = 0.5'),
        ["subsystem 'shock': this name is reserved", "rename it"],
    ),
    "a subsystem and a gate of one name": (UNITS + gate("k", "k", 1, "dump"), ["subsystem or gate 'k' is given twice"]),
    "a skill unknown": (CREW + subsystem("s", crew='"hf"'), ["mode 'm'.crew = 'hf'", "known are: rf"]),
    "a skill unknown to maintenance": (
        CREW + under(subsystem("s", shape=2.0), CARE + "crew = 'hf'\n"),
        ["subsystem 's'.preventive.crew = 'hf'", "known are: rf"],
    ),
    "a crew called from nowhere": (CREW + "call_out_h = 1.0\n", ["call_out_h = 1", "needs a shift", "crew 'rf'"]),
    "a shift of no length": (CREW + "shift = { from_h = 8.0, to_h = 8.0 }\n", ["from_h = to_h = 8", "crew 'rf'"]),
    "a tunnel that is never open": ("[access]\nfrom_h = 9.0\nto_h = 9.0\n", ["access: from_h = to_h = 9"]),
    "a spare unknown": (SPARE + subsystem("s", spare='"gun"'), ["mode 'm'.spare = 'gun'", "known are: tube"]),
    "a spare without stock": ("[[spare]]\nname = 'tube'\nlead_h = 9.0\n", ["spare.0.stock", "required", "'tube'"]),
    "a negative stock": (SPARE.replace("= 1", "= -1"), ["spare.0.stock = -1", "greater than or equal to 0"]),
    "a spare that is not replenished": (
        SPARE.replace("lead_h = 10.0\n", ""),
        ["give either lead_h", "or shop", "spare 'tube'"],
    ),
    "a shop without a spare": (
        "[[spare]]\nname = 'tube'\nstock = 0\nshop = { law = 'fixed', mean_h = 9.0 }\n",
        ["stock = 0 with shop", "raise stock"],
    ),
    "a standby without reserve": (
        under(UNITS, STANDBY.replace("= 1", "= 3")) + DUMP,
        ["subsystem 'k'.standby: in_service = 3 of units = 3 leaves none in reserve", "raise units or drop"],
    ),
    "a standby whose failures are felt at once": (
        under(subsystem("s", 2), STANDBY),
        ["subsystem 's'.standby: its modes need effect = 'unit'"],
    ),
    "a cold standby that ages": (
        under(UNITS, STANDBY + "dormancy = 0.1\n") + gate("g", "k", 1, "dump"),
        ["standby", "dormancy", "needs kind = 'warm'", "subsystem 'k'"],
    ),
    "a limit of no condition": (
        under(subsystem("s", shape=2.0), CARE + "limit = 1.0\n"),
        ["preventive", "limit", "needs policy = 'condition'", "subsystem 's'"],
    ),
    "units exchanged with none": (
        units("k", 3, shape=2.0).replace("units = 3", "units = 3\nreplaced_with = 'box'")
        + subsystem("s", 2, shape=2.0).replace("units = 2", "units = 2\nreplaced_with = 'box'")
        + DUMP,
        ["replaced_with = 'box'", "units = ", "make them equal"],
    ),
    "work that waits for no maintenance": (DEFERRED, ["schedule: no block has phase = 'maintenance'", "add one"]),
    "maintenance in which nobody is let in": (
        DEFERRED + NIGHTS + "to_h = 8.0\ncooldown_h = 10.0\n",
        ["access: no maintenance block allows entry", "10 h (cooldown_h)", "lengthen or move a block"],
    ),
    "an interlock without a bound": (
        LOCK + "factor = { charge = 1.0 }\n",
        ["neither low nor high is given", "needs a bound", "interlock 'heat'"],
    ),
    "an interlock with nothing between its bounds": (
        LOCK + "factor = { charge = 1.0 }\nlow = 300.0\nhigh = 200.0\n",
        ["low = 300 kW is not below high = 200 kW"],
    ),
    "an interlock on nothing": (LOCK + "factor = {}\nhigh = 1.0\n", ["interlock.0.factor", "(interlock 'heat')"]),
    "an interlock on a knob unknown": (
        LOCK + "factor = { amps = 1.0 }\nhigh = 1.0\n",
        ["interlock 'heat'", "'amps'", "known are: charge"],
    ),
    "an interlock that the present settings break": (
        LOCK + "factor = { charge = 2.0 }\nhigh = 100.0\n",
        ["interlock 'heat': the knobs' values give 400 kW, which must be <= 100", "change one of them"],
    ),
    "two interlocks of one name": (
        2 * (LOCK + "factor = { charge = 1.0 }\nhigh = 500.0\n"),
        ["interlock 'heat' is given twice"],
    ),
}  # fmt: skip

# the same, for what the toy itself says: (text as it should be, text as the user wrote it, words)
OF_THE_TOY = {
    "a reserve of more than all hours": (
        "user_h_per_year = 5000",
        "user_h_per_year = 5000\nreserve_h_per_year = 6000",
        ["reserve_h_per_year = 6000 is not below user_h_per_year = 5000"],
    ),
    "no experiments": (
        "experiments_per_week = 1e-6\n",
        "",
        ["give either experiments_per_week", "beamline 'line'"],
    ),
    "a visit after the schedule": (
        "experiments_per_week = 1e-6\nsamples_per_experiment = 1e6\n",
        "visit = [{ start_h = 2e6, samples = 5 }]\n",
        ["beamline 'line' visit: start_h = 2e+06 is not within the schedule's period of 1e+06 h"],
    ),
    "refills timed by no knob": (
        "[beam]\n",
        "[beam]\ntopup_knob = 'fill'\n",
        ["beam.topup_knob = 'fill'", "known are: charge"],
    ),
    "refills timed in another unit": (
        "[beam]\n",
        "[beam]\ntopup_knob = 'charge'\n",
        ["knob 'charge': unit = 'pC' must be 'min'", "time between refills"],
    ),
    "a ring without filling": ('kind = "linac"', 'kind = "ring"', ["beam: a ring needs fill_per_h"]),
    "a power of a knob at zero": (
        "low = 1.0\nhigh = 300.0\nvalue = 200.0",
        "low = 0.0\nhigh = 300.0\nvalue = 0.0",
        ["quantity 'flux'.power: 'charge' has no positive reference value", "use slope"],
    ),
}
WHOLE = TOY.format(restart_h=0.0, blocks=ALWAYS_USERS)
POWERED = WHOLE.replace("value = 500.0\n", "value = 500.0\npower = { charge = 1.0 }\n")


def message_of(text: str) -> str:
    with pytest.raises(twin.UserError) as caught:
        parse(text, Path("my.toml"))
    return str(caught.value)


@pytest.mark.parametrize("what", CONTRADICTIONS)
def test_each_contradiction_is_told_with_table_key_value_and_mend(what):
    text, words = CONTRADICTIONS[what]
    message = message_of(WHOLE + text)
    assert message.startswith("my.toml: ") and "\n" not in message and "pydantic" not in message
    assert [word for word in words if word not in message] == [], message


@pytest.mark.parametrize("what", OF_THE_TOY)
def test_each_contradiction_of_the_rest_is_told_too(what):
    right, wrong, words = OF_THE_TOY[what]
    assert right in POWERED
    message = message_of(POWERED.replace(right, wrong))
    assert [word for word in words if word not in message] == [], message


def complaints(module) -> dict[int, str]:
    """Line and text of each place where a module complains: a ``yield`` of words, a ``raise``."""
    source = inspect.getsource(module)
    nodes = [n for n in ast.walk(ast.parse(source)) if isinstance(n, (ast.Yield, ast.Raise))]
    return {node.lineno: ast.get_source_segment(source, node) or "" for node in nodes}


def test_every_complaint_of_the_schema_has_a_mistake_that_reaches_it():
    modules = {module.__file__: module for module in TABLES}
    seen = {path: set() for path in modules}

    def watch(frame, event, _):
        path = frame.f_code.co_filename
        if path not in modules:
            return None
        if event == "line":
            seen[path].add(frame.f_lineno)
        return watch

    texts = [WHOLE + text for text, _ in CONTRADICTIONS.values()]
    texts += [POWERED.replace(right, wrong) for right, wrong, _ in OF_THE_TOY.values()]
    texts += [text.replace(right, wrong, 1) for text, right, wrong, _ in MISTAKES.values()]
    before = sys.gettrace()
    sys.settrace(watch)
    try:
        for text in texts:
            message_of(text)
    finally:
        sys.settrace(before)
    idle = {
        f"{Path(path).name}:{line}": words
        for path, module in modules.items()
        for line, words in complaints(module).items()
        if line not in seen[path]
    }
    assert idle == {}


def test_every_table_is_closed_to_unknown_keys():
    found = {name: kind for module in TABLES for name, kind in vars(module).items()}
    closed = [t for t in found.values() if isinstance(t, type) and issubclass(t, Table)]
    assert len(closed) > 20 and all(t.model_config.get("extra") == "forbid" for t in closed)


def test_names_of_tables_stand_beside_their_numbers():
    message = message_of(WHOLE + UNITS + DUMP + subsystem("s", repair="{ law = 'fixed', mean_h = -1.0 }"))
    assert (
        "subsystem.1.mode.0.repair.mean_h = -1.0: Input should be greater than or equal to 0.000001 "
        "(subsystem 's', mode 'm')"
    ) in message
