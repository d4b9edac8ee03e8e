"""Export to ONNX for other programs: inputs [n, I] to quantities [n, Q], in the facility's units."""

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

from surrogate.registry import Model
from twin.errors import UserError

INPUT, OUTPUT = "inputs", "quantities"


def export(model: Model, path: str | Path) -> Path:
    """Write the beam quantities of a model: double precision, any number of rows at once.

    The metadata of the file names the model, its inputs and its outputs with their units. Hazards, intervals
    and support are not exported, because they are valid only with the card and its limits of use.
    """
    try:
        import onnx  # type: ignore
        from jax2onnx import to_onnx  # type: ignore
    except ImportError:
        raise UserError("ONNX export needs two more packages: pip install 'beamtwin[onnx]'") from None
    path, facility = Path(path), model.facility
    ensemble = model.law.quantities
    made = to_onnx(
        lambda x: jax.vmap(ensemble)(x), [jax.ShapeDtypeStruct(("n", len(facility.inputs)), jnp.float64)],
        enable_double_precision=True, model_name=model.entry.id, input_names=[INPUT], output_names=[OUTPUT],
    )  # fmt: skip
    units = {item.name: item.unit for item in (*facility.knob, *facility.condition, *facility.quantity)}
    notes = {
        "beamtwin.model": model.entry.id, "beamtwin.sha256": model.entry.sha256,
        "beamtwin.inputs": ", ".join(f"{name} [{units[name]}]" for name in facility.inputs),
        "beamtwin.outputs": ", ".join(f"{q.name} [{q.unit}]" for q in facility.quantity),
    }  # fmt: skip
    onnx.helper.set_model_props(made, notes)
    part = path.with_name(f".{path.name}.part")
    onnx.save_model(made, part)
    part.replace(path)
    return path


def agreement(model: Model, path: str | Path, x) -> float:
    """The largest relative difference between the file, run by onnxruntime, and the model at inputs [n, I]."""
    import onnxruntime  # type: ignore

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    theirs = session.run(None, {INPUT: np.asarray(x, float)})[0]
    ours = np.asarray(jax.vmap(model.law.quantities)(jnp.asarray(x)))
    return float(np.max(np.abs(theirs - ours) / np.maximum(np.abs(ours), 1e-12)))
