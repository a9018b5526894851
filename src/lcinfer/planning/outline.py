"""What a configuration makes, and where."""

from collections.abc import Iterator

from ..config import Config
from ..products.run import Run
from ..simulator.lightcone import coordinates


def outline(run: Run) -> str:
    """What a configuration makes, in a few lines."""
    config = run.config
    database, box = config.database, config.database.box
    redshift, _ = coordinates(database)
    rows, columns = config.image_shape
    taken = config.split.validation + config.split.test
    fewer = {
        name: f" ({training.light_cones} of them)" if training.light_cones else ""
        for name, training in config.trainings.items()
    }
    mocks = ", ".join(f"{name} ({mock.realizations})" for name, mock in config.mocks.items())
    lines = [
        f"run         {config.name}: {run.summary.directory}",
        f"database    {database.realizations} light-cones of {box.cells}x{box.cells}x"
        f"{database.lightcone.cells} cells of {box.cell_size:g} Mpc, z = {redshift[0]:.2f} to "
        f"{redshift[-1]:.2f}: {run.database.directory}",
        f"            varied: {', '.join(run.database.design.names)}",
        f"mocks       {mocks or 'none'}",
        f"images      {config.images.per_lightcone} of {rows}x{columns} cells per light-cone",
        *_spectra(config),
        f"split       {config.split.validation} validation, {config.split.test} test, "
        f"{database.realizations - taken} training light-cones",
        f"trainings   {', '.join(f'{name}{few}' for name, few in fewer.items())}",
        *([f"mcmc        {', '.join(config.mcmc)}"] if config.mcmc else []),
        f"jobs        {sum(len(cones.spans) for cones in run.lightcones.values())} of simulation",
    ]
    return "\n".join(lines)


def _spectra(config: Config) -> Iterator[str]:
    for name, spectra in config.spectra.items():
        chunks, numbers = spectra.shape(config.database.box, config.database.lightcone)
        yield f"spectra     {name}: {chunks} chunks of {numbers} numbers per light-cone"
