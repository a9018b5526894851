"""Which light-cones train, validate and test.

Light-cones are split, never images: two images of one light-cone share its parameters and
its initial conditions, and a network told to generalise would remember the box instead.
"""

from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from ..base.errors import UserError
from ..config.sections import Split


class Sets(NamedTuple):
    """Indices of the light-cones of each set, ascending."""

    validation: Sequence[int]
    test: Sequence[int]
    training: Sequence[int]


def divide(
    split: Split, light_cones: int, failed: Collection[int] = (), training: int | None = None
) -> Sets:
    """Light-cones of each set: validation and test first, so that growth only adds training.

    Failed ones are left out of the set that they would be in; no other takes their place.

    Args:
        split: sizes of the validation and the test set.
        light_cones: all that there are, the failed ones too.
        failed: their indices.
        training: train on the first so many of the others, the failed ones too; none: all.

    Raises:
        UserError: if none are left to train on, or a set is too small without the failed.
    """
    taken = split.validation + split.test
    if taken >= light_cones:
        raise UserError(
            f"split: {split.validation} light-cones for validation and {split.test} for "
            f"testing leave none of {light_cones} for training"
        )
    last = light_cones if training is None else min(light_cones, taken + training)
    whole = (range(split.validation), range(split.validation, taken), range(taken, last))
    sets = Sets(*([index for index in them if index not in failed] for them in whole))
    for name, members, least in zip(Sets._fields, sets, (1, 2, 1), strict=True):
        if len(members) < least:
            raise UserError(
                f"split: without {len(failed)} failed light-cones the {name} set has "
                f"{len(members)}, and needs {least} at least"
            )
    return sets


def left_out(split: Split, failed: Collection[int]) -> dict[str, Any]:
    """The failed light-cones, and how many of each set they are; empty if there are none."""
    if not failed:
        return {}
    taken = split.validation + split.test
    return {
        "light_cones": sorted(failed),
        "validation": sum(index < split.validation for index in failed),
        "test": sum(split.validation <= index < taken for index in failed),
        "training": sum(index >= taken for index in failed),
    }
