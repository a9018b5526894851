"""What every section of the configuration is, and the types that they share."""

from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

NAME = r"^[A-Za-z0-9][A-Za-z0-9_.]*$"  # goes into paths; '-' separates it from the fingerprint
Name = Annotated[str, Field(pattern=NAME, max_length=40)]
PositiveInt = Annotated[int, Field(gt=0)]
PositiveFloat = Annotated[float, Field(gt=0)]


def _ascending(ends: tuple[float, float]) -> tuple[float, float]:
    if not ends[0] < ends[1]:
        raise ValueError(f"low {ends[0]:g} is not below high {ends[1]:g}")
    return ends


Ascending = AfterValidator(_ascending)
RUN_ONLY = {"decides_content": False}  # how it is run or called: not in the fingerprint


class Section(BaseModel):
    """A section of the configuration: unknown keys are errors, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )
