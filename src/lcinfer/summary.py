"""What a run says: its tables, its manifest, and a few lines for a terminal."""

import csv
import io
import json
from typing import Any

from . import durable
from .errors import UserError
from .lightcone import coordinates
from .networks.section import Network
from .paper import tables
from .parameters import shown
from .products import EvaluationRun, Product
from .provenance.record import recorded
from .provenance.stamp import comment, stamp, uncommented
from .run import Run

SETS = ("validation", "test", "training")


def describe(run: Run) -> str:
    """What a configuration makes, in a few lines."""
    config = run.config
    database, box = config.database, config.database.box
    redshift, _ = coordinates(database)
    rows, columns = config.image_shape
    taken = config.split.validation + config.split.test
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
        f"trainings   {', '.join(config.trainings)}",
        f"jobs        {sum(len(cones.spans) for cones in run.lightcones.values())} of simulation",
    ]
    return "\n".join(lines)


def network_table(name: str, network: Network, image: tuple[int, int], outputs: int) -> str:
    """A network layer by layer, as Table 1 of Gillet et al. 2019."""
    from .networks.architectures import layers

    rows = layers(network, image, outputs)
    wide = max(len(row.step) for row in rows)
    lines = [f"{name}", f"{'order':>5}  {'layer':<{wide}} {'data':>18} {'weights':>12}"]
    for row in rows:
        data = " x ".join(f"{cells:,}" for cells in row.shape)
        lines.append(f"{row.order:>5}  {row.step:<{wide}} {data:>18} {row.weights:>12,}")
    lines.append(f"{'':>5}  {'all weights':<{wide}} {'':>18} {sum(r.weights for r in rows):>12,}")
    return "\n".join(lines)


def write(run: Run) -> None:
    """Write ``r2.csv``, the paper's tables and ``manifest.json`` of a run."""
    evaluations = run.evaluations.values()
    read = [file for each in evaluations for file in (each.scores, each.predictions)]
    read += [each.training.history for each in evaluations]
    with recorded(run.summary, "summarise", run.summary.all_files, read):
        durable.write_text(run.summary.table, comment(stamp(run.summary)) + r2_table(run))
        tables.write(run)
        write_manifest(run)


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
        raise UserError(f"{table}: this run is not finished")
    with table.open(encoding="utf-8", newline="") as file:
        rows = [row[:6] for row in csv.reader(uncommented(file))]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        for row in rows
    ]
    lines += [
        f"{name} was made without {len(left_out['light_cones'])} light-cones whose simulations "
        f"failed: {left_out['validation']} validation, {left_out['test']} test, "
        f"{left_out['training']} training"
        for name, left_out in _left_out(run).items()
    ]
    where = {"tables and report": run.summary.directory}
    where |= {f"figures of {name}": figures.directory for name, figures in run.figures.items()}
    where |= {f"network {name}": training.directory for name, training in run.trainings.items()}
    where |= {"light-cones": run.database.directory}
    wide = max(map(len, where))
    return "\n".join([*lines, "", *(f"{what:<{wide}}  {path}" for what, path in where.items())])


def r2_table(run: Run) -> str:
    """R2 of every training as CSV, from the scores of its evaluations."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    interval = f"{run.config.evaluation.confidence:.0%}"
    counts = ("test light-cones", "images per light-cone", "training light-cones")
    head = ("training", "prediction", "parameter", "R2", f"{interval} from", f"{interval} to")
    without = [f"left out of {name}" for name in SETS] if _left_out(run) else []
    writer.writerow([*head, *counts, *without])
    taken = run.config.split.validation + run.config.split.test
    for name, evaluation in run.evaluations.items():
        scores = _scores_of(evaluation)
        left_out = scores.get("left_out", dict.fromkeys(SETS, 0))
        training_cones = run.config.database.realizations - taken - left_out["training"]
        sizes = [training_cones, *([left_out[name] for name in SETS] if without else [])]
        for prediction, images in (("one_image", 1), ("average", scores["images"])):
            for parameter, score in scores[prediction].items():
                values = [f"{score[key]:.4f}" for key in ("r2", "low", "high")]
                what = (name, prediction.replace("_", " "), shown(parameter).text)
                writer.writerow([*what, *values, scores["light_cones"], images, *sizes])
    return text.getvalue()


def _scores_of(evaluation: EvaluationRun) -> dict[str, Any]:
    scores: dict[str, Any] = json.loads(evaluation.scores.read_text(encoding="utf-8"))
    return scores


def _left_out(run: Run) -> dict[str, Any]:
    """What each training was made without; empty if nothing failed."""
    known = {
        name: _scores_of(evaluation)
        for name, evaluation in run.evaluations.items()
        if evaluation.scores.exists()
    }
    return {name: scores["left_out"] for name, scores in known.items() if "left_out" in scores}


def _manifest(run: Run) -> dict[str, Any]:
    def entries(products: dict[str, Any]) -> dict[str, Any]:
        return {product.directory.name: _entry(product, run) for product in products.values()}

    left_out = _left_out(run)
    return {
        "name": run.config.name,
        **({"left_out": left_out} if left_out else {}),
        "configuration": run.config.model_dump(mode="json"),
        "realizations": {cones.name: cones.realizations for cones in run.lightcones.values()},
        "lightcones": entries(run.lightcones),
        "images": entries(run.images),
        "trainings": entries(run.trainings),
        "evaluations": entries(run.evaluations),
        **({"sweeps": entries(run.sweeps)} if run.sweeps else {}),
        "figures": entries(run.figures),
    }


def _entry(product: Product, run: Run) -> dict[str, str]:
    directory = product.directory.relative_to(run.root).as_posix()
    return {"directory": directory, "fingerprint": product.fingerprint}
