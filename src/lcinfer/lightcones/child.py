"""One simulation at a time in a child process, so that it can only hurt itself.

21cmFAST is C code with global state: it can crash, hang or leak. A crash, an exception or a
bad cube costs one attempt of one realisation; the rank lives on. The child is a fresh
interpreter (not a fork), never sees MPI, and dies with its parent.
"""

import ctypes
import multiprocessing
import os
import platform
import resource
import signal
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..base.errors import reason
from ..config.sections import Simulation
from ..engines import engine_of
from ..records.record import cpu_seconds, surroundings
from ..simulator.lightcone import LightCone, refuse_impossible
from . import store

# When the child is replaced, since 21cmFAST's drivers leak a little: after so many simulations,
# but not so soon that the start of Python would cost more than a few hundredths of the time.
RECYCLE_AFTER = 25
RECYCLE_SECONDS = 60.0
# A fresh interpreter on a busy file system takes its time; the limit is the simulation's.
STARTUP_SECONDS = 600.0
STARTED = {"started": True}  # what a child says when it begins a simulation
# What a launcher sets for its ranks; a child that saw it could try to join their world.
LAUNCHER_VARIABLES = ("PMI", "PMIX", "MPI", "OMPI", "HYDI", "HYDRA", "SLURM")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
PACKAGES = ("lcinfer", "21cmfast", "numpy", "zarr")
# What a batch system sends to every process of a job; what to do about it the rank decides.
SIGNALS_TO_RANKS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGUSR1})
PR_SET_PDEATHSIG = 1


class Simulating:
    """The child process of one rank, and what it is at work on."""

    def __init__(self, simulation: Simulation, path: Path, limit: float) -> None:
        """``path`` is the Zarr group that realisations are written to; ``limit`` is how many
        seconds a simulation may take."""
        self._simulation = simulation
        self._limit = limit
        self._began = self._deadline = 0.0
        self._path = path
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None
        self._pipe: Connection | None = None
        self._served, self._born = 0, 0.0
        self._task: dict[str, Any] = {}

    def start(self, index: int, parameters: dict[str, float], seed: int) -> None:
        """Begin a realisation; the child is there already or is made now."""
        if self._process is not None and (self._is_old() or not self._process.is_alive()):
            self.close()
        if self._process is None:
            self._spawn()
        self._task = {"index": index, "parameters": parameters, "seed": seed}
        self._served += 1
        self._began = time.time()
        self._deadline = self._began + STARTUP_SECONDS + self._limit
        assert self._pipe is not None
        with suppress(BrokenPipeError):  # it died just now: `result` tells
            self._pipe.send(self._task)

    def result(self, wait: float) -> dict[str, Any] | None:
        """The journal's record of the realisation, or None if it is not ready in time.

        A record has a ``digest`` if the realisation is on the disk, an ``error`` if it failed,
        is ``unwritable`` if it was made but the disk did not take it, and ``unfit`` if there is
        no engine that could make it.
        """
        assert self._pipe is not None
        try:
            record = self._pipe.recv() if self._pipe.poll(wait) else None
            if record is not None and "started" in record:
                self._deadline = time.time() + self._limit
                record = self._pipe.recv() if self._pipe.poll(wait) else None
            if record is None and time.time() > self._deadline:
                self.close()
                record = self._failed(f"it took longer than the limit of {self._limit:g} s")
            if record is None:
                return None
        except (EOFError, ConnectionResetError):
            self._process.join()
            code = self._process.exitcode
            died = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            self._forget()
            record = self._failed(f"the simulating process died: {died}")
        return {**self._task, **record}

    def _failed(self, error: str) -> dict[str, Any]:
        return {
            "error": error,
            "began": self._began,
            "seconds": time.time() - self._began,
            "host": platform.node(),
        }

    def _is_old(self) -> bool:
        served = self._served >= RECYCLE_AFTER
        return served and time.monotonic() - self._born > RECYCLE_SECONDS

    def close(self) -> None:
        """End the child."""
        if self._process is not None:
            self._process.kill()
            self._process.join()
            self._forget()

    def _spawn(self) -> None:
        self._pipe, theirs = self._context.Pipe()
        threads = self._simulation.simulator.threads
        with _environment_of_a_child(threads), _signals_blocked():
            self._process = self._context.Process(
                target=_serve, args=(theirs, os.getpid(), self._simulation, self._path)
            )
            self._process.start()
        theirs.close()
        self._served, self._born = 0, time.monotonic()

    def _forget(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


@contextmanager
def _environment_of_a_child(threads: int) -> Iterator[None]:
    before = dict(os.environ)
    for name in before:
        if name.startswith(LAUNCHER_VARIABLES):
            del os.environ[name]
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)


@contextmanager
def _signals_blocked() -> Iterator[None]:
    """Block the signals of :data:`SIGNALS_TO_RANKS`: a process started meanwhile never sees them.

    A simulation that died of one would be counted as a failed attempt.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS_TO_RANKS)
    try:
        resource_tracker.ensure_running()  # unblocks some of them when it starts its own process
        signal.pthread_sigmask(signal.SIG_BLOCK, SIGNALS_TO_RANKS)
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _serve(pipe: Connection, parent: int, simulation: Simulation, path: Path) -> None:
    """The child: simulate what comes through the pipe until it is closed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        return
    engine = engine_of(simulation)
    while True:
        try:
            task = pipe.recv()
        except EOFError:
            return
        try:
            engine.load()
            engine.check_loaded(simulation.simulator)
        except Exception as error:  # the library's fault, not the light-cone's
            pipe.send({"unfit": reason(error)})
            continue
        pipe.send(STARTED)
        pipe.send(realize(simulation, path, **task))


def realize(
    simulation: Simulation, path: Path, index: int, parameters: dict[str, float], seed: int
) -> dict[str, Any]:
    """Simulate, check and write one realisation, and say what the journal is to hold of it."""
    begin, cpu, engine = time.time(), cpu_seconds(), engine_of(simulation)
    try:
        lightcone = engine.load()(simulation, parameters, seed)
        refuse_impossible(lightcone, simulation)
        outcome = _written(path, index, lightcone, simulation)
    except Exception as error:  # any failure costs this realisation alone
        outcome = {
            "error": f"{type(error).__name__}: {' '.join(str(error).split())}",
            "traceback": traceback.format_exc(),
        }
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return {
        **outcome,
        "began": begin,
        "seconds": time.time() - begin,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_bytes": usage.ru_maxrss * 1024,
        **surroundings([*PACKAGES, *engine.packages]),
        "engine_version": engine.version() or simulation.simulator.engine_version,
    }


def _written(
    path: Path, index: int, lightcone: LightCone, simulation: Simulation
) -> dict[str, Any]:
    try:
        written = store.write(path, index, lightcone.brightness_temp, simulation)
    except OSError as error:  # the disk's fault, not the light-cone's
        return {"unwritable": str(error)}
    return {
        **written._asdict(),
        "node_redshift": lightcone.node_redshift.tolist(),
        "neutral_fraction": lightcone.neutral_fraction.tolist(),
        "global_brightness_temp": lightcone.global_brightness_temp.tolist(),
    }
