"""SKA-Low's noise and what it does not see."""

import numpy as np
import pytest
from astropy.cosmology import FlatLambdaCDM

from lcinfer.base.errors import UserError
from lcinfer.instrument import array, noise, wedge

COSMOLOGY = FlatLambdaCDM(H0=67.8, Om0=0.308)
TRACK, HOURS = 6.0, 1000.0


def channels(redshift, box=96.0, cells=32):
    redshift = np.atleast_1d(np.asarray(redshift, float))
    distance, hubble = COSMOLOGY.comoving_distance(redshift).value, COSMOLOGY.H(redshift).value
    return noise.Channels(redshift, distance, hubble, cells, box / cells, 0.678)


@pytest.fixture(scope="module", params=array.LAYOUTS)
def layout(request):
    place = array.stations(request.param)
    return request.param, array.baselines(place, TRACK, -30.0, 3000.0)


def powers(baselines, planes, least=0.0):
    seconds = noise.seen(baselines, planes)
    seconds[seconds < least] = 0
    return noise.power(seconds, planes, np.full(len(planes.redshift), 1848.0), HOURS, TRACK)


# rms in mK at z = 8, 1000 h of 6 h tracks, declination -30, SEFD 1848 Jy: of modes that are seen
# for at least so many seconds of a track, as tools21cm has them. Only AA* at 3 km has others.
RARELY = 0.02 * 3600 * TRACK
EXPECTED = {
    ("AA4", 300.0, 1000.0): 20, ("AA4", 300.0, 2000.0): 76,
    ("AA*", 300.0, 1000.0): 30, ("AA*", 300.0, 2000.0): 162,
    ("AA4", 300.0, 3000.0): 182, ("AA4", 96.0, 3000.0): 119,
    ("AA4", 96.0, 1000.0): 14, ("AA4", 96.0, 2000.0): 53,
    ("AA*", 96.0, 1000.0): 21, ("AA*", 96.0, 2000.0): 108,
    ("AA*", 300.0, 3000.0): 657, ("AA*", 96.0, 3000.0): 951,
}  # fmt: skip


def test_noise_is_what_an_independent_calculation_gives(layout) -> None:
    name, baselines = layout
    for (other, box, longest), expected in EXPECTED.items():
        if other == name:
            cut = array.Baselines(baselines.seconds, longest)
            planes = channels(8.0, box, 200 if box == 300 else 32)
            rms = noise.rms(powers(cut, planes, RARELY))
            assert rms == pytest.approx(expected, rel=0.05)


def test_noise_drawn_has_its_rms_and_no_symmetry_but_that_of_real_numbers(layout) -> None:
    baselines = array.Baselines(layout[1].seconds, 2000.0)
    planes = channels([8.0] * 64)
    drawn = noise.draw(powers(baselines, planes), np.random.default_rng(1))
    assert drawn.shape == (32, 32, 64)
    assert drawn.std() == pytest.approx(noise.rms(powers(baselines, planes))[0], rel=0.02)
    turned = np.roll(drawn[::-1, ::-1], 1, axis=(0, 1))  # x -> -x
    assert abs(np.corrcoef(drawn.ravel(), turned.ravel())[0, 1]) < 0.05
    assert abs(drawn.mean(axis=(0, 1))).max() < 1e-4


def test_a_light_cone_keeps_the_modes_that_are_seen_and_no_mean() -> None:
    baselines = array.baselines(array.stations("AA4"), TRACK, -30.0, 1000.0)
    planes = channels([8.0, 9.0])
    seconds = noise.seen(baselines, planes)
    x = np.arange(32) * 2 * np.pi / 32
    long, short = (np.cos(k * x)[:, None, None] * np.ones((1, 32, 2)) for k in (3, 12))
    kept = noise.resolved((5 + long + short).astype(np.float32), seconds)
    assert kept == pytest.approx(long, abs=1e-5)


def test_the_horizon_rises_with_redshift() -> None:
    slopes = wedge.slope(channels([6, 8, 10, 15, 20]))
    assert slopes == pytest.approx([2.81, 3.45, 4.03, 5.26, 6.32], rel=0.01)


@pytest.mark.parametrize(("k_along", "left"), [(2, 0.0), (25, 1.0)])
def test_a_wave_in_the_wedge_goes_and_one_outside_stays(k_along, left) -> None:
    planes = channels(np.linspace(8, 8.2, 256))
    along = np.cos(2 * np.pi * k_along * np.arange(256) / wedge.CHUNK)
    across = np.cos(2 * np.pi * 2 * np.arange(32) / 32)
    wave = (across[:, None, None] * along * np.ones((1, 32, 1))).astype(np.float32)
    kept = wedge.avoid(wave, planes, "horizon")
    assert kept[..., 32:-32].std() / wave.std() == pytest.approx(left, abs=0.1)


def test_windows_of_chunks_add_up_to_one(monkeypatch) -> None:
    monkeypatch.setattr(wedge, "slope", lambda planes: np.full(len(planes.redshift), -1.0))
    box = np.random.default_rng(1).normal(size=(8, 8, 300)).astype(np.float32)
    planes = channels(np.linspace(6, 9, 300), 24.0, 8)
    kept = wedge.avoid(box, planes, "horizon")
    assert kept - kept.mean(-1, keepdims=True) == pytest.approx(
        box - box.mean(-1, keepdims=True), abs=0.2
    )


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: array.stations("AA9"), "SKA-Low's are AA* and AA4"),
        (lambda: array.stations("AA*", [307]), "AA* has 0 to 306"),
        (lambda: array.sefd("mine", np.array([150.0])), "the tables are aavs2 and skao"),
        (lambda: array.sefd("aavs2", np.array([40.0, 150.0])), "40.0 to 150.0 MHz"),
    ],
)
def test_what_is_not_there_is_one_line(ask, says) -> None:
    with pytest.raises(UserError, match=says.replace("*", r"\*")):
        ask()


def test_stations_left_out_change_the_digest_and_the_number() -> None:
    whole, some = array.stations("AA*"), array.stations("AA*", range(50))
    assert (len(whole), len(some)) == (307, 257)
    assert array.digest(whole) != array.digest(some)


def test_the_default_table_at_the_redshift_8() -> None:
    assert array.sefd("aavs2", np.array([157.8])) == pytest.approx(1975, rel=0.02)
