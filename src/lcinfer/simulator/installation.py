"""Which 21cmFAST there is: by its distribution's version, and by what its library computes.

A version that ends in ``+gm18.N`` is built with the patches of ``envs/patches``, which give it
the model of Greig & Mesinger 2018; one without is what 21cmFAST's authors released. What a
version says is believed while a workflow is read. Before anything is simulated the library
itself is asked: for numbers that the patches change.
"""

import hashlib
import json
import shlex
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from threading import Timer
from typing import Any, TypeVar

from ..base import durable, fingerprint, version
from ..base.errors import UserError
from ..config.messages import Mistakes
from ..config.sections import Simulation, Simulator
from .probe import Probed

PATCHED = "+gm18."
RELEASED = ("4.1.1", "4.2.0", "4.3.0", "4.3.1")  # whose authors' library has the fault
PROBE_SECONDS = 300.0  # the first import of py21cmfast on a busy file system
KEPT = 2  # raised when the probe asks for other numbers
KEPT_PHYSICS = 2  # raised when `lcinfer.simulator.physics` says something else
QUIET_SECONDS = 5.0  # what a user waits for without a word
SLOW = "21cmFAST is still being asked, once; where CLASS runs, it takes half a minute and more"
T = TypeVar("T")


def installed() -> str:
    """The version of the 21cmfast distribution; empty if there is none."""
    return version.installed("21cmfast")


def check_version(simulator: Simulator) -> None:
    """Refuse a 21cmfast whose distribution is not the one that the configuration names.

    Raises:
        UserError: saying how to get it.
    """
    if installed() != simulator.engine_version:
        raise _other(simulator, f"the installed 21cmfast is {installed() or 'not there'}")


def check_library(simulator: Simulator, probed: Callable[[], Probed] | None = None) -> Probed:
    """Refuse a library that does not compute what the configuration asks for.

    ``probed`` asks it; by default in a process of its own, once for each library.

    Raises:
        UserError: saying how to get the right one, or that the library fails.
    """
    found = (probed or remembered)()
    wanted = simulator.engine_version
    wrong = not found.is_gm18 if PATCHED in wanted else found.grows and wanted in RELEASED
    if wrong:
        raise _other(simulator, f"the installed library is another: {found}")
    return found


def _other(simulator: Simulator, found: str) -> UserError:
    wanted = simulator.engine_version
    get = f"make env ENGINE={wanted}" if installed() != wanted else _again(wanted)
    return UserError(
        f"database.simulator.engine_version is {wanted}, but {found}",
        f"`{get}` installs the one, or write the other",
    )


def _again(wanted: str) -> str:
    """What builds anew what is there by name."""
    return f"bash envs/21cmfast.sh {shlex.quote(sys.executable)} {wanted}"


def library() -> Path:
    """The compiled library of py21cmfast, which is not loaded.

    Raises:
        UserError: if there is none.
    """
    spec = find_spec("py21cmfast")
    for folder in (spec and spec.submodule_search_locations) or ():
        for path in sorted(Path(folder).glob("c_21cmfast*.so")):
            return path
    raise UserError(
        "21cmFAST's compiled library is not there", f"`{_again(installed())}` builds it again"
    )


def remembered() -> Probed:
    """What the library computes, asked once in a child process and kept by its digest.

    Raises:
        UserError: if the library cannot be asked.
    """
    digest = hashlib.sha256(library().read_bytes()).hexdigest()
    name = f"21cmfast-{digest[:16]}-{KEPT}"
    return _once(name, lambda kept: Probed(**kept), lambda: asdict(_in_a_child()))


def check_physics(
    simulation: Simulation, tried: Mapping[str, Sequence[Mapping[str, float]]]
) -> None:
    """Refuse a template, options, or names and values of parameters that py21cmfast does not take.

    It is asked in a child process, once for each question.

    Args:
        simulation: what all light-cones share.
        tried: points that must be accepted, by the key of the configuration that they are of.

    Raises:
        Mistakes: all of them.
        UserError: if py21cmfast cannot be asked.
    """
    if not any(tried.values()):
        return
    question = {"simulation": simulation.model_dump(mode="json"), "tried": tried}
    template = Path(simulation.simulator.template)
    asked_of = [installed(), template.read_text("utf-8") if template.is_file() else None]
    name = f"physics-{fingerprint.digest([question, asked_of])[:32]}-{KEPT_PHYSICS}"
    ask = partial(_asked, "lcinfer.simulator.physics", json.dumps(question))
    if found := _once(name, lambda kept: list(map(str, kept)), ask):
        raise Mistakes(found)


def _once(name: str, read: Callable[[Any], T], ask: Callable[[], Any]) -> T:
    """What was asked before and kept in the user's cache under a name, or else is asked now."""
    from platformdirs import user_cache_path

    kept = user_cache_path("lcinfer") / f"{name}.json"
    with suppress(OSError, ValueError, TypeError):
        return read(json.loads(kept.read_text(encoding="utf-8")))
    said = ask()
    with suppress(OSError, ValueError):  # a home that cannot be written to: asked again next time
        durable.write_json(kept, said)
    return read(said)


def _in_a_child() -> Probed:
    return Probed(**_asked("lcinfer.simulator.probe"))


def _asked(module: str, question: str = "") -> Any:
    """What a module prints, in a process of its own, as its last line."""
    command = [sys.executable, "-m", module]
    notice = Timer(QUIET_SECONDS, print, [SLOW], {"file": sys.stderr, "flush": True})
    notice.start()
    try:
        said = subprocess.run(
            command, input=question, capture_output=True, text=True, timeout=PROBE_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise UserError(
            f"21cmFAST says nothing for {PROBE_SECONDS:g} s", "see `lcinfer doctor`"
        ) from None
    finally:
        notice.cancel()
    if said.returncode != 0:
        last = (said.stderr.strip().splitlines() or [f"exit status {said.returncode}"])[-1]
        raise UserError(f"21cmFAST fails: {last}", f"`{_again(installed())}` builds it again")
    return json.loads(said.stdout.splitlines()[-1])
