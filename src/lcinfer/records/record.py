"""Who made a product, when, where, how and from what: a file per run of a stage.

Times and hosts are kept here, beside the product: what Snakemake sees carries none. A file
has one writer and is never changed, as in the journal and for the same reason.
"""

import hashlib
import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from ..base import durable
from ..base.version import __version__, installed
from ..products.product import Product

DIRECTORY = "provenance"
PACKAGES = {  # whose versions are recorded, with their homes, which a crate names
    "lcinfer": None,
    "21cmfast": "https://github.com/21cmfast/21cmFAST",
    "astropy": "https://www.astropy.org",
    "dask": "https://www.dask.org",
    "emcee": "https://emcee.readthedocs.io",
    "matplotlib": "https://matplotlib.org",
    "mpi4py": "https://mpi4py.readthedocs.io",
    "numcodecs": "https://numcodecs.readthedocs.io",
    "numpy": "https://numpy.org",
    "powerbox": "https://powerbox.readthedocs.io",
    "pydantic": "https://docs.pydantic.dev",
    "scipy": "https://scipy.org",
    "snakemake": "https://snakemake.github.io",
    "torch": "https://pytorch.org",
    "xarray": "https://xarray.dev",
    "zarr": "https://zarr.dev",
    "zuko": "https://zuko.readthedocs.io",
}
Record = dict[str, Any]


@contextmanager
def recorded(
    product: Product, stage: str, made: Iterable[Path], read: Iterable[Path] = ()
) -> Iterator[Record]:
    """Record a stage's run that ends without an error, in ``provenance/`` beside its product.

    ``made`` and ``read`` are small files, whose SHA-256 is recorded under their paths within
    the results. What is put into the dict that is given is recorded too. Also writes
    ``spec.json``, if the product has none yet.
    """
    began, cpu = time.time(), cpu_seconds()
    more: Record = {}
    yield more
    if not product.spec.exists():
        # The fingerprint is the digest of what it is made of: the directory explains itself.
        spec = {"name": product.name, "fingerprint": product.fingerprint}
        durable.write_json(product.spec, {**spec, "made_of": product.identity})
    record = {
        "stage": stage,
        "product": f"{product.kind}/{product.directory.name}",
        "fingerprint": product.fingerprint,
        "command": [sys.executable, *sys.argv],
        "began": began,
        "seconds": time.time() - began,
        "cpu_seconds": cpu_seconds() - cpu,
        "job": os.environ.get("SLURM_JOB_ID"),
        **surroundings(PACKAGES),
        "outputs": _digests(product, made),
        "inputs": _digests(product, (path for path in read if path.exists())),
        **more,
    }
    name = durable.unique(f"{stage}-", ".json")
    durable.write_json(product.directory / DIRECTORY / name, record)


def distinct(records: Iterable[Record], key: str) -> list[str]:
    """What records say under a key, each once: ``host``, ``cpu``, ``job``, ``code``."""
    return sorted({str(record[key]) for record in records if record.get(key) not in (None, "")})


def outputs(records: Iterable[Record]) -> dict[str, str]:
    """The SHA-256 of each file that was made, by its path in the results, the last of all runs."""
    return {path: value for it in records for path, value in it.get("outputs", {}).items()}


def records(directory: Path) -> list[Record]:
    """The recorded runs of a product's stages, in the order in which they ended.

    Raises:
        ValueError: naming the file, if one is damaged.
        PermissionError: if one cannot be read.
    """
    found = []
    try:  # a glob would be empty where it may not look
        paths = durable.own((directory / DIRECTORY).iterdir())
    except FileNotFoundError:
        return []
    for path in paths:
        if path.suffix == ".json":
            try:
                record = json.loads(path.read_bytes())
                found.append((float(record["began"]) + float(record["seconds"]), record))
            except (ValueError, TypeError, KeyError):
                raise ValueError(f"{path}: this record is damaged") from None
    return [record for _, record in sorted(found, key=lambda pair: pair[0])]


def surroundings(packages: Iterable[str]) -> Record:
    """The host, its processor, Python, the versions of packages and of the code."""
    return {
        "host": platform.node(),
        "machine": platform.machine(),
        "cpu": processor(),
        "cpus": len(os.sched_getaffinity(0)),
        "python": platform.python_version(),
        "versions": {name: installed(name) or "not installed" for name in packages},
        "code": code_version(),
    }


@cache
def code_version() -> str:
    """``git <commit>``, with ``, edited`` if the package differs from it, or ``release <version>``.

    Only a commit that has this package in it counts: an installed one may lie in the virtual
    environment of some other project.
    """
    here = Path(__file__).parents[1]
    try:
        _git(here, "ls-files", "--error-unmatch", "__init__.py")
        commit = _git(here, "rev-parse", "HEAD")
        edited = ", edited" if _git(here, "status", "--porcelain", "--", ".") else ""
    except (OSError, subprocess.SubprocessError):
        return f"release {__version__}"
    return f"git {commit}{edited}"


def _git(directory: Path, *arguments: str) -> str:
    command = ["git", "-C", str(directory), *arguments]
    return subprocess.run(
        command, check=True, capture_output=True, text=True, timeout=60
    ).stdout.strip()


@cache
def processor() -> str:
    """The processor's model: another one may give other last bits."""
    try:
        with Path("/proc/cpuinfo").open(encoding="utf-8") as file:
            models = (line.partition(":")[2].strip() for line in file if "model name" in line)
            return next(models, platform.processor())
    except OSError:
        return platform.processor()


def sha256(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _digests(product: Product, paths: Iterable[Path]) -> dict[str, str]:
    """By the paths in the results; a database may be made somewhere else first."""
    own = Path(product.kind, product.directory.name)
    return {
        (
            own / path.relative_to(product.directory)
            if path.is_relative_to(product.directory)
            else path.relative_to(product.root)
        ).as_posix(): sha256(path)
        for path in paths
    }


def cpu_seconds() -> float:
    """Of this process and of the children that it waited for."""
    usages = map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return sum(usage.ru_utime + usage.ru_stime for usage in usages)
