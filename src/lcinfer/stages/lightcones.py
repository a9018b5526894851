"""What the rules `prepare_lightcones` and `seal_lightcones` do.

Between them the rule `simulate` finishes the blocks, as whatever brings light-cones here does.
"""

import sys

from ..base import durable
from ..base.counting import counted
from ..base.errors import UserError
from ..base.fingerprint import STAGE_VERSIONS, canonical
from ..lightcones import failures, journal, store
from ..products.databases import LightCones
from ..products.product import Span
from ..records.record import recorded


def prepare(cones: LightCones) -> None:
    """Create the database, or grow it to the configured number of realisations.

    One process at a time, before any rank starts. Where all of it is there, nothing is
    written: the database may be read-only.
    """
    if cones.spec.exists() and cones.prepared.exists():
        store.prepare(cones)
        return
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


def finish_block(cones: LightCones, span: Span) -> None:
    """Write the block's marker: indices and digests, no times, no host names.

    Raises:
        UserError: if a realisation of the block is neither finished nor one of those that may
            be left out.
    """
    have = journal.finished(cones.journal, histories=False)
    failed = _left_out(cones, span, set(have))
    digests = {str(index): have[index]["digest"] for index in _others(span, failed)}
    content = {"fingerprint": cones.fingerprint, "digests": digests, **failures.naming(failed)}
    markers = cones.done_with(span, failed)
    with recorded(cones, "simulate", markers):
        for marker in markers:
            durable.write_json(marker, content)


def seal(cones: LightCones) -> None:
    """Write the histories, and the marker that every realisation is there or left out.

    What a block's marker leaves out stays left out, even if it was made since: no image of it
    was cut.

    Raises:
        UserError: if one is neither.
    """
    have, whole = journal.finished(cones.journal), (0, cones.realizations)
    named = {index for span in cones.spans for index in failures.named(cones.done(span))}
    failed = sorted({*_left_out(cones, whole, set(have)), *named})
    failures.refuse_too_many(cones, failed)
    if failed:
        uneven = failures.unevenness(cones, _points(failures.unfinished(cones, have)))
        print(f"{cones.directory}: {failures.notice(failed)}", *uneven, sep="\n", file=sys.stderr)
    digests = [have[index]["digest"] for index in _others(whole, failed)]
    with recorded(cones, "seal", [cones.sealed], map(cones.done, cones.spans)):
        # Also of light-cones beyond, of a larger configuration: histories never shrink.
        store.write_histories(cones.store, list(have.values()))
        durable.write_json(
            cones.sealed,
            {
                "fingerprint": cones.fingerprint,
                "realizations": cones.realizations,
                "root_digest": store.root_digest(digests),
                **failures.naming(failed),
            },
        )


def _others(span: Span, failed: list[int]) -> list[int]:
    return sorted(set(range(*span)) - set(failed))


def _left_out(cones: LightCones, span: Span, have: set[int]) -> list[int]:
    """What is not finished of a span, if all of it may be left out."""
    missing = [index for index in range(*span) if index not in have]
    if not missing:
        return []
    last = failures.unfinished(cones, have)
    aside = failures.set_aside(cones, last)
    if aside.issuperset(missing) and len(aside) <= cones.may_fail:
        return missing
    failed = [index for index in missing if index in last]
    what = (
        f"{cones.directory}: {len(missing)} of light-cones {span[0]} to {span[1] - 1} are not "
        f"finished, {len(failed)} of them failed"
    )
    if failed:
        attempt = last[failed[0]][-1]
        where = failures.point(attempt.get("parameters", {}))
        what += f"; light-cone {failed[0]}: {attempt['error']}{' at ' * bool(where)}{where}"
        what += f" (traceback: {cones.journal})"
    if given_up := [index for index in missing if index in aside]:
        numbers = failures.first_of(given_up)
        what += f"; set aside after {counted(cones.max_attempts, 'attempt')}: {numbers}"
    if cones.allowed_failures and len(aside) > cones.may_fail:
        what += f"; {failures.too_many(cones, len(aside))}"
    what += "".join(f"; {uneven}" for uneven in failures.unevenness(cones, _points(last)))
    raise UserError(what)


def _points(failed: dict[int, list[journal.Record]]) -> list[dict[str, float]]:
    return [tries[-1].get("parameters", {}) for tries in failed.values()]
