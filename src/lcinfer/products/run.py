"""A configuration with all that it makes: which products, made from which, and where they are."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from ..base.errors import UserError
from ..base.fingerprint import identity
from ..base.options import option
from ..config import Config
from ..config.sections import Simulation, Training
from ..config.sweeps import Trial, members, repeats
from .databases import ImageSet, Inputs, LightCones, SpectraSet
from .design import AdoptedDesign, Design, MockDesign, PriorDesign
from .mcmc import McmcRun
from .networks import EvaluationRun, SweepRun, TrainingRun
from .product import RESULTS, Product
from .shown import EXAMPLES, POSTERIORS, SCHEME, FigureSet, Summary


@dataclass(frozen=True)
class Run:
    """A configuration with all that it makes."""

    config: Config
    root: Path = RESULTS

    @cached_property
    def database(self) -> LightCones:
        """The database of light-cones."""
        database = self.config.database
        count, allowed = database.realizations, database.allowed_failures
        if database.adopted is None:
            return self._lightcones(database.name, PriorDesign(database), count, allowed)
        design = AdoptedDesign(database)
        cones = self._lightcones(database.name, design, count)
        return replace(cones, design=replace(design, directory=cones.directory))

    @cached_property
    def mocks(self) -> dict[str, LightCones]:
        """The mocks' light-cones by name."""
        return {
            name: self._lightcones(name, MockDesign(name, mock), mock.realizations)
            for name, mock in self.config.mocks.items()
        }

    @property
    def lightcones(self) -> dict[str, LightCones]:
        """The database and the mocks, by the names of their directories."""
        return {_named(cones): cones for cones in (self.database, *self.mocks.values())}

    @property
    def simulates(self) -> bool:
        """Whether light-cones are left to be made; nothing else needs the engine."""
        return not all(cones.sealed.exists() for cones in self.lightcones.values())

    @property
    def begun(self) -> bool:
        """Whether anything of it is there."""
        return any(product.begun for product in (*self.by_directory.values(), self.summary))

    @property
    def tried(self) -> dict[str, list[dict[str, float]]]:
        """Points that the engine must accept, by the key of the configuration that they are of:
        of what is left to be simulated."""
        keys = {name: f"mocks.{name}.parameters" for name in self.mocks}
        return {
            keys.get(cones.name, "database.prior"): cones.design.tried
            for cones in self.lightcones.values()
            if not cones.sealed.exists()
        }

    def unfinished(self, missing: Path) -> str:
        """Why there are no results to show, for a user: the run is not finished, or not begun."""
        if not self.begun:
            return (
                f"{self.root}: nothing of this configuration is here; `snakemake` makes it, or say "
                f"with {option('results')} where it is"
            )
        return f"{missing}: not there: the run is not finished, or was moved"

    @cached_property
    def images(self) -> dict[str, ImageSet]:
        """The images of each of :attr:`lightcones` by the same names, and by their own names those
        that instruments see. The database's are left out if every training has an instrument."""
        made = {label: self._images(cones) for label, cones in self.lightcones.items()}
        used = {it.training.instrument for it in self.trainings.values()}
        if None not in used:
            del made[_named(self.database)]
        for instrument in sorted(filter(None, used)):
            seen = (self._images(cones, instrument) for cones in self.lightcones.values())
            made |= {_named(images): images for images in seen}
        return made

    @property
    def database_images(self) -> ImageSet:
        """The database's images, or if there are none, those that an instrument sees."""
        return next(it for it in self.images.values() if it.lightcones is self.database)

    @property
    def mock_images(self) -> dict[str, ImageSet]:
        """The mocks' images by the mocks' names."""
        return {name: self.images[_named(cones)] for name, cones in self.mocks.items()}

    @cached_property
    def spectra(self) -> dict[str, SpectraSet]:
        """The spectra of each of :attr:`lightcones`, as ``SPECTRA.DATABASE``."""
        return {
            f"{name}.{cones.name}": SpectraSet.of(spectra, cones)
            for name, spectra in self.config.spectra.items()
            for cones in self.lightcones.values()
        }

    @property
    def inputs(self) -> list[Inputs]:
        """What is made of light-cones for networks to read."""
        return [*self.images.values(), *self.spectra.values()]

    def _read_by(self, what: str, seen_with: str | None = None) -> list[Inputs]:
        """What the key `input` of a training names: of the database, and of each mock."""
        cones = [self.database, *self.mocks.values()]
        if what == "images":
            return [self._images(each, seen_with) for each in cones]
        return [self.spectra[f"{what}.{each.name}"] for each in cones]

    @property
    def instruments(self) -> dict[str, Inputs]:
        """The database's images by the names of the instruments that see them."""
        used = {it.training.instrument: it.inputs for it in self.trainings.values()}
        return {name: used[name] for name in self.config.instruments if name in used}

    @property
    def examples(self) -> tuple[str, ...]:
        """The mocks whose images are shown, in their order."""
        return self.config.figures.examples or tuple(sorted(self.mocks))

    @property
    def responses(self) -> tuple[str, ...]:
        """The mocks to which networks' responses are shown, in their order."""
        return self.config.figures.responses or self.examples

    @cached_property
    def repeats(self) -> dict[str, tuple[str, ...]]:
        """The names of each configured training's repeats, itself first."""
        return {
            name: (name, *(f"{name}.seed{other.seed}" for other in repeats(training)[1:]))
            for name, training in self.config.trainings.items()
        }

    @cached_property
    def trainings(self) -> dict[str, TrainingRun]:
        """The trainings by name: those configured and their repeats, members of ensembles before
        them, and trials of sweeps. What is one of the former is not named again.
        """
        asked = {
            label: self._training(name, training)
            for name, labels in self.repeats.items()
            for label, training in zip(labels, repeats(self.config.trainings[name]), strict=True)
        }
        taken = {run.directory for run in asked.values()}
        mixed = (one for run in asked.values() for one in run.members if one.directory not in taken)
        named = {f"{one.name}.member{one.training.seed}": one for one in mixed} | asked
        for sweep, settings in self.config.sweeps.items():
            for number, trial in enumerate(self.config.trials(sweep), start=1):
                run = self._training(settings.training, trial.training)
                if all(run.fingerprint != other.fingerprint for other in named.values()):
                    named[f"{sweep}.{number}"] = run
        return named

    @cached_property
    def evaluations(self) -> dict[str, EvaluationRun]:
        """The evaluations that are asked for, by their training's name.

        Of a study's trials the best is evaluated too, when it is known.
        """
        asked = {label for labels in self.repeats.values() for label in labels}
        for name, settings in self.config.sweeps.items():
            if settings.scored_on == "test":
                asked |= {self._label(run) for _, run in self._trials(name)}
        return {
            name: self._evaluation(run) for name, run in self.trainings.items() if name in asked
        }

    @cached_property
    def sweeps(self) -> dict[str, SweepRun]:
        """The sweeps by name."""
        return {name: self._sweep(name) for name in self.config.sweeps}

    @cached_property
    def figures(self) -> dict[str, FigureSet]:
        """Figures by what they are of: a configured training, a sweep, an instrument,
        ``posteriors``, ``examples``, ``scheme``."""

        def drawing(name: str, *sources: Product, **made_from: Any) -> FigureSet:
            style = self.config.figures
            made_of = identity("figures", style=style, **made_from)
            return FigureSet(name, made_of, self.root, style.formats, drawn_from=sources)

        answered = {"responses": self.responses} if self.mocks else {}
        drawn = {}
        for name in self.repeats:
            scored = self.evaluations[name]
            if self.config.trainings[name].input != "images":
                drawn[name] = drawing(name, scored, of_spectra=scored.fingerprint)
                continue
            asked = (scored.mock_inputs[mock] for mock in self.responses)
            drawn[name] = drawing(name, scored, *asked, evaluation=scored.fingerprint, **answered)
        for name, sweep in self.sweeps.items():
            drawn[name] = drawing(name, sweep, sweep=sweep.fingerprint)
        for name, seen in self.instruments.items():
            drawn[name] = drawing(name, seen, instrument=seen.fingerprint)
        if tested := self.config.tested:
            sampled = {name: self.evaluations[name] for name in self.config.with_posteriors}
            drawn_of = {*tested, *self.config.corners}
            chains = {name: it for name, it in self.mcmc.items() if name in drawn_of}
            more: dict[str, Any] = {"mcmc": _fingerprints(chains)} if chains else {}
            more |= {} if sampled else {"scored": self.config.evaluation}
            more |= {POSTERIORS: _fingerprints(sampled), "corners": sorted(self.mocks)}
            drawn[POSTERIORS] = drawing(POSTERIORS, *sampled.values(), *chains.values(), **more)
        if self.mocks:
            examples = {name: self.mock_images[name] for name in self.examples}
            shown = [[name, [it.fingerprint, it.realizations]] for name, it in examples.items()]
            drawn[EXAMPLES] = drawing(EXAMPLES, *examples.values(), mocks=shown)
        box, lightcone = self.config.database.box, self.config.database.lightcone
        drawn[SCHEME] = drawing(SCHEME, images=self.config.images, box=box, lightcone=lightcone)
        return drawn

    @property
    def by_kind(self) -> dict[str, Mapping[str, Product]]:
        """Every product but the run's own, by kind and by the name that the configuration gives."""
        return {
            "lightcones": {cones.name: cones for cones in self.lightcones.values()},
            "images": {images.name: images for images in self.images.values()},
            "spectra": self.spectra,
            "trainings": self.trainings,
            "evaluations": self.evaluations,
            "sweeps": self.sweeps,
            "mcmc": self.mcmc,
            "figures": self.figures,
        }

    @cached_property
    def products(self) -> list[Product]:
        """Every product, the run's own last, in the order in which they are made."""
        several = [product for named in self.by_kind.values() for product in named.values()]
        return [*several, self.summary]

    @cached_property
    def by_directory(self) -> dict[str, Any]:
        """Each of :attr:`by_kind` by its directory's name, which is how the rules know it."""
        return {
            product.directory.name: product
            for named in self.by_kind.values()
            for product in named.values()
        }

    @property
    def figure_files(self) -> list[Path]:
        """Every figure in every format."""
        return [file for figures in self.figures.values() for file in figures.outputs]

    @property
    def summary(self) -> Summary:
        """The run's own directory."""
        again = {
            label: self.evaluations[label].fingerprint
            for labels in self.repeats.values()
            for label in labels[1:]
        }
        more: dict[str, Any] = {"repeats": again} if again else {}
        if self.config.tested or any(scored.has_posterior for scored in self.evaluations.values()):
            more[POSTERIORS] = True
        if self.mcmc:
            more["mcmc"] = _fingerprints(self.mcmc)
        made_of = identity("summary", figures=_fingerprints(self.figures), **more)
        return Summary(
            name=self.config.name,
            identity=made_of,
            root=self.root,
            evaluations=tuple(self.evaluations.values()),
            sampled=tuple(self.mcmc.values()),
            of_mocks=bool(self.mocks and more.keys() & {POSTERIORS, "mcmc"}),
        )

    def _lightcones(
        self, name: str, design: Design, realizations: int, allowed_failures: float = 0
    ) -> LightCones:
        database = self.config.database
        simulation = Simulation(**{key: getattr(database, key) for key in Simulation.model_fields})
        planned = LightCones(
            name=name,
            identity=identity("lightcones", simulation=simulation, design=design.content),
            root=self.root,
            realizations=realizations,
            block=database.block,
            simulation=simulation,
            design=design,
            max_attempts=database.max_attempts,
            limit_minutes=database.limit_minutes,
            allowed_failures=allowed_failures,
        )
        written = planned.spec
        if written.exists():  # the first block size stays, so that finished blocks stay finished
            try:
                block = int(json.loads(written.read_text(encoding="utf-8"))["block"])
            except (ValueError, TypeError, KeyError):
                raise UserError(
                    f"{written} is damaged: move it aside, and `lcinfer stage design` writes it "
                    "again (if it held another `block` than the configuration, set that first)"
                ) from None
            return replace(planned, block=block)
        return planned

    def _images(self, cones: LightCones, seen_with: str | None = None) -> ImageSet:
        instrument = self.config.instruments.get(seen_with or "")
        return ImageSet.of(self.config.images, cones, seen_with, instrument)

    def _training(self, name: str, training: Training) -> TrainingRun:
        inputs, *_ = self._read_by(training.input, training.instrument)
        given_up = {"given_up": inputs.given_up} if inputs.given_up else {}
        run = TrainingRun(
            name=name,
            identity={},
            root=self.root,
            training=training,
            split=self.config.split,
            inputs=inputs,
        )
        revision = training.network.revision
        mixed = [self._training(self.config.name_of(it) or name, it) for it in members(training)]
        made_of = identity(
            "training",
            training=training,
            split=self.config.split,
            **{inputs.kind: [[inputs.fingerprint, run.light_cones]]},
            **given_up,
            **({"architecture_revision": revision} if revision > 1 else {}),
            **({"members": [one.fingerprint for one in mixed]} if mixed else {}),
        )
        return replace(run, identity=made_of, members=tuple(mixed))

    def _evaluation(self, run: TrainingRun) -> EvaluationRun:
        _, *mocks = self._read_by(run.training.input, run.training.instrument)
        return EvaluationRun.of(self.config.evaluation, run, tuple(mocks))

    def _trials(self, sweep: str) -> list[tuple[Trial, TrainingRun]]:
        name = self.config.sweeps[sweep].training
        return [
            (trial, self.trainings[self._label(self._training(name, trial.training))])
            for trial in self.config.trials(sweep)
        ]

    def _sweep(self, name: str) -> SweepRun:
        settings, trials = self.config.sweeps[name], self._trials(name)
        evaluations = {run.directory.name: self._evaluation(run) for _, run in trials}
        mocks = {mock.directory: mock for each in evaluations.values() for mock in each.mocks}
        return SweepRun(
            name=name,
            identity=identity(
                "sweep",
                scored_on=settings.scored_on,
                trials=[
                    [trial.values, run.fingerprint, evaluations[run.directory.name].fingerprint]
                    for trial, run in trials
                ],
            ),
            root=self.root,
            sweep=settings,
            trials=tuple(trials),
            evaluations=evaluations,
            after=(*self.evaluations.values(), *mocks.values()),
        )

    @cached_property
    def mcmc(self) -> dict[str, McmcRun]:
        """The samplings of likelihoods by name."""
        return {
            name: McmcRun.of(name, mcmc, self.config.split, *self._read_by(mcmc.spectra))
            for name, mcmc in self.config.mcmc.items()
        }

    def _label(self, run: TrainingRun) -> str:
        """The name of a training in :attr:`trainings`."""
        return next(
            label for label, it in self.trainings.items() if it.fingerprint == run.fingerprint
        )


def _fingerprints(named: Mapping[str, Product]) -> dict[str, Any]:
    return {name: product.fingerprint for name, product in named.items()}


def _named(product: Product) -> str:
    return product.directory.name
