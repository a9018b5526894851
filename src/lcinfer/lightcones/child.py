"""Simulations in a child process, so that they can only hurt themselves.

21cmFAST is C code with global state: it can crash, hang or leak. A crash, an exception or a
bad cube costs one attempt of one realisation; the rank lives on. The child is a fresh
interpreter (not a fork), never sees MPI, and dies with its parent.

An engine may make several realisations at once. Those that fail together are made again one by
one: only what fails alone loses an attempt.
"""

import ctypes
import multiprocessing
import os
import platform
import resource
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from multiprocessing import resource_tracker
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from ..base.counting import counted
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
STARTED = "started"  # what a child says when it begins simulations: their indices
# What a launcher sets for its ranks; a child that saw it could try to join their world.
LAUNCHER_VARIABLES = ("PMI", "PMIX", "MPI", "OMPI", "HYDI", "HYDRA", "SLURM")
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
GPUS = "CUDA_VISIBLE_DEVICES"
PACKAGES = ("lcinfer", "21cmfast", "numpy", "zarr")
# What a batch system sends to every process of a job; what to do about it the rank decides.
SIGNALS_TO_RANKS = frozenset({signal.SIGINT, signal.SIGTERM, signal.SIGUSR1})
PR_SET_PDEATHSIG = 1


Task = dict[str, Any]  # a realisation: its index, parameters and seed


class Simulating:
    """The child process of one rank, and what it is at work on."""

    def __init__(
        self,
        simulation: Simulation,
        path: Path,
        limit: float,
        device: str = "cpu",
        place: int = 0,
    ) -> None:
        """A child that is not there yet.

        Args:
            simulation: what all realisations share.
            path: the Zarr group that they are written to.
            limit: seconds that each may take.
            device: ``cpu`` or ``cuda``, for engines that can compute on either.
            place: of this rank among those of its machine: which of several GPUs is its own.
        """
        self._simulation = simulation
        self._limit = limit
        self._began = self._deadline = 0.0
        self._path, self._device, self._place = path, device, place
        self._context = multiprocessing.get_context("spawn")
        self._process: Any = None
        self._pipe: Connection | None = None
        self._served, self._born = 0, 0.0
        self._tasks: dict[int, Task] = {}  # by their indices, those that have not ended
        self._under_way: list[int] = []

    def start(self, tasks: Sequence[Task]) -> None:
        """Begin realisations, all at once where the engine can; the child is there or is made."""
        if self._process is not None and (self._is_old() or not self._process.is_alive()):
            self.close()
        self._tasks = {task["index"]: task for task in tasks}
        self._send(together=True)

    def _send(self, together: bool) -> None:
        if self._process is None:
            self._spawn()
        self._served += len(self._tasks)
        self._begin(list(self._tasks)[: None if together else 1], STARTUP_SECONDS)
        assert self._pipe is not None
        with suppress(BrokenPipeError):  # it died just now: `result` tells
            self._pipe.send((list(self._tasks.values()), together))

    def _begin(self, indices: list[int], more: float = 0.0) -> None:
        self._under_way = indices
        self._began = time.time()
        self._deadline = self._began + more + self._limit * len(indices)

    @property
    def busy(self) -> bool:
        """Whether a realisation has not ended."""
        return bool(self._tasks)

    @property
    def together(self) -> bool:
        """Whether several are made at once, so that they end at once too."""
        return len(self._under_way) > 1

    def result(self, wait: float) -> dict[str, Any] | None:
        """The journal's record of a realisation that has ended, or None if none has in time.

        A record has a ``digest`` if the realisation is on the disk, an ``error`` if it failed,
        is ``unwritable`` if it was made but the disk did not take it, and ``unfit`` if there is
        no engine that could make it.
        """
        assert self._pipe is not None
        try:
            said = self._pipe.recv() if self._pipe.poll(wait) else None
            # Two of them at once, if a batch failed quickly and its first is begun alone.
            while said is not None and STARTED in said:
                self._begin(said[STARTED])
                said = self._pipe.recv() if self._pipe.poll(wait) else None
        except (EOFError, ConnectionResetError):
            self._process.join()
            code = self._process.exitcode
            died = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit status {code}"
            self._forget()
            return self._failed(f"the simulating process died: {died}")
        if said is not None:
            return {**self._tasks.pop(said["index"]), **said}
        if time.time() > self._deadline:
            self.close()
            return self._failed(f"it took longer than the limit of {self._limit:g} s")
        return None

    def _failed(self, error: str) -> dict[str, Any] | None:
        """The record of what was under way when the child ended; the rest is begun again.

        None: several were, of which none is known to be to blame, or it was between two.
        """
        record, alone = None, None if self.together else self._under_way[0]
        if self.together:
            _one_by_one(len(self._tasks), error)
        elif alone in self._tasks:
            record = {
                **self._tasks.pop(alone),
                "error": error,
                "began": self._began,
                "seconds": time.time() - self._began,
                "host": platform.node(),
            }
        if self._tasks:
            self._send(together=False)
        return record

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
        given = (theirs, os.getpid(), self._simulation, self._path, self._device)
        with _environment_of_a_child(threads, self._place), _signals_blocked():
            self._process = self._context.Process(target=_serve, args=given)
            self._process.start()
        theirs.close()
        self._served, self._born = 0, time.monotonic()

    def _forget(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        self._process = self._pipe = None


@contextmanager
def _environment_of_a_child(threads: int, place: int) -> Iterator[None]:
    before = dict(os.environ)
    for name in before:
        if name.startswith(LAUNCHER_VARIABLES):
            del os.environ[name]
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, str(threads)))
    if seen := os.environ.get(GPUS, ""):  # several, if the batch system did not share them out
        gpus = seen.split(",")
        os.environ[GPUS] = gpus[place % len(gpus)]
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


def _serve(pipe: Connection, parent: int, simulation: Simulation, path: Path, device: str) -> None:
    """The child: simulate what comes through the pipe until it is closed."""
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it died before the line above
        return
    engine = engine_of(simulation)
    while True:
        try:
            tasks, together = pipe.recv()
        except EOFError:
            return
        try:
            engine.load(device)
            engine.check_loaded(simulation.simulator)
        except Exception as error:  # the library's fault, not the light-cone's
            pipe.send({"index": tasks[0]["index"], "unfit": reason(error)})
            continue
        left = {task["index"]: task for task in tasks}
        if together and len(left) > 1 and engine.load_batch(device) is not None:
            pipe.send({STARTED: list(left)})
            for record in realize_together(simulation, path, tasks, device):
                del left[record["index"]]
                pipe.send(record)
        for index, task in left.items():
            pipe.send({STARTED: [index]})
            pipe.send({"index": index, **realize(simulation, path, **task, device=device)})


def realize(
    simulation: Simulation,
    path: Path,
    index: int,
    parameters: dict[str, float],
    seed: int,
    device: str = "cpu",
) -> dict[str, Any]:
    """Simulate, check and write one realisation, and say what the journal is to hold of it."""

    def make() -> LightCone:
        return engine_of(simulation).load(device)(simulation, parameters, seed)

    return _realized(simulation, path, index, make, device)


def realize_together(
    simulation: Simulation, path: Path, tasks: Sequence[Task], device: str
) -> Iterator[dict[str, Any]]:
    """The same of realisations that are made at once, but for those that fail."""
    together = engine_of(simulation).load_batch(device)
    assert together is not None
    begin, cpu = time.time(), cpu_seconds()
    try:
        parameters, seeds = ([task[key] for task in tasks] for key in ("parameters", "seed"))
        made = together(simulation, parameters, seeds)
        if len(made) != len(tasks):
            raise ValueError(f"the engine made {len(made)} of them")
    except Exception as error:  # whose fault it is shows when each is made by itself
        _one_by_one(len(tasks), reason(error))
        return
    share = (time.time() - begin) / len(made), (cpu_seconds() - cpu) / len(made)
    indices, each = [task["index"] for task in tasks], iter(made)
    for index in indices:
        record = _realized(simulation, path, index, lambda: next(each), device, share)
        if "error" in record:
            _one_by_one(1, record["error"])
        else:
            companions = [other for other in indices if other != index]
            yield {"index": index, **record, "companions": companions}


def _realized(
    simulation: Simulation,
    path: Path,
    index: int,
    make: Callable[[], LightCone],
    device: str,
    spent: tuple[float, float] = (0.0, 0.0),
) -> dict[str, Any]:
    """Make, check and write a realisation; seconds and CPU seconds were ``spent`` on it before."""
    begin, cpu, engine = time.time() - spent[0], cpu_seconds() - spent[1], engine_of(simulation)
    try:
        lightcone = make()
        refuse_impossible(lightcone, simulation)
        outcome = _written(path, index, lightcone, simulation)
    except Exception as error:  # any failure costs this realisation alone
        what = f"{type(error).__name__}: {' '.join(str(error).split())}"
        outcome = {"error": what, "traceback": traceback.format_exc()}
    usage, gpu = resource.getrusage(resource.RUSAGE_SELF), engine.gpu(device)
    return {
        **outcome,
        "began": begin,
        "seconds": time.time() - begin,
        "cpu_seconds": cpu_seconds() - cpu,
        "peak_bytes": usage.ru_maxrss * 1024,
        **surroundings([*PACKAGES, *engine.packages]),
        **({"gpu": gpu} if gpu else {}),
        "engine_version": engine.version() or simulation.simulator.engine_version,
    }


def _one_by_one(count: int, why: str) -> None:
    """Tell a log that a batch, or some of it, is made again."""
    what = f"{counted(count, 'light-cone')} of a batch failed and will be made alone: {why}"
    print(f"lcinfer: {what}", file=sys.stderr, flush=True)


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
