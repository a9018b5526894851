"""One tiny light-cone with the configuration's own engine, as a rank makes it."""

from collections.abc import Iterator

from ..config import Config
from ..engines import engine_of
from ..lightcones import aside, store
from ..products.run import Run
from .site import ALL_THERE, Line, Site, failed, passed

CELLS = 24  # across, at most
ALONG = 64  # along the line of sight, at most
Z_STEP_FACTOR = 1.1  # at least: few nodes


def tiny(config: Config) -> Config:
    """The same physics in seconds: fewer and, if they must be, larger cells, and fewer nodes."""
    database = config.database
    box, cone, simulator = database.box, database.lightcone, database.simulator
    cells = min(box.cells, CELLS)
    length = max(cells * box.cell_size, engine_of(database).smallest_box(database))
    parts = {
        "box": box.model_copy(update={"cells": cells, "length": length}),
        "lightcone": cone.model_copy(update={"cells": min(cone.cells, ALONG)}),
        "simulator": simulator.model_copy(
            update={"z_step_factor": max(simulator.z_step_factor, Z_STEP_FACTOR)}
        ),
        "realizations": 1,
    }
    return config.model_copy(update={"database": database.model_copy(update=parts)})


def check_simulation(site: Site) -> Iterator[Line]:
    """Simulate, write and read back one light-cone in a store that is removed afterwards."""
    if not site.run.simulates:
        yield passed("simulation", ALL_THERE)
        return
    cones = Run(tiny(site.config), site.scratch / "trial").database
    store.prepare(cones)
    (record,) = aside.simulate(cones, [0], site.limit, site.limit)
    engine = engine_of(site.config.database).name
    if record is None:
        what = f"a tiny light-cone took longer than {site.limit:g} s"
        yield failed("simulation", what, "see what the machine does besides; or --limit SECONDS")
    elif "unfit" in record:
        yield failed("simulation", "no light-cone can be made", record["unfit"])
    elif "unwritable" in record:
        what = f"a light-cone cannot be written: {record['unwritable']}"
        yield failed("simulation", what, "give --results another place")
    elif "error" in record:
        do = f"the engine ({engine}) fails here: jobs would too"
        yield failed("simulation", record["error"], do)
    elif store.digest(0, store.read(cones.store, 0)) != record["digest"]:
        do = "the file system loses data: give --results another place"
        yield failed("simulation", "a light-cone reads back other than it was written", do)
    else:
        box, cone = cones.simulation.box, cones.simulation.lightcone
        yield passed(
            "simulation",
            f"{box.cells} x {box.cells} x {cone.cells} cells in {record['seconds']:.1f} s, "
            f"{record['peak_bytes'] / 1e6:,.0f} MB ({engine}), written and read back",
        )
