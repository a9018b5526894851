"""Databases filled in this process: no MPI, no child."""

from lcinfer import database, journal
from lcinfer.products import LightCones
from lcinfer.supervise import realize


def fill(cones: LightCones, *indices: int) -> None:
    """Simulate these realisations, or all, and journal them as a rank does."""
    writer = f"job{len(list(cones.journal.glob('*.jsonl')))}-0"
    lines = journal.Journal(cones.journal, writer)
    for index in indices or range(cones.realizations):
        values = cones.design.parameters(index, index + 1)[0].tolist()
        point = dict(zip(cones.design.names, values, strict=True))
        seed = int(cones.design.seeds(index, index + 1)[0])
        record = realize(cones.simulation, cones.store, index, point, seed)
        lines.append({"index": index, "parameters": point, "seed": seed, **record})
    lines.close()


def complete(cones: LightCones) -> None:
    """Prepare, fill and seal a database."""
    database.prepare(cones)
    fill(cones)
    for span in cones.spans:
        database.finish_block(cones, span)
    database.seal(cones)
