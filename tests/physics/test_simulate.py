"""The simulator against py21cmfast's own driver, and against GM18's published mock."""

from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from itertools import pairwise
from multiprocessing import get_context
from types import SimpleNamespace

import numpy as np
import pytest
from support.heavy import ANOTHER, FAINT, ours, simulation, theirs
from support.spectra import GM18_COSMOLOGY, published, relative

from lcinfer.base.errors import UserError
from lcinfer.simulator import gm18 as simulate
from lcinfer.simulator.lightcone import BadLightCone, LightCone, cosmology, refuse_impossible

FULL = simulation(32, 96.0, 1043)  # every node from z = 6 to 35
GRADIENTS_OFF = simulation(
    32, 96.0, 300, simulator={"velocity_gradients": False, "z_step_factor": 1.2}
)
FEW_NODES = {
    velocities: simulation(
        16, 48.0, 400, simulator={"velocities": velocities, "z_step_factor": 1.2, "z_heat_max": 12}
    )
    for velocities in ("gradient", "shift", "both", "subcell", "none")
}
COARSE = simulation(32, 96.0, 1043, simulator={"z_step_factor": 1.2})
# The history that GM18 publish is of sigma8 = 0.82.
PUBLISHED = simulation(64, 96.0, 2000, cosmology={"SIGMA_8": 0.82})
# Their light-cone, as their code made it.
MOCK = simulation(
    64,
    96.0,
    2090,
    cosmology=GM18_COSMOLOGY,
    simulator={"velocities": "subcell", "thermal_density": "scaled"},
)
MOVED = {"HII_EFF_FACTOR": 200.0, "ION_Tvir_MIN": 5.5, "L_X": 39.0, "NU_X_THRESH": 1200.0}

# FAINT's global history from the files that its authors publish with 21CMMC
# (github.com/BradGreig/21CMMC): redshift, mean neutral fraction, mean T_b in mK.
FAINT_PUBLISHED = np.array(
    [
        (21.08, 0.9998, -11.62),
        (18.60, 0.9998, -57.47),
        (16.41, 0.9981, -124.33),
        (14.46, 0.9927, -114.10),
        (12.73, 0.9774, -42.39),
        (11.19, 0.9405, 1.65),
        (9.82, 0.8620, 14.28),
        (8.61, 0.7066, 13.54),
        (7.53, 0.4456, 7.78),
        (6.58, 0.1691, 2.42),
    ]
)
HALF_NEUTRAL_AT = 7.72
TROUGH_AT, TROUGH_DEPTH = 15.73, -132.9

JOBS: dict[str, tuple[Callable, tuple]] = {
    "published": (ours, (PUBLISHED, FAINT)),
    "mock": (ours, (MOCK, FAINT)),
    "theirs FAINT": (theirs, (FULL, FAINT)),
    "ours FAINT": (ours, (FULL, FAINT)),
    "theirs ANOTHER": (theirs, (FULL, ANOTHER)),
    "ours ANOTHER": (ours, (FULL, ANOTHER)),
    "theirs gradients off": (theirs, (GRADIENTS_OFF, FAINT)),
    "ours gradients off": (ours, (GRADIENTS_OFF, FAINT)),
    **{f"ours {name}": (ours, (FEW_NODES[name], FAINT)) for name in FEW_NODES},
    **{f"theirs {name}": (theirs, (FEW_NODES[name], FAINT)) for name in ("shift", "both")},
    "coarse": (ours, (COARSE, FAINT)),
    **{f"moved {name}": (ours, (COARSE, {**FAINT, name: MOVED[name]})) for name in MOVED},
}


@pytest.fixture(scope="module")
def light_cones() -> Iterator[Callable[[str], LightCone]]:
    """Every simulation of this module, begun at once, each made once."""
    with ProcessPoolExecutor(2, mp_context=get_context("spawn"), max_tasks_per_child=1) as pool:
        begun = {name: pool.submit(*_flat(job)) for name, job in JOBS.items()}
        yield lambda name: begun[name].result(timeout=1000)
        pool.shutdown(cancel_futures=True)


def _flat(job: tuple[Callable, tuple]) -> tuple:
    function, arguments = job
    return function, *arguments


@pytest.mark.parametrize("what", ["FAINT", "ANOTHER", "gradients off"])
def test_every_voxel_is_what_run_lightcone_makes(light_cones, what):
    one, other = light_cones(f"ours {what}"), light_cones(f"theirs {what}")
    assert one.brightness_temp.std() > 1
    np.testing.assert_array_equal(one.brightness_temp, other.brightness_temp)


@pytest.mark.parametrize("what", ["shift", "both"])
def test_cells_in_redshift_space_are_what_run_lightcone_makes(light_cones, what):
    one, other = light_cones(f"ours {what}"), light_cones(f"theirs {what}")
    assert one.brightness_temp.std() > 1
    # Both are of float32 fields; run_lightcone adds sub-cells up in float32 as well.
    np.testing.assert_allclose(one.brightness_temp, other.brightness_temp, rtol=0, atol=2e-5)
    np.testing.assert_array_equal(one.node_redshift, other.node_redshift)


def test_velocities_change_the_light_cone_and_not_what_it_is_made_of(light_cones):
    cones = [light_cones(f"ours {velocities}") for velocities in FEW_NODES]
    gradient = cones[0]
    for cone in cones:
        refuse_impossible(cone, FEW_NODES["gradient"])
        shared = len(gradient.node_redshift)
        np.testing.assert_array_equal(cone.node_redshift[:shared], gradient.node_redshift)
        np.testing.assert_array_equal(cone.neutral_fraction[:shared], gradient.neutral_fraction)
    cubes = [cone.brightness_temp for cone in cones]
    for number, cube in enumerate(cubes):
        for other in cubes[:number]:
            assert (cube - other).std() > 0.1  # mK


def test_nodes_reach_below_the_nearest_cell_only_where_cells_are_moved():
    nodes = {name: simulate.node_redshifts(settings) for name, settings in FEW_NODES.items()}
    assert nodes["gradient"] == nodes["subcell"] == nodes["none"]
    assert nodes["shift"] == nodes["both"] == (*nodes["gradient"], pytest.approx(7 / 1.2 - 1))
    high = simulation(32, 96.0, 1350, simulator={"velocities": "shift"})
    _, distance = simulate.coordinates(high)
    reach = cosmology(high.cosmology).comoving_distance(simulate.node_redshifts(high)[0]).value
    assert reach > distance[-1] + 3 * high.box.cell_size


def test_cells_cannot_be_moved_where_no_node_fits_below_the_nearest():
    near = simulation(16, 48.0, 60, simulator={"velocities": "both"})
    near = near.model_copy(update={"lightcone": near.lightcone.model_copy(update={"z_min": 0.001})})
    with pytest.raises(UserError, match="velocities both needs a node below"):
        simulate.node_redshifts(near)


@pytest.mark.parametrize("what", ["FAINT", "ANOTHER"])
def test_the_histories_are_those_of_run_lightcone(light_cones, what):
    one, other = light_cones(f"ours {what}"), light_cones(f"theirs {what}")
    np.testing.assert_allclose(one.neutral_fraction, other.neutral_fraction, rtol=1e-6)
    np.testing.assert_allclose(one.global_brightness_temp, other.global_brightness_temp, rtol=1e-4)


def test_the_nodes_reach_from_the_nearest_cell_to_above_the_heating_and_the_farthest_cell():
    nodes = simulate.node_redshifts(FULL)
    assert np.diff(np.log1p(nodes)) == pytest.approx(-np.log(1.02))
    assert nodes[-1] == FULL.lightcone.z_min
    assert nodes[0] > FULL.simulator.z_heat_max
    long = simulation(32, 96.0, 1400)
    assert simulate.node_redshifts(long)[0] > simulate.coordinates(long)[0][-1] > 35


def test_faint_reionises_when_its_authors_say(light_cones):
    cone = light_cones("published")
    # Redshifts fall along the nodes, and so does the neutral fraction.
    half = np.interp(0.5, cone.neutral_fraction[::-1], cone.node_redshift[::-1])
    assert abs(half - HALF_NEUTRAL_AT) < 0.1


def test_faint_has_its_authors_neutral_fractions(light_cones):
    cone = light_cones("published")
    redshift, neutral_fraction, _ = FAINT_PUBLISHED.T
    here = np.interp(redshift, cone.node_redshift[::-1], cone.neutral_fraction[::-1])
    assert np.abs(here - neutral_fraction).max() < 0.05


def test_faint_has_its_authors_absorption_trough(light_cones):
    cone = light_cones("published")
    deepest = int(np.argmin(cone.global_brightness_temp))
    published = int(np.argmin(np.abs(cone.node_redshift - TROUGH_AT)))
    assert abs(deepest - published) <= 1
    assert abs(cone.global_brightness_temp[deepest] - TROUGH_DEPTH) < 8


def test_faint_has_its_authors_power_spectra(light_cones):
    cube = light_cones("mock").brightness_temp
    ratio = relative(cube, simulate.coordinates(MOCK)[0])
    wavenumber, *_ = published()
    # Waves that a 96 Mpc box has many of, and that its cells resolve.
    shown = (wavenumber > 0.3) & (wavenumber < 0.9)
    of_section = np.exp(np.log(ratio[:, shown]).mean(axis=1))
    # 21cmFAST 4.1.1 as released has 0.74, 0.66 and 0.52 in the last three: cosmic dawn.
    assert of_section == pytest.approx(1, abs=0.25)


@pytest.mark.parametrize("name", MOVED)
def test_each_varied_parameter_alone_changes_the_signal(light_cones, name):
    moved, still = light_cones(f"moved {name}"), light_cones("coarse")
    change = moved.brightness_temp - still.brightness_temp
    assert change.std() > 1  # mK; a parameter without effect gives exactly 0


def test_a_real_light_cone_passes_the_checks_of_the_database(light_cones):
    refuse_impossible(light_cones("ours FAINT"), FULL)


def test_an_option_that_py21cmfast_does_not_know_is_one_line_naming_it():
    wrong = simulation(32, 96.0, 100, simulator={"options": {"NO_SUCH_OPTION": 1}})
    with pytest.raises(UserError, match="NO_SUCH_OPTION") as error:
        simulate.inputs_for(wrong, FAINT, 1)
    assert "\n" not in str(error.value)


def test_a_value_that_py21cmfast_refuses_is_one_line_naming_it():
    with pytest.raises(UserError, match="NU_X_THRESH") as error:
        simulate.inputs_for(COARSE, {**FAINT, "NU_X_THRESH": 50.0}, 1)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("nodes", "missed"), [((12, 9, 6), False), ((12, 9, 6.5), True), ((6.5, 6), True)]
)
def test_planes_that_lie_between_no_two_nodes_are_refused(nodes, missed):
    settings = simulation(16, 48.0, 200, simulator={"z_step_factor": 1.4, "z_heat_max": 12})
    inputs = simulate.inputs_for(settings, FAINT, 1)
    _, distance = simulate.coordinates(settings)
    planes = simulate.Planes(
        simulate.RectilinearLightconer(
            lc_distances=distance * simulate.units.Mpc, cosmo=inputs.cosmo_params.cosmo
        ),
        inputs,
    )
    cubes = {"brightness_temp": np.zeros((16, 16, len(distance)), np.float32)}
    boxes = [SimpleNamespace(redshift=z, brightness_temp=np.ones((16, 16, 16))) for z in nodes]
    for far, near in pairwise(boxes):
        planes.interpolate(near, far, cubes)
    empty = np.count_nonzero(cubes["brightness_temp"][0, 0] == 0)
    assert bool(empty) == missed
    if missed:
        with pytest.raises(BadLightCone, match=f"{empty} of 200 planes .* between no two nodes"):
            planes.check_all_reached()
    else:
        planes.check_all_reached()
