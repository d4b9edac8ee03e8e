"""The base of every table of a file: no unknown keys; and the types of names and numbers."""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]*$")]
Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, le=1)]
Hour = Annotated[float, Field(ge=0, le=24)]
Sensitivity = dict[Name, float]
Effect = Literal["dump", "injection", "distort", "beamline"]
Phase = Literal["shutdown", "startup", "injection", "user", "study"]


class Table(BaseModel):
    """One table of the file: unknown keys are errors, values cannot be changed."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
