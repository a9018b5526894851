"""Memory and time of one light-cone, lcinfer's simulator against py21cmfast.run_lightcone.

    python benchmarks/lightcone.py compare            # 100^3 cells, both, in turn
    python benchmarks/lightcone.py paper              # one light-cone of config/config.yaml
    python benchmarks/lightcone.py costs --plain PYTHON --cells 32 --threads 1
    python benchmarks/lightcone.py velocities         # their treatments, on synthetic fields

Each simulation runs in a process of its own, so that its peak memory is its own. ``costs`` lays
21cmFAST as its authors released it, in the environment of the interpreter that is named, beside the
one that is installed here.
"""

import argparse
import hashlib
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

from lcinfer.config import load
from lcinfer.config.sections import Simulation

FAINT = {"HII_EFF_FACTOR": 30.0, "ION_Tvir_MIN": 4.69897, "L_X": 40.0, "NU_X_THRESH": 500.0}
PAPER = Path(__file__).parents[1] / "config" / "config.yaml"


# What is laid side by side: whose 21cmFAST, whose driver, velocities, density of spin temperatures.
SIDE_BY_SIDE = (
    ("released", "run_lightcone", "gradient", "own"),
    ("released", "lcinfer", "gradient", "own"),
    ("installed", "lcinfer", "gradient", "own"),
    ("installed", "lcinfer", "subcell", "own"),
    ("installed", "lcinfer", "subcell", "scaled"),
)


def simulation_of(cells: int, threads: int, velocities: str, density: str) -> Simulation:
    """The paper's light-cone, in a box of fewer of its 1.5 Mpc cells, to z = 30."""
    database = load(PAPER).database
    changes = {"threads": threads, "velocities": velocities, "thermal_density": density}
    if cells == database.box.cells:
        return database.model_copy(
            update={"simulator": database.simulator.model_copy(update=changes)}
        )
    return Simulation(
        cosmology=database.cosmology,
        box=database.box.model_copy(update={"cells": cells, "length": 1.5 * cells}),
        lightcone=database.lightcone.model_copy(update={"cells": 2090}),
        simulator=database.simulator.model_copy(update=changes),
    )


def measure(engine: str, simulation: Simulation) -> dict[str, object]:
    """Simulate FAINT once, here; wall and CPU seconds, peak memory in GB, digest of the voxels."""
    from lcinfer.simulator import gm18 as simulate

    begin = time.perf_counter()
    if engine == "lcinfer":
        cube = simulate.simulate(simulation, FAINT, seed=1).brightness_temp
    else:
        import py21cmfast
        from astropy.units import Mpc

        inputs = simulate.inputs_for(simulation, FAINT, seed=1)
        _, distance = simulate.coordinates(simulation)
        cube = py21cmfast.run_lightcone(
            lightconer=py21cmfast.RectilinearLightconer(
                lc_distances=distance * Mpc,
                cosmo=inputs.cosmo_params.cosmo,
                quantities=("brightness_temp",),
            ),
            inputs=inputs,
            cache=None,
            write=False,
            regenerate=True,
        ).lightcones["brightness_temp"]
    seconds = time.perf_counter() - begin
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "engine": engine,
        "cells": simulation.box.cells,
        "shape": list(cube.shape),
        "nodes": len(simulate.node_redshifts(simulation)),
        "threads": simulation.simulator.threads,
        "py21cmfast": simulate.version(),
        "seconds": round(seconds, 1),
        "cpu_seconds": round(usage.ru_utime + usage.ru_stime, 1),
        "peak_gb": round(usage.ru_maxrss * 1024 / 1e9, 3),
        "sha256": hashlib.sha256(cube.tobytes()).hexdigest()[:16],
        "mean_mk": round(float(cube.mean()), 4),
        "std_mk": round(float(cube.std()), 4),
    }


def velocities(cells: int, along: int) -> dict[str, object]:
    """Seconds of each treatment of velocities on one light-cone's fields, ours and py21cmfast's."""
    import numpy as np
    from py21cmfast import rsds

    from lcinfer.simulator import gm18 as simulate
    from lcinfer.simulator.velocities import (
        KM_IN_MPC,
        SUBCELLS_OF_BOX,
        include_gradient,
        move_to_redshift_space,
    )

    inputs = simulate.inputs_for(simulation_of(cells, 1, "both", "own"), FAINT, seed=1)
    redshifts = np.linspace(6, 30, along)
    hubble = inputs.cosmo_params.cosmo.H(redshifts).value
    noise, shape = np.random.default_rng(1), (cells, cells, along)
    displacement = noise.normal(0, 1, shape)  # in Mpc
    velocity = (displacement * hubble / KM_IN_MPC).astype(np.float32)
    brightness = noise.normal(0, 20, shape).astype(np.float32)
    tau = noise.uniform(0, 0.1, shape).astype(np.float32)
    box, box_velocity = brightness[..., :cells].copy(), velocity[..., :cells]
    fields = (brightness, velocity, redshifts, inputs)
    # Theirs first: ours works in place.
    done = {
        "gradient, theirs": lambda: rsds.include_dvdr_in_tau21(*fields, False, tau),
        "shift, theirs": lambda: rsds.apply_rsds(*fields, False),
        "gradient": lambda: include_gradient(brightness, velocity, tau, hubble, 1.5, largest=0.2),
        "shift": lambda: move_to_redshift_space(brightness, velocity, hubble, 1.5),
        "subcell, one box": lambda: move_to_redshift_space(
            box, box_velocity, hubble[0], 1.5, periodic=True, subcells=SUBCELLS_OF_BOX
        ),
    }
    seconds = {}
    for name, treat in done.items():
        begin = time.perf_counter()
        treat()
        seconds[name] = time.perf_counter() - begin
    return {
        "shape": list(shape),
        "seconds": {name: round(took, 3) for name, took in seconds.items()},
        "theirs/ours": {
            name: round(seconds[f"{name}, theirs"] / seconds[name], 1)
            for name in ("gradient", "shift")
        },
    }


def in_its_own_process(*arguments: str, python: str = sys.executable) -> dict[str, object]:
    """Run one measurement and print its line."""
    command = [python, "-W", "ignore", __file__, "one", *arguments]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    line: dict[str, object] = json.loads(done.stdout.splitlines()[-1])
    print(json.dumps(line), flush=True)
    return line


def costs(plain: str, size: list[str]) -> None:
    """Print a table of what a light-cone costs with each of SIDE_BY_SIDE."""
    rows = []
    for whose, engine, velocities, density in SIDE_BY_SIDE:
        how = [engine, "--velocities", velocities, "--density", density, *size]
        python = plain if whose == "released" else sys.executable
        rows.append(in_its_own_process(*how, python=python))
    print("| 21cmfast | driver | velocities | density | CPU / s | ratio | peak / GB |")
    print("|---|---|---|---|---|---|---|")
    for (_, engine, velocities, density), row in zip(SIDE_BY_SIDE, rows, strict=True):
        ratio = row["cpu_seconds"] / rows[1]["cpu_seconds"]
        print(
            f"| {row['py21cmfast']} | {engine} | {velocities} | {density} "
            f"| {row['cpu_seconds']} | {ratio:.2f} | {row['peak_gb']} |"
        )


def main() -> None:
    """See the module's docstring."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("what", choices=["compare", "paper", "costs", "velocities", "one"])
    parser.add_argument("engine", nargs="?", default="lcinfer")
    parser.add_argument("--cells", type=int, default=100)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--velocities", default="gradient")
    parser.add_argument("--density", default="own")
    parser.add_argument("--plain", help="an interpreter with 21cmFAST as it was released")
    options = parser.parse_args()
    size = ["--cells", str(options.cells), "--threads", str(options.threads)]
    if options.what == "one":
        simulation = simulation_of(
            options.cells, options.threads, options.velocities, options.density
        )
        print(json.dumps(measure(options.engine, simulation)))
    elif options.what == "costs":
        if options.plain is None:
            parser.error("costs needs --plain")
        costs(options.plain, size)
    elif options.what == "velocities":
        for cells, along in ((32, 1043), (64, 2000)):
            print(json.dumps(velocities(cells, along)), flush=True)
    elif options.what == "paper":
        paper = ["--cells", str(load(PAPER).database.box.cells)]
        in_its_own_process("lcinfer", *paper, "--velocities", "subcell", "--density", "scaled")
    else:
        ours, theirs = (in_its_own_process(name, *size) for name in ("lcinfer", "run_lightcone"))
        ratios = {key: round(ours[key] / theirs[key], 3) for key in ("peak_gb", "seconds")}  # type: ignore[operator]
        print(
            json.dumps(
                {"lcinfer/run_lightcone": ratios, "identical": ours["sha256"] == theirs["sha256"]}
            )
        )


if __name__ == "__main__":
    main()
