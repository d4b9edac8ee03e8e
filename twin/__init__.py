"""What the facility is and how it behaves: its description, its laws and two engines of one plant."""

import jax

jax.config.update("jax_enable_x64", True)

from twin.errors import UserError  # noqa: E402
from twin.facility import Facility, built_in, load  # noqa: E402
from twin.space import Space  # noqa: E402

__all__ = ["Facility", "Space", "UserError", "built_in", "load"]
