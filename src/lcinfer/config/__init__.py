"""The configuration as a whole: its sections, whether they agree, and how it is read."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError, ValidationInfo, model_validator

from ..base import yamlfile
from ..base.errors import UserError
from . import messages as mistakes
from .agreement import disagreements
from .messages import Mistakes
from .sections import Database, Mock
from .whole import Sections


class Config(Sections):
    """The whole configuration of a run."""

    @model_validator(mode="after")
    def _agrees(self, info: ValidationInfo) -> "Config":
        recorded = (info.context or {}).get("recorded", False)
        if found := [*disagreements(self, recorded)]:
            raise ValueError("\n".join(found))
        return self


def parse(
    settings: Mapping[str, Any], source: str = "configuration", recorded: bool = False
) -> Config:
    """Check settings against the classes above.

    Args:
        settings: as in a file.
        source: what a mistake is said to be in.
        recorded: whether they are of a run that was made, which may have a prior that no new
            run may have.

    Raises:
        Mistakes: a line for each, with key, value and what is allowed.
    """
    try:
        return Config.model_validate(dict(settings), context={"recorded": recorded})
    except ValidationError as error:
        raise Mistakes(mistakes.of(error, settings), source) from None


def simulations(path: Path) -> Config | None:
    """The sections ``database`` and ``mocks`` alone of a file that something is wrong with; None:
    there is in these too."""
    settings = yamlfile.read(path)
    try:
        database = Database.model_validate(settings["database"])
        mocks = {name: Mock.model_validate(it) for name, it in settings.get("mocks", {}).items()}
    except (ValidationError, KeyError, TypeError, AttributeError):
        return None
    return Config.model_construct(database=database, mocks=mocks)


def load(path: str | Path) -> Config:
    """Read and check a configuration file.

    Raises:
        UserError: if it is missing, no YAML, or wrong.
    """
    path = Path(path)
    settings = yamlfile.read(path)
    if not isinstance(settings, dict):
        raise UserError(f"{path}: not a configuration: it holds no keys")
    return parse(settings, str(path))
