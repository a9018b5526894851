"""Power spectra: what they are of known fields, whose waves they count, how they grow."""

import json

import numpy as np
import pytest
import xarray
from support.filling import complete, complete_without

from lcinfer import config
from lcinfer.base.errors import UserError
from lcinfer.config.sections import Box, LightConeGeometry
from lcinfer.config.spectra import Spectra
from lcinfer.images import cutting, spectra
from lcinfer.lightcones import store
from lcinfer.paper import scores
from lcinfer.products.run import Run
from lcinfer.stages import images
from lcinfer.stages.evaluate import evaluate_network
from lcinfer.stages.train import train_network
from lcinfer.text.styles import Markdown
from lcinfer.training.checkpoint import load

BOX = Box(cells=16, length=48)  # waves of 0.131 to 1.047 1/Mpc
KINDS = ("spherical", "cylindrical")
DENSE = {"architecture": "dense", "dense": [8]}


def delta_squared(cube, kind="spherical", bins=4, **settings):
    """Delta^2 in mK^2 of each bin of a cube of one chunk, and the bins' wavenumbers."""
    how = Spectra(kind=kind, bins=bins, floor=1e-12, chunk=cube.shape[2] * 3, **settings)
    (row,) = 10.0 ** spectra.measure(cube, BOX, how).astype(float)
    return row, spectra.Bins(BOX, how).k


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("depth", [16, 24])
def test_white_noise_has_the_same_power_at_every_wave(kind, depth) -> None:
    random, sigma = np.random.default_rng(1), 5.0
    rows = [
        delta_squared(random.normal(20, sigma, (16, 16, depth)), kind, bins=1) for _ in range(40)
    ]
    found = np.mean([row for row, _ in rows])
    how = Spectra(kind=kind, bins=1, chunk=3 * depth)
    x, y, along = np.ix_(*how.axes(BOX))
    k = np.sqrt(x**2 + y**2 + along**2)[how.bins_of(how.axes(BOX)) == 0]
    assert found == pytest.approx(sigma**2 * 3**3 * np.mean(k**3) / (2 * np.pi**2), rel=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_a_power_law_is_found_again(kind) -> None:
    how = Spectra(kind=kind, bins=5)
    x, y, along = np.ix_(*how.axes(BOX))
    k = np.sqrt(x**2 + y**2 + along**2)
    with np.errstate(divide="ignore"):
        power = 300 * k**-2.2  # mK^2 Mpc^3
    power[0, 0, 0] = 0
    noise = np.fft.fftn(np.random.default_rng(2).normal(size=k.shape))
    phases = noise / np.abs(noise)  # of a real field, every wave of which has exactly this power
    cube = np.fft.ifftn(phases * np.sqrt(power * k.size / 3**3)).real
    found, _ = delta_squared(cube, kind, bins=5)
    bins = how.bins_of(how.axes(BOX))
    expected = [np.mean((k**3 * power)[bins == number]) for number in range(bins.max() + 1)]
    np.testing.assert_allclose(found, np.array(expected) / (2 * np.pi**2), rtol=1e-5)


def test_one_wave_has_the_power_of_its_variance() -> None:
    amplitude, number = 7.0, 2
    k = 2 * np.pi * number / 48
    cube = np.zeros((16, 16, 16)) + amplitude * np.cos(k * 3 * np.arange(16))
    how = Spectra(kind="spherical", k=(0.9 * k, 1.1 * k), bins=1)
    found, waves = delta_squared(cube, k=how.k, bins=1)
    inside = (how.bins_of(how.axes(BOX)) == 0).sum()
    # Parseval: of the sum of P / V over all waves the two of this one are the whole variance.
    assert found[0] == pytest.approx(k**3 / (2 * np.pi**2) * amplitude**2 / 2 * 48**3 / inside)
    assert waves["k"][0] == pytest.approx(k, rel=0.1)


def test_the_waves_of_a_box_are_counted_without_its_octants_copies() -> None:
    for kind, bins in (("spherical", 8), ("cylindrical", 8), ("cylindrical", 3)):
        how = Spectra(kind=kind, bins=bins)
        chunks, numbers = how.shape(BOX, LightConeGeometry(cells=40))
        whole = how.bins_of(how.axes(BOX))
        assert chunks == 2
        assert sorted(set(whole.ravel())) == [-1, *range(numbers)]


def test_cells_behind_the_last_whole_chunk_are_left_out_and_the_mean_is_kept_if_asked_for() -> None:
    cube = np.random.default_rng(3).normal(-20, 3, (16, 16, 50))
    without = spectra.measure(cube, BOX, Spectra(kind="spherical"))
    row = spectra.measure(cube, BOX, Spectra(kind="spherical", mean=True))
    assert without.shape[0] == 3
    np.testing.assert_array_equal(row[:, :-1], without)
    np.testing.assert_allclose(row[:, -1], [cube[..., it : it + 16].mean() for it in (0, 16, 32)])
    np.testing.assert_array_equal(spectra.measure(0 * cube, BOX, Spectra(floor=0.1)), -1)


@pytest.fixture
def run(settings, tmp_path):
    """A function: a run with spectra, of so many light-cones."""

    def make(realizations=6, **changed):
        settings["database"]["realizations"] = realizations
        settings["spectra"] = {"rings": {"bins": 3}, "shells": {"kind": "spherical", "mean": True}}
        training = {"input": "rings", "epochs": 2, "batch": 4, "network": DENSE}
        settings["trainings"]["dense"] = training
        return Run(config.parse(settings | changed), tmp_path)

    return make


def test_spectra_lie_in_blocks_and_growing_measures_only_the_new_ones(run) -> None:
    before = None
    for count in (6, 11):
        made = run(count)
        complete(made.database)
        product = made.spectra["rings.cones"]
        images.make(product)
        shards = [store.shard_path(product.store, it, "spectra") for it in range(6)]
        written = [shard.stat().st_mtime_ns for shard in shards]
        assert before in (None, written)
        before = written
    content = xarray.open_zarr(product.store)
    assert content["spectra"].dims == ("light_cone", "image", "chunk", "bin")
    assert content["spectra"].shape == (11, 1, 5, len(content["k_perp"]))
    assert content["redshift"].shape == (5,)
    cube = store.read(made.database.store, 10)
    box, how = made.database.simulation.box, product.spectra
    np.testing.assert_array_equal(content["spectra"][10, 0], spectra.measure(cube, box, how))


def test_a_light_cone_that_failed_has_no_spectra(run, settings) -> None:
    settings["database"] |= {"allowed_failures": 0.2, "max_attempts": 1}
    made = run(10)
    complete_without(made.database, 8)
    product = made.spectra["shells.cones"]
    images.make(product)
    labelled = cutting.open_labelled(product)
    assert labelled.failed == (8,)
    assert np.isnan(labelled.images[8]).all()
    assert np.isfinite(labelled.images[9]).all()


def test_a_network_of_spectra_is_trained_and_scored_and_infer_says_what_it_reads(run) -> None:
    training = {"input": "rings", "epochs": 2, "batch": 4, "network": DENSE}
    made = run(12, trainings={"dense": training})
    for cones in made.lightcones.values():
        complete(cones)
    for name in ("rings.cones", "rings.FAINT"):
        images.make(made.spectra[name])
    train_network(made.trainings["dense"], 1)
    evaluate_network(made.evaluations["dense"], 1)
    found = json.loads(made.evaluations["dense"].scores.read_text())
    assert found["images"] == 1
    checkpoint = load(made.trainings["dense"].checkpoint)
    assert checkpoint.image_shape == [5, 9]
    with pytest.raises(UserError, match="this network reads power spectra"):
        checkpoint.images_geometry()
    row = next(line for line in scores.table(made, Markdown()).splitlines() if "`dense`" in line)
    assert row.split("|")[3].strip() == "spectra"


def test_other_sections_leave_every_fingerprint_alone(run, settings, tmp_path) -> None:
    alone = Run(config.parse(settings), tmp_path)
    beside = run(12)
    for kind, products in alone.by_kind.items():
        others = beside.by_kind[kind]
        assert {it: products[it].fingerprint for it in products} == {
            it: others[it].fingerprint for it in products
        }
    assert alone.spectra == alone.mcmc == {}
    assert "spectra" not in alone.summary.identity


def test_networks_of_two_spectra_are_not_seeds_of_one(run, settings) -> None:
    made = run(12)
    settings["trainings"]["other"] = {**settings["trainings"]["dense"], "input": "shells"}
    both = run(12)
    one, other = (both.trainings[it] for it in ("dense", "other"))
    assert one.fingerprint == made.trainings["dense"].fingerprint != other.fingerprint
    assert one.inputs.directory != other.inputs.directory


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"spectra": {"a": {"chunk": 600}}}, "a chunk of 600 Mpc is longer than the light-cone"),
        ({"spectra": {"a": {"chunk": 601}}}, "a chunk of 601 Mpc is longer than the light-cone"),
        ({"spectra": {"a": {"chunk": 9}}}, "chunk 9 Mpc is not two or more of the box's 6 Mpc"),
        ({"spectra": {"a": {"k": [2, 3]}}}, "k 2 to 3 1/Mpc holds no wave of the box"),
        ({"spectra": {"a": {"k": [2, 1]}}}, "low 2 is not below high 1"),
        ({"spectra": {"images": {}}}, "choose another name"),
        ({"spectra": {}}, "there is no section spectra.rings; there are none"),
        ({"mcmc": {"a": {"spectra": "ring"}}}, "spectra.ring: did you mean rings|spectra.ring"),
        ({"mcmc": {"a": {"spectra": "rings", "walkers": 6}}}, "4 parameters need 8"),
        ({"mcmc": {"a": {"spectra": "rings"}}}, "training light-cones, and there are 7"),
        ({"mcmc": {"a": {"spectra": "rings", "samples": 10**6}}}, "samples 1000000 are more"),
    ],
)
def test_mistakes_are_found_before_any_job(run, changed, told) -> None:
    with pytest.raises(UserError, match=told):
        run(12, **changed)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"network": {}}, "a gillet2019 reads images"),
        ({"augment": True}, "spectra are the same when mirrored"),
        ({"images": 2}, "exceeds the 1 set of spectra of a light-cone"),
    ],
)
def test_mistakes_of_a_training_on_spectra_are_found(run, settings, changed, told) -> None:
    run(12)
    settings["trainings"]["dense"] |= changed
    with pytest.raises(UserError, match=told):
        config.parse(settings)
