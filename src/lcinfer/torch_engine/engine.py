"""The engine: parameters and seeds -> light-cones, by the stages in the modules beside this one."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..base.device import arithmetic, choose_device
from ..base.errors import UserError
from ..config.sections import Simulation
from ..simulator.lightcone import LightCone
from ..simulator.velocities import BEYOND_THE_ENDS
from ..simulator.velocities import include_gradient as include_gradient_of_light_cone
from ..simulator.velocities import move_to_redshift_space as move_light_cone
from .brightness_temperature import brightness, optical_depth
from .cosmology import Background
from .density import Particles
from .fourier import Grid
from .galaxies import galaxies_of
from .heating import Radiation, Regions, Spheres
from .initial_conditions import make_initial_conditions
from .ionisation import Ionisation
from .light_cone import geometry_of
from .mass_function import mass_function_of
from .memory import made_in_parts
from .ranges import options_of
from .redshift_space import include_gradient, move
from .shells import radii, shells_at
from .spin_temperature import Gas, evolve, first_gas, mean_electrons


@dataclass(frozen=True)
class Boxes:
    """Coeval boxes of realisations side by side at a redshift; float32, (realisations, N, N, N).

    Attributes:
        redshift: of the boxes.
        density: overdensity.
        velocity: comoving, along the last axis, in Mpc/s; None where velocities have no part.
        gas_temperature: T_k in K, outside ionised regions.
        electrons: per hydrogen nucleus, outside ionised regions.
        spin_temperature: T_s in K.
        neutral_fraction: of hydrogen.
        tau: optical depth of the 21-cm line.
        brightness_temperature: T_b in mK.
    """

    redshift: float
    density: Tensor
    velocity: Tensor | None
    gas_temperature: Tensor
    electrons: Tensor
    spin_temperature: Tensor
    neutral_fraction: Tensor
    tau: Tensor
    brightness_temperature: Tensor


@torch.inference_mode()
def coeval_boxes(
    simulation: Simulation,
    parameters: list[dict[str, float]],
    seeds: list[int],
    device: torch.device,
) -> Iterator[Boxes]:
    """Boxes at each node, highest redshift first.

    Args:
        simulation: the settings.
        parameters: of each realisation, by py21cmfast's names and in its units.
        seeds: of each, in [1, 2^32).
        device: where to compute.

    Raises:
        UserError: if the settings or parameters ask for what the engine does not have.
    """
    options = options_of(simulation, *parameters)
    background = Background(simulation.cosmology, options.Y_He)
    masses = mass_function_of(background)
    galaxies = galaxies_of(parameters, device)
    box, simulator = simulation.box, simulation.simulator
    coarse = Grid(box.cells, box.length, device)
    fine = Grid(box.cells * box.hires_factor, box.length, device)
    particles = Particles(
        make_initial_conditions(seeds, fine, coarse, background), coarse, background
    )
    del fine  # and what it keeps of its many modes
    radius = torch.from_numpy(radii(box.cell_size, options))
    radiation, spheres = Radiation(galaxies, masses, options, radius), Spheres(radius, coarse)
    ionisation = Ionisation(galaxies, masses, options, coarse)
    late = regions = None
    if simulator.thermal_density == "scaled":
        z = simulation.lightcone.z_min
        matter, growth = particles.at(z), float(background.growth(z))
        late = matter.density.flatten(1) / growth
        regions = Regions(matter.modes, growth, spheres)
        del matter
    gas: Gas | None = None
    for redshift in geometry_of(simulation).nodes:
        matter = particles.at(redshift)
        growth = float(background.growth(redshift))
        followed = matter.density.flatten(1) if late is None else late * growth
        if gas is None or redshift >= simulator.z_heat_max:
            gas = first_gas(redshift, followed, background, options)
        else:
            around = regions or Regions(matter.modes, growth, spheres)
            shells = shells_at(redshift, box.cell_size, background, options)
            sky = radiation.sky(shells, around, mean_electrons(gas))
            gas = evolve(gas, redshift, followed, sky, background, options)
            del around, sky
        neutral = ionisation.neutral_fraction(redshift, matter, gas.electrons)
        tau = optical_depth(redshift, matter.density.flatten(1), neutral, gas.spin, background)
        shape = matter.density.shape
        yield Boxes(
            redshift=redshift,
            density=matter.density,
            velocity=(
                None if simulator.treatment == "none" else particles.velocity(matter, redshift)
            ),
            gas_temperature=gas.temperature.view(shape),
            electrons=gas.electrons.view(shape),
            spin_temperature=gas.spin.view(shape),
            neutral_fraction=neutral.view(shape),
            tau=tau.view(shape),
            brightness_temperature=brightness(redshift, tau, gas.spin).view(shape),
        )


def simulate(
    simulation: Simulation, parameters: dict[str, float], seed: int, device: str = "cpu"
) -> LightCone:
    """One light-cone: see :func:`simulate_batch`."""
    return simulate_batch(simulation, [parameters], [seed], device)[0]


def simulate_batch(
    simulation: Simulation,
    parameters: list[dict[str, float]],
    seeds: list[int],
    device: str = "cpu",
) -> list[LightCone]:
    """Light-cones of realisations.

    On a CPU each is made by itself, in one thread, so that its bytes depend on nothing but its
    own settings, parameters and seed. On a GPU all are made at once, or as many as fit.

    Args:
        simulation: the settings.
        parameters: of each realisation, by py21cmfast's names and in its units.
        seeds: of each, in [1, 2^32).
        device: ``cpu``, ``cuda``, or of several GPUs one, as ``cuda:1``.

    Raises:
        UserError: if the settings, parameters, seeds or device ask for what is not there.
    """
    _refuse_others_than_lists(parameters, seeds)
    options_of(simulation, *parameters)
    where = choose_device(device)
    if where.type != "cpu":
        with arithmetic("single", where):
            return made_in_parts(
                lambda some: _made(simulation, parameters[some], seeds[some], where),
                len(seeds),
                simulation.box,
            )
    with _one_thread():
        return [
            _made(simulation, [given], [seed], where)[0]
            for given, seed in zip(parameters, seeds, strict=True)
        ]


def _refuse_others_than_lists(parameters: Any, seeds: Any) -> None:
    if isinstance(parameters, Mapping) or not all(isinstance(it, Mapping) for it in parameters):
        raise UserError("parameters: they should be a list, with a dictionary for each light-cone")
    if np.ndim(seeds) != 1:
        raise UserError(f"seeds: they should be a list, with one for each light-cone, not {seeds}")
    for seed in seeds:
        if not isinstance(seed, int | np.integer) or not 1 <= seed < 2**32:
            raise UserError(f"seeds: {seed} is not a whole number from 1 to 2^32 - 1")
    if len(parameters) != len(seeds):
        raise UserError(f"{len(parameters)} sets of parameters and {len(seeds)} seeds")


@contextmanager
def _one_thread() -> Iterator[None]:
    """Sums in an order that does not depend on how many threads there are."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _made(
    simulation: Simulation,
    parameters: list[dict[str, float]],
    seeds: list[int],
    device: torch.device,
) -> list[LightCone]:
    treatment, cell = simulation.simulator.treatment, simulation.box.cell_size
    options, geometry = options_of(simulation), geometry_of(simulation)
    names = ["brightness_temperature"]
    if treatment in ("gradient", "shift", "both"):
        names.append("velocity")
    if treatment in ("gradient", "both"):
        names.append("tau")
    shape = (len(seeds), simulation.box.cells, simulation.box.cells, geometry.cells)
    cubes = {name: np.zeros(shape, np.float32) for name in names}
    neutral, mean = [], []
    before: dict[str, Tensor] = {}
    for node, boxes in enumerate(coeval_boxes(simulation, parameters, seeds, device)):
        fields = {name: getattr(boxes, name) for name in names}
        if treatment == "subcell" and boxes.velocity is not None:
            rate = float(geometry.hubble[node])
            seen = include_gradient(
                boxes.brightness_temperature, boxes.tau, boxes.velocity, rate, cell
            )
            fields["brightness_temperature"] = move(seen, boxes.velocity, rate, cell)
        neutral.append(_means(boxes.neutral_fraction))
        mean.append(_means(fields["brightness_temperature"]))
        if node:
            for name, cube in cubes.items():
                cells, values = geometry.between(node, fields[name], before[name])
                cube[..., cells] = values.cpu().numpy()
        before = fields
    hubble = geometry.hubble_along
    cones = []
    for index in range(len(seeds)):
        parts = {name: cube[index] for name, cube in cubes.items()}
        cube = parts["brightness_temperature"]
        if treatment in ("gradient", "both"):
            include_gradient_of_light_cone(
                cube, parts["velocity"], parts["tau"], hubble, cell, largest=options.MAX_DVDR
            )
        if treatment in BEYOND_THE_ENDS:
            move_light_cone(cube, parts["velocity"], hubble, cell)
        cones.append(
            LightCone(
                brightness_temp=np.ascontiguousarray(cube[..., geometry.kept]),
                node_redshift=np.array(geometry.nodes),
                neutral_fraction=np.array([values[index] for values in neutral]),
                global_brightness_temp=np.array([values[index] for values in mean]),
            )
        )
    return cones


def _means(field: Tensor) -> np.ndarray:
    """Of each realisation, float64."""
    flat = field.flatten(1)
    return np.asarray((flat.sum(1, dtype=torch.float64) / flat.shape[1]).cpu().numpy())
