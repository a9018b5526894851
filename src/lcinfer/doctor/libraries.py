"""Python and the libraries: the versions that lcinfer needs, and whether they load."""

import platform
import sys
from collections.abc import Iterator
from importlib import metadata

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from ..base.errors import UserError
from ..config.messages import Mistakes
from ..engines import engine_of
from .bounded import ask
from .site import ALL_THERE, Line, Site, failed, passed

EXTRAS = ("workflow",)  # beside what lcinfer cannot be imported without
# In C, so that they can be there and not work: the modules that do all of it.
LOADED = ("numpy", "scipy", "zarr", "torch")
IMPORT_SECONDS = 120.0  # of one, on a busy file system
# The library is named without being started, which some sites forbid on a login node.
MPI = (
    "import mpi4py; mpi4py.rc.initialize = False; from mpi4py import MPI; "
    "print(MPI.Get_library_version().split(chr(10))[0].strip(chr(0)), end='')"
)


def check_libraries(site: Site) -> Iterator[Line]:
    """Versions first, then whether each of the large ones can be imported."""
    yield _python()
    yield from versions()
    yield _engine(site)
    engine = engine_of(site.config.database).modules if site.run.simulates else ()
    for module in dict.fromkeys((*LOADED, *engine)):
        said = ask([sys.executable, "-c", f"import {module}"], IMPORT_SECONDS)
        if said.status != 0:
            how = "hangs" if said.status is None else f"fails: {said.said}"
            yield failed("libraries", f"`import {module}` {how}", "install it again: make env")
    yield _mpi()


def _python() -> Line:
    needed = metadata.metadata("lcinfer")["Requires-Python"] or ""
    found = f"{platform.python_version()} ({sys.executable})"
    if platform.python_version() not in SpecifierSet(needed):
        return failed("python", f"{found}; lcinfer needs {needed}", "make .venv with a newer one")
    return passed("python", found)


def versions() -> Iterator[Line]:
    """A line for each library that is missing or of a version that will not do, or one for all."""
    wanted = [Requirement(text) for text in metadata.requires("lcinfer") or []]
    wanted = [
        each
        for each in wanted
        if not each.marker or any(each.marker.evaluate({"extra": name}) for name in EXTRAS)
    ]
    wrong = False
    for each in wanted:
        try:
            found = metadata.version(each.name)
        except metadata.PackageNotFoundError:
            found = "missing"
        if found == "missing" or not each.specifier.contains(found, prereleases=True):
            wrong = True
            what = f"{each.name} is {found}; lcinfer needs {each.name}{each.specifier}"
            yield failed("libraries", what, "make env, or pip install what is in envs/lock.txt")
    if not wrong:
        yield passed("libraries", f"all {len(wanted)} that lcinfer needs are there")


def _engine(site: Site) -> Line:
    if not site.run.simulates:
        return passed("engine", ALL_THERE)
    database = site.config.database
    engine = engine_of(database)
    try:
        engine.check_version(database.simulator)
        found = engine.ask(site.run.database.simulation, site.run.tried)
    except Mistakes as error:
        return failed("engine", "; ".join(error.found), f"mend {site.file}")
    except UserError as error:
        return failed("engine", error.what, error.do)
    asked = f"; asked, it says: {found}" if found else ""
    return passed("engine", f"{engine.name}, version {database.simulator.engine_version}{asked}")


def _mpi() -> Line:
    said = ask([sys.executable, "-c", MPI], IMPORT_SECONDS)
    if said.status != 0:
        do = "see docs/clusters.md on a cluster's own MPI; `make env` installs the wheel mpich"
        return failed("mpi4py", f"finds no MPI library: {said.said}", do)
    return passed("mpi4py", f"{metadata.version('mpi4py')} on {' '.join(said.out.split())}")
