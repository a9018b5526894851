"""What the rule `summarise` does: products in, a run's tables and its manifest out."""

from pathlib import Path
from typing import Any

from ..base import durable
from ..paper import tables
from ..products.product import Product
from ..products.run import Run
from ..records.record import recorded
from ..records.stamp import comment, stamp, stamp_of_table
from . import mock_posteriors, scored
from .scored import left_out


def write(run: Run) -> None:
    """Write R2, the paper's tables, links to all that they rest on, and ``manifest.json``."""
    evaluations = run.evaluations.values()
    read = [file for each in evaluations for file in (each.scores, each.predictions)]
    read += [each.training.history for each in evaluations]
    of_mocks = mock_posteriors.sources(run).values()
    read += [each.mock_posterior(mock) for each in of_mocks for mock in run.mocks]
    read += [it.outcome for it in run.mcmc.values()]
    read += [it.posterior for it in run.mcmc.values() if it.mcmc.test]
    made = [*run.summary.outputs, *run.summary.mock_tables]
    with recorded(run.summary, "summarise", made, read):
        for path, text in scored.tables(run).items():
            stamped = stamp_of_table(run.summary, path)
            durable.write_text(path, comment(stamped, path.suffix) + text)
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
