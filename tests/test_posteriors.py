"""Files of posteriors, and the guess that calibration takes its references from."""

import dataclasses

import numpy as np
import pytest
import xarray as xr
from zarr.storage import ZipStore

from lcinfer.base.errors import UserError
from lcinfer.evaluation.posteriors import (
    Posteriors,
    read_posteriors,
    ridge,
    stamp_of_posteriors,
    write_posteriors,
)


def some(light_cones=3, samples=5):
    """Posteriors of a few light-cones."""
    generator = np.random.default_rng(1)
    return Posteriors(
        names=("HII_EFF_FACTOR", "L_X"),
        light_cones=np.arange(10, 10 + light_cones),
        truth=generator.random((light_cones, 2)),
        samples=generator.random((light_cones, samples, 2), dtype=np.float32),
        log_density=np.array([1.5, -np.inf, 0.25][:light_cones]),
        reference=generator.random((light_cones, 2)),
    )


def test_a_file_of_posteriors_is_read_as_it_was_written_with_fixed_bytes(tmp_path):
    """Also by xarray, with its stamp as attributes."""
    paths = [tmp_path / name for name in ("one.zarr.zip", "other.zarr.zip")]
    for path in paths:
        write_posteriors(some(), path, {"product": "evaluations/a"})
    assert paths[0].read_bytes() == paths[1].read_bytes()
    found = read_posteriors(paths[0])
    for each in dataclasses.fields(Posteriors):
        written, read = getattr(some(), each.name), getattr(found, each.name)
        np.testing.assert_array_equal(read, written)
        assert np.asarray(read).dtype.kind == np.asarray(written).dtype.kind
    assert found.samples.dtype == np.float32
    assert stamp_of_posteriors(paths[0]) == {"product": "evaluations/a"}
    with ZipStore(paths[0]) as store:
        opened = xr.open_zarr(store)
        assert opened["samples"].sel(parameter="L_X").dims == ("light_cone", "sample")


def test_a_damaged_file_of_posteriors_is_named(tmp_path):
    """One line, whatever is wrong."""
    path = tmp_path / "posterior.zarr.zip"
    with pytest.raises(UserError, match="No such file"):
        read_posteriors(path)
    write_posteriors(some(), path)
    content = bytearray(path.read_bytes())
    at = content.index(some().samples.tobytes())
    content[at + 3] ^= 1
    path.write_bytes(content)
    with pytest.raises(UserError, match=r"posterior\.zarr\.zip: .*damaged"):
        read_posteriors(path)
    path.write_bytes(b"no archive")
    with pytest.raises(UserError, match="damaged"):
        read_posteriors(path)


def test_ridge_finds_a_linear_relation():
    """From more profiles' parts than light-cones too, and where one part is constant."""
    generator = np.random.default_rng(2)
    parameters = generator.random((200, 2))
    profiles = parameters @ generator.normal(size=(2, 300)) + 3
    profiles[:, 0] = 1
    guessed = ridge(profiles[:100], parameters[:100], profiles[100:])
    assert np.abs(guessed - parameters[100:]).max() < 0.05
