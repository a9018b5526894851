"""What is checked of a run's own tables and manifest; of figures, their files alone."""

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..base.errors import UserError
from ..products.run import Run
from ..products.shown import Summary
from .links import Check
from .rebuild import configuration
from .stamped import of_older_columns
from .walk import Walk, checked


@checked.register
def _summary(summary: Summary, walk: Walk) -> Iterator[Check]:
    run = Run(configuration(summary.manifest), summary.root)
    wrong = _otherwise(run, summary.directory)
    yield "configuration", wrong, "every product follows from the recorded configuration"
    if wrong:
        return
    holds = followed([summary.table, summary.page, *summary.posterior_tables], "every scores.json")
    yield "table", table(run), holds
    holds = followed(summary.paper_tables, "predictions, histories and networks")
    yield "paper's tables", paper_tables(run), holds


def _otherwise(run: Run, directory: Path) -> list[str]:
    """Products that a manifest or a link names and its configuration does not make; the reverse."""
    from ..stages.summarise import links

    listed: dict[str, Any] = json.loads((directory / "manifest.json").read_bytes())
    wrong = []
    if run.summary.directory != directory:
        wrong.append(
            f"{directory / 'manifest.json'}: its configuration makes "
            f"{run.summary.directory.name}, not this run: it was edited"
        )
    for kind, named in run.by_kind.items():
        made = {product.directory.name: product.fingerprint for product in named.values()}
        said = {name: entry.get("fingerprint") for name, entry in listed.get(kind, {}).items()}
        for name in sorted(made.keys() | said.keys()):
            if made.get(name) != said.get(name):
                wrong.append(
                    f"{directory / 'manifest.json'}: {kind}/{name} is "
                    + ("not listed" if name not in said else "not what its configuration makes")
                )
    for link, product in links(run).items():  # one that was lost on the way misleads nobody
        if link.is_symlink() and link.resolve() != product.directory.resolve():
            wrong.append(f"{link}: it leads elsewhere than to {product.directory}")
    return wrong


def table(run: Run) -> Iterator[str]:
    """Tables of scores that do not follow from these, where they have the columns of today."""
    from ..stages import scored

    yield from _of_today(run, scored.tables, "the scores give")


def paper_tables(run: Run) -> Iterator[str]:
    """The paper's tables where predictions, histories and networks give others, the same way."""
    from ..paper import tables

    yield from _of_today(run, tables.texts, "predictions, histories and networks give")


def _of_today(run: Run, texts: Callable[[Run], Mapping[Path, str]], give: str) -> Iterator[str]:
    try:
        for path, text in texts(run).items():
            if not path.exists():
                if path not in run.summary.optional:
                    yield f"{path} is missing"
            elif not of_older_columns(path) and _below_stamp(path) != text:
                yield f"{path}: {give} another table"
    except UserError as error:
        yield str(error)


def followed(paths: Iterable[Path], from_what: str) -> str:
    """What holds of tables that were written anew and compared, or are too old for that."""
    if not any(map(of_older_columns, paths)):
        return f"they follow from {from_what}"
    return (
        "an older lcinfer wrote them with other columns: their bytes alone were compared with what "
        "was recorded; `lcinfer stage summary CONFIG` writes them anew"
    )


def _below_stamp(path: Path) -> str:
    return path.read_text(encoding="utf-8").partition("\n")[2]
