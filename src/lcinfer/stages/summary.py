"""What a run says: its tables, its manifest, and a few lines for a terminal."""

import csv
from pathlib import Path
from typing import Any

from ..base import durable
from ..base.counting import counted
from ..base.errors import UserError
from ..config.networks import Network
from ..paper import tables
from ..products.product import Product
from ..products.run import Run
from ..records.record import recorded
from ..records.stamp import comment, stamp, stamp_of_table, uncommented
from ..simulator.lightcone import coordinates
from . import scored
from .scored import left_out


def describe(run: Run) -> str:
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
        f"split       {config.split.validation} validation, {config.split.test} test, "
        f"{database.realizations - taken} training light-cones",
        f"trainings   {', '.join(f'{name}{few}' for name, few in fewer.items())}",
        f"jobs        {sum(len(cones.spans) for cones in run.lightcones.values())} of simulation",
    ]
    return "\n".join(lines)


def network_table(name: str, network: Network, image: tuple[int, int], outputs: int) -> str:
    """A network layer by layer, as Table 1 of Gillet et al. 2019."""
    from ..training.networks.architectures import layers

    rows = layers(network, image, outputs)
    wide = max(len(row.step) for row in rows)
    lines = [f"{name}", f"{'order':>5}  {'layer':<{wide}} {'data':>18} {'weights':>12}"]
    for row in rows:
        data = " x ".join(f"{cells:,}" for cells in row.shape)
        lines.append(f"{row.order:>5}  {row.step:<{wide}} {data:>18} {row.weights:>12,}")
    lines.append(f"{'':>5}  {'all weights':<{wide}} {'':>18} {sum(r.weights for r in rows):>12,}")
    return "\n".join(lines)


def write(run: Run) -> None:
    """Write R2, the paper's tables, links to all that they rest on, and ``manifest.json``."""

    evaluations = run.evaluations.values()
    read = [file for each in evaluations for file in (each.scores, each.predictions)]
    read += [each.training.history for each in evaluations]
    with recorded(run.summary, "summarise", run.summary.outputs, read):
        for path, text in ((run.summary.table, scored.table), (run.summary.page, scored.page)):
            durable.write_text(path, comment(stamp_of_table(run.summary), path.suffix) + text(run))
        tables.write(run)
        for link, product in links(run).items():
            durable.write_link(link, product.directory)
        write_manifest(run)


def links(run: Run) -> dict[Path, Product]:
    """What leads from a run's directory to each product, by kind and by the configuration's names.

    Figures may be drawn later: their links are there before them.
    """
    return {
        run.summary.directory / kind / name: product
        for kind, named in run.by_kind.items()
        for name, product in named.items()
    }


def write_manifest(run: Run) -> None:
    """Write where all lies that a run points to, and the configuration that it was made from."""
    content = {**_manifest(run), "provenance": stamp(run.summary)}
    durable.write_json(run.summary.manifest, content)


def scores(run: Run) -> str:
    """A finished run's table of R2 for a terminal, and where its results are.

    Raises:
        UserError: if the run is not finished.
    """
    table = run.summary.table
    if not table.exists():
        raise UserError(unfinished(run, table))
    with table.open(encoding="utf-8", newline="") as file:
        _, *lines = csv.reader(uncommented(file))
    confidence = f"{run.config.evaluation.confidence:.0%}"
    head = ["training", "prediction", "parameter", "R2", f"{confidence} from", "to"]
    rows = [head, *(scored.told(line) for line in lines)]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    told = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    told += [
        f"{name} was made without {counted(len(lacks['light_cones']), 'light-cone')} whose "
        f"simulations failed: {lacks['validation']} validation, {lacks['test']} test, "
        f"{lacks['training']} training"
        for name, lacks in left_out(run).items()
    ]
    found = run.summary.directory
    where = {"tables and report": found, "figures": found / "figures"}
    where |= {"networks": found / "trainings", "light-cones": found / "lightcones"}
    wide = max(map(len, where))
    return "\n".join([*told, "", *(f"{what:<{wide}}  {path}" for what, path in where.items())])


def unfinished(run: Run, missing: Path) -> str:
    """Why a run has no results to show, for a user: it is not finished, or not even begun."""
    if not run.begun:
        return (
            f"{run.root}: nothing of this configuration is here; `snakemake` makes it, or say "
            "with --results where it is"
        )
    return f"{missing}: not there: the run is not finished, or was moved"


def _manifest(run: Run) -> dict[str, Any]:
    lacks = left_out(run)
    return {
        "name": run.config.name,
        **({"left_out": lacks} if lacks else {}),
        "configuration": run.config.model_dump(mode="json"),
        "realizations": {cones.name: cones.realizations for cones in run.lightcones.values()},
        **{
            kind: {product.directory.name: _entry(product, run) for product in named.values()}
            for kind, named in run.by_kind.items()
            if named
        },
    }


def _entry(product: Product, run: Run) -> dict[str, str]:
    directory = product.directory.relative_to(run.root).as_posix()
    return {"directory": directory, "fingerprint": product.fingerprint}
