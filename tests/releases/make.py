"""A small finished run, made with the code that is checked out and kept for later versions.

    python tests/releases/make.py 0.3

writes ``0.3/results.tar.xz`` and ``0.3/expected.json`` beside this file. It needs py21cmfast, for
the files of the database that is adopted.
"""

import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

HERE = Path(__file__).parent
PROJECT = HERE.parents[1]
# Records hold the paths of the interpreter and of the code: in an archive these are nobody's own.
NEUTRAL = Path("/tmp/lcinfer-release")
ARCHIVE, EXPECTED = "results.tar.xz", "expected.json"
NOT_KEPT = ("logs", "leases")
WHEN = 1_700_000_000  # seconds since 1970: the time of every file in an archive


@dataclass(frozen=True)
class Workplace:
    """A directory with configurations and results, and what works there."""

    directory: Path
    python: Path = Path(sys.executable)
    project: Path = PROJECT

    def lcinfer(self, *arguments: object) -> str:
        """What a verb prints."""
        return self._output("lcinfer", *arguments)

    def snakemake(self, *arguments: object) -> str:
        """What the workflow prints."""
        snakefile, profile = self.project / "Snakefile", self.project / "profiles" / "local"
        return self._output(
            *("snakemake", "--snakefile", snakefile, "--profile", profile, *arguments)
        )

    def _output(self, *arguments: object) -> str:
        path = os.pathsep.join([str(self.python.parent), os.environ["PATH"]])
        code = os.pathsep.join([str(self.project / "src"), str(self.project / "tests/releases")])
        done = subprocess.run(
            [str(self.python), "-m", *map(str, arguments)],
            cwd=self.directory,
            env=os.environ | {"PATH": path, "PYTHONPATH": code, "OMP_NUM_THREADS": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3600,
        )
        if done.returncode != 0:
            raise RuntimeError(f"{arguments}: exit status {done.returncode}\n{done.stdout}")
        return done.stdout


def expected(directory: Path, lcinfer: Callable[..., object]) -> dict[str, Any]:
    """What a version of lcinfer says of the runs in ``directory``, where it must be called."""
    return {
        "products": {name: products(directory, name) for name in runs_of(directory)},
        "recovered": {
            network: recovered(directory / "recovered.json", network, observed, lcinfer)
            for network, observed in observations(directory).items()
        },
    }


def runs_of(directory: Path) -> list[str]:
    """The names of the configurations that a release was run with."""
    return sorted(path.stem for path in directory.glob("*.yaml"))


def products(directory: Path, name: str) -> dict[str, str]:
    """The directory of each product of a configuration, with its fingerprint."""
    from lcinfer import config
    from lcinfer.products.run import Run

    run = Run(config.load(directory / f"{name}.yaml"), directory / "results")
    made = [*run.by_directory.values(), run.summary]
    return {
        product.directory.relative_to(directory).as_posix(): product.fingerprint for product in made
    }


def observations(directory: Path) -> dict[str, str]:
    """The light-cone that each network is asked about, by the network's directory: of those that
    read images without an instrument's noise, since no light-cone here has any."""
    from lcinfer import config
    from lcinfer.products.run import Run

    asked = {}
    for name in runs_of(directory):
        run = Run(config.load(directory / f"{name}.yaml"), directory / "results")
        store = run.database.store.relative_to(directory)
        observed = "saved/cone3.h5" if name == "adopted" else f"{store}:3"
        for product in run.trainings.values():
            if (product.training.input, product.training.instrument) == ("images", None):
                asked[product.directory.relative_to(directory).as_posix()] = observed
    return asked


def recovered(
    into: Path, network: str, observed: str, lcinfer: Callable[..., object]
) -> list[dict[str, Any]]:
    """The rows that ``lcinfer infer --out`` writes: parameters and their intervals."""
    into.unlink(missing_ok=True)
    lcinfer("infer", "--checkpoint", f"{network}/checkpoint.pt", observed, "--out", into)
    rows: list[dict[str, Any]] = json.loads(into.read_text())["recovered"]
    into.unlink()
    return rows


def save_light_cones(path: Path, directory: Path) -> list[Path]:
    """Files of py21cmfast's ``LightCone.save``, with noise for voxels, for a configuration."""
    from astropy.units import Mpc
    from py21cmfast import LightCone

    from lcinfer import config
    from lcinfer.simulator import gm18 as simulate
    from lcinfer.simulator.lightcone import coordinates

    database = config.load(path).database
    shape = (database.box.cells, database.box.cells, database.lightcone.cells)
    _, distance = coordinates(database)
    directory.mkdir()
    files = [directory / f"cone{number}.h5" for number in range(database.realizations)]
    for number, file in enumerate(files):
        noise = np.random.default_rng(number)
        drawn = {name: noise.uniform(*ends) for name, ends in database.prior.items()}
        inputs = simulate.inputs_for(database, drawn, seed=900 + number)
        history = np.linspace(0, 1, len(inputs.node_redshifts))
        LightCone(
            distance * Mpc,
            inputs,
            {"brightness_temp": noise.normal(0, 9, shape).astype(np.float32)},
            {"brightness_temp": -number * history, "neutral_fraction": history},
        ).save(file)
    return files


def adopt(work: Workplace) -> None:
    """Make the database of files, and have its configuration name it."""
    from lcinfer.simulator import gm18 as simulate

    path = work.directory / "adopted.yaml"
    settings = path.read_text(encoding="utf-8").replace("ENGINE_VERSION", simulate.version())
    path.write_text(settings, encoding="utf-8")
    files = save_light_cones(path, work.directory / "saved")
    said = work.lcinfer("adopt", path.name, *(file.relative_to(work.directory) for file in files))
    digest = said.partition("adopted: ")[2].split()[0]
    path.write_text(settings.replace("# adopted: DIGEST", f"adopted: {digest}"), encoding="utf-8")


def merge(work: Workplace) -> None:
    """Make a database at two sites, and bring it together."""
    sites = work.directory / "sites"
    for verb in ("design", "simulate"):
        work.lcinfer(verb, "merged.yaml", "sites", "--results", sites / "all")
    for site, indices in (("north", "0-3"), ("south", "3-8")):
        cut = ["--indices", indices, "--to", sites / site]
        work.lcinfer("subset", "merged.yaml", "sites", "--results", sites / "all", *cut)
    work.lcinfer("merge", "merged.yaml", "sites", "sites/north", "sites/south")
    shutil.rmtree(sites)


def pack(directory: Path, archive: Path) -> None:
    """Everything but logs and leases, in the order of names, without owners and times."""

    def plain(member: tarfile.TarInfo) -> tarfile.TarInfo | None:
        if not {*NOT_KEPT}.isdisjoint(Path(member.name).parts):
            return None
        member.uid = member.gid = 0
        member.uname = member.gname = ""
        member.mtime = WHEN
        member.mode = 0o644 if member.isfile() else 0o755
        return member

    kept = [directory / "results", directory / "saved", *directory.glob("*.yaml")]
    with tarfile.open(archive, "w:xz", preset=9) as file:
        for path in sorted(kept):
            file.add(path, path.name, filter=plain)  # a directory in the order of names


def make(version: str) -> None:
    """Write the archive of a release and what is expected of it."""
    NEUTRAL.mkdir()
    try:
        (NEUTRAL / "project").symlink_to(PROJECT)
        (NEUTRAL / "env").symlink_to(sys.prefix)
        directory = NEUTRAL / "work"
        shutil.copytree(HERE / "runs", directory)
        work = Workplace(directory, NEUTRAL / "env/bin/python", NEUTRAL / "project")
        merge(work)
        adopt(work)
        for name in runs_of(directory):
            print(work.snakemake("--configfile", f"{name}.yaml"))
        (HERE / version).mkdir(exist_ok=True)
        pack(directory, HERE / version / ARCHIVE)
        said = json.dumps(expected(directory, work.lcinfer), indent=1, sort_keys=True)
        (HERE / version / EXPECTED).write_text(f"{said}\n", encoding="utf-8")
    finally:
        shutil.rmtree(NEUTRAL)


if __name__ == "__main__":
    make(sys.argv[1])
