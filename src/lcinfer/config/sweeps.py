"""Sweeps: trainings that vary another one, for learning curves and hyper-parameter studies.

A trial is a training like any other. Its product lies where a training of that name and these
settings lies, so that what two sweeps share, or a sweep and ``trainings``, is trained once.
"""

import math
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import product
from typing import Annotated, Any, Literal, Self

import numpy as np
from pydantic import Field, ValidationError, field_validator, model_validator

from . import messages as mistakes
from . import networks
from .base import Name, PositiveInt, Section
from .sections import Training

ARCHITECTURE = "network.architecture"
SEVERAL = {"repeats": 1, "ensemble": 1}
"""What a training says of several networks, and what it says of one: a trial is of one."""


class Range(Section):
    """Where a random search draws a setting from."""

    low: float
    """The smallest value."""
    high: float
    """The largest value."""
    log: bool = False
    """Draw the logarithm uniformly, not the value."""
    whole: bool = False
    """Round to a whole number."""

    @model_validator(mode="after")
    def _ascends(self) -> Self:
        if not self.low < self.high:
            raise ValueError(f"low {self.low:g} is not below high {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"low {self.low:g} has no logarithm")
        return self

    def at(self, share: float) -> float:
        """The value that lies a share in [0, 1) of the way from low to high."""
        low, high = (math.log(self.low), math.log(self.high)) if self.log else (self.low, self.high)
        value = low + share * (high - low)
        value = math.exp(value) if self.log else value
        return round(value) if self.whole else value


class Sweep(Section):
    """Trainings that vary another one: a grid of all combinations, or random trials."""

    training: Name
    """The training that is varied."""
    vary: Annotated[dict[str, Range | tuple[Any, ...]], Field(min_length=1)]
    """Its keys, as `optimiser.learning_rate` or `network.convolutions.0.filters`, each with the
    values that it takes, or for random trials with a range."""
    trials: PositiveInt | None = None
    """Random trials; more of them keep the earlier ones. None: the grid."""
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    """Decides the random trials."""
    scored_on: Literal["validation", "test"] = "validation"
    """A study ranks its trials on the validation set, and reads the test set once, for the best
    trial. A learning curve has each trial's score on the test set, and chooses nothing."""

    @field_validator("vary")
    @classmethod
    def _in_order(cls, vary: dict[str, Any]) -> dict[str, Any]:
        return dict(sorted(vary.items()))  # the order in the file decides nothing

    @model_validator(mode="after")
    def _values(self) -> Self:
        for key, values in self.vary.items():
            if key in SEVERAL:
                raise ValueError(f"{key} cannot be varied: vary `seed`")
            if isinstance(values, Range):
                if self.trials is None:
                    raise ValueError(f"vary.{key}: a grid needs a list of values, not a range")
            elif not values:
                raise ValueError(f"vary.{key} holds no value")
        return self

    @property
    def points(self) -> list[dict[str, Any]]:
        """The values of the varied keys in each trial."""
        if self.trials is None:
            lists = (values for values in self.vary.values() if not isinstance(values, Range))
            return [dict(zip(self.vary, point, strict=True)) for point in product(*lists)]
        return [self._drawn(number) for number in range(self.trials)]

    def _drawn(self, number: int) -> dict[str, Any]:
        # The number is the counter: a trial does not depend on how many there are.
        philox = np.random.Philox(key=self.seed, counter=[0, 0, 0, number])
        shares = np.random.Generator(philox).random(len(self.vary)).tolist()
        return {
            key: values.at(share) if isinstance(values, Range) else values[int(share * len(values))]
            for (key, values), share in zip(self.vary.items(), shares, strict=True)
        }


@dataclass(frozen=True)
class Trial:
    """One training of a sweep."""

    values: Mapping[str, Any]
    """The varied keys."""
    training: Training
    """All settings."""


def repeats(training: Training) -> list[Training]:
    """The training with each of its seeds, as trainings of their own."""
    seeds = range(training.seed, training.seed + training.repeats * training.ensemble)
    return [
        training.model_copy(update={"seed": seed, "repeats": 1})
        for seed in seeds[:: training.ensemble]
    ]


def members(training: Training) -> list[Training]:
    """The networks of an ensemble, as trainings of their own; none of a training of one network."""
    if training.ensemble == 1:
        return []
    return [
        training.model_copy(update={"seed": training.seed + number, **SEVERAL})
        for number in range(training.ensemble)
    ]


def trials(sweep: Sweep, varied: Training) -> list[Trial]:
    """All trials of a sweep.

    Raises:
        ValueError: if a training has no such key, or it does not take such a value.
    """
    return [Trial(values, _with(varied, values)) for values in sweep.points]


def _with(training: Training, values: Mapping[str, Any]) -> Training:
    settings = {**training.model_dump(mode="json"), **SEVERAL}
    if ARCHITECTURE in values:  # which decides the other keys that there are
        other = {**settings["network"], "architecture": values[ARCHITECTURE]}
        with suppress(ValueError):  # said below
            settings["network"] = networks.recorded(other).model_dump(mode="json")
    for key, value in values.items():
        *parents, last = key.split(".")
        section: Any = settings
        try:
            for parent in parents:
                section = section[_index(section, parent)]
            section[_index(section, last)]  # a key that is not there is a misspelt one
            section[_index(section, last)] = value
        except (KeyError, IndexError, TypeError, ValueError):
            raise ValueError(f"vary.{key}: a training has no such key") from None
    try:
        return Training.model_validate(settings)
    except ValidationError as error:
        raise ValueError(f"vary: {'; '.join(mistakes.of(error, settings))}") from None


def _index(section: Any, key: str) -> Any:
    return int(key) if isinstance(section, list) else key
