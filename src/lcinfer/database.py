"""The life of a database of light-cones: prepared, made block by block, sealed."""

from collections import Counter

from . import durable, journal, store
from .errors import UserError
from .fingerprint import STAGE_VERSIONS, canonical
from .products import LightCones, Span
from .provenance.record import recorded
from .sections import DEFAULT_ENGINE


def prepare(cones: LightCones) -> None:
    """Create the database, or grow it to the configured number of realisations.

    One process at a time, before any rank starts.

    Raises:
        UserError: if 21cmFAST refuses an option, a parameter's name or an end of its range.
    """
    if cones.simulation.simulator.engine == DEFAULT_ENGINE:
        from .simulate import inputs_for

        for parameters in cones.design.extremes:
            inputs_for(cones.simulation, parameters, seed=1)
    with recorded(cones, "prepare", [cones.prepared]):
        if not cones.spec.exists():
            write_spec(cones)
        store.prepare(cones)
        durable.write_json(
            cones.prepared, {"fingerprint": cones.fingerprint, "realizations": cones.realizations}
        )


def write_spec(cones: LightCones) -> None:
    """Say in the database's directory what it is."""
    spec = {
        "name": cones.name,
        "fingerprint": cones.fingerprint,
        "stage_version": STAGE_VERSIONS["lightcones"],
        "simulation": canonical(cones.simulation),
        "design": canonical(cones.design.content),
        "parameters": list(cones.design.names),
        "block": cones.block,
    }
    durable.write_json(cones.spec, spec)


def to_do(cones: LightCones, span: Span) -> list[int]:
    """Realisations of a block that are to be made: neither finished nor set aside.

    One is set aside when ``max_attempts`` simulations of it have failed, in whatever jobs.
    """
    done = journal.finished(cones.journal)
    attempts = Counter(line["index"] for line in journal.failures(cones.journal))
    return [
        index
        for index in range(*span)
        if index not in done and attempts[index] < cones.max_attempts
    ]


def slowest(cones: LightCones) -> float:
    """Seconds of the slowest finished simulation; 0 if there is none."""
    return max((line["seconds"] for line in journal.finished(cones.journal).values()), default=0.0)


def finish_block(cones: LightCones, span: Span) -> None:
    """Write the block's marker: indices and digests, no times, no host names.

    Raises:
        UserError: if a realisation of the block is not finished.
    """
    records = _finished(cones, span)
    digests = {str(record["index"]): record["digest"] for record in records}
    with recorded(cones, "simulate", [cones.done(span)]):
        durable.write_json(cones.done(span), {"fingerprint": cones.fingerprint, "digests": digests})


def seal(cones: LightCones) -> None:
    """Write the histories, and the marker that every realisation is there.

    Raises:
        UserError: if one is not.
    """
    records = _finished(cones, (0, cones.realizations))
    with recorded(cones, "seal", [cones.sealed], map(cones.done, cones.spans)):
        # Also of light-cones beyond, of a larger configuration: histories never shrink.
        store.write_histories(cones.store, list(journal.finished(cones.journal).values()))
        durable.write_json(
            cones.sealed,
            {
                "fingerprint": cones.fingerprint,
                "realizations": cones.realizations,
                "root_digest": store.root_digest([record["digest"] for record in records]),
            },
        )


def _finished(cones: LightCones, span: Span) -> list[journal.Record]:
    have = journal.finished(cones.journal)
    missing = [index for index in range(*span) if index not in have]
    if not missing:
        return [have[index] for index in range(*span)]
    last = {line["index"]: line for line in journal.failures(cones.journal)}
    failed = [index for index in missing if index in last]
    what = (
        f"{cones.directory}: {len(missing)} of light-cones {span[0]} to {span[1] - 1} are not "
        f"finished, {len(failed)} of them failed"
    )
    if failed:
        what += f"; light-cone {failed[0]}: {last[failed[0]]['error']} (traceback: {cones.journal})"
    waiting = set(to_do(cones, span))
    aside = [index for index in missing if index not in waiting]
    if aside:
        what += f"; set aside after {cones.max_attempts} attempts: {', '.join(map(str, aside))}"
    raise UserError(what)
