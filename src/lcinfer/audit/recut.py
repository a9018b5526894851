"""Whether images, or spectra, are those that their light-cones give."""

from collections.abc import Iterator
from functools import cached_property

import numpy as np

from ..base import groups
from ..base.errors import reason
from ..images import cutting
from ..images.form import Form
from ..lightcones import failures, store
from ..lightcones.stored import Stored, opened
from ..products.databases import Inputs


class Recut:
    """Compares images with those of their light-cones, each time one is read for its digest.

    A file of images that has the digest of when it was cut, from a light-cone of this digest,
    is what was cut then. Any other is compared with images that are cut anew.
    """

    def __init__(self, inputs: Inputs, always: bool = False) -> None:
        """Nothing is read yet; with ``always`` all are cut anew."""
        self.inputs, self._always = inputs, always
        self._seen: set[int] = set()
        self._cut: set[int] = set()
        self._wrong: dict[int, str] = {}

    @cached_property
    def _markers(self) -> dict[str, cutting.Digests]:
        return cutting.digests(self.inputs)

    @cached_property
    def _form(self) -> Form:
        return cutting.form(self.inputs)

    def __call__(self, index: int, digest: str, light_cone: Stored) -> None:
        """Look at the images of a light-cone, which has this digest."""
        if index >= self.inputs.realizations:
            return
        self._seen.add(index)
        try:
            said = self._markers.get(str(index), cutting.Digests("", ""))
            with opened(self.inputs.store, index, self.inputs.kind) as images:
                known = said.stored == images.digest(said.light_cone, said.images)
                if known and said.light_cone == digest and not self._always:
                    return
                found = images.values
        except PermissionError:
            raise
        except Exception as error:  # zarr lets through whatever its codecs raise
            self._wrong[index] = f"cannot be read: {reason(error)}"
            return
        self._cut.add(index)
        try:
            cube = light_cone.values
        except store.DamagedStore as error:
            self._wrong[index] = f"cannot be compared, since it is {error}"
            return
        form = self._form
        anew = form.make(cube)
        if found.shape != anew.shape or not np.allclose(found, anew, rtol=0, atol=form.tolerance):
            self._wrong[index] = "are not those that its light-cone gives"
        elif said.images != store.digest(index, found):
            self._wrong[index] = "are not those of the digest in their block's marker"
        elif said.light_cone != digest:
            self._wrong[index] = "are marked as cut from another light-cone"

    def problems(self) -> Iterator[str]:
        """What was found, when every light-cone was read."""
        left_out = failures.named(self.inputs.sealed)
        for index in sorted(set(range(self.inputs.realizations)) - set(left_out)):
            if index in self._wrong:
                yield f"light-cone {index}: its {self.inputs.title} {self._wrong[index]}"
            elif index not in self._seen:
                what = f"its {self.inputs.title} cannot be compared, it cannot be read"
                yield f"light-cone {index}: {what}"

    @property
    def compared(self) -> str:
        """What was compared, if nothing is wrong."""
        anew, same = len(self._cut), len(self._seen) - len(self._cut)
        within = self._form.tolerance
        how = f"within {within:g} {self._form.attributes['units']}" if within else "bit for bit"
        what = self.inputs.title
        told = [f"the {what} of {anew} light-cones, {how}"] if anew or not same else []
        told += [f"the files of the {what} of {same} light-cones, as they were cut"] if same else []
        return "; ".join(told)


def labels(inputs: Inputs) -> Iterator[str]:
    """Parameters, seeds and coordinates that are not the light-cones'."""
    cones = inputs.lightcones
    form, noise = cutting.form(inputs), cutting.noise_columns(inputs)
    others = {name: values for name, (values, *_) in form.coordinates.items()}
    expected = {**store.design_columns(cones), **others}
    for name in (*expected, "redshift", "distance"):
        try:
            if name not in expected:
                source = groups.open_group(cones.store)
                expected[name] = form.along(store.values(source, name))
            found = store.values(cutting.open_store(inputs), name, len(expected[name]))
        except PermissionError:
            raise
        except Exception as error:  # zarr lets through whatever its codecs raise
            yield f"{inputs.store / name}: it cannot be read: {reason(error)}"
            continue
        if not np.array_equal(found, expected[name], equal_nan=name in others):
            yield f"{inputs.store / name}: it is not that of the light-cones"
    for name, column in noise.items():
        found = store.values(cutting.open_store(inputs), name)
        if found.shape != column.shape or not np.allclose(found, column, rtol=1e-3):
            yield f"{inputs.store / name}: it is not that of the instrument"
