"""What an edit of a configuration causes and costs, before it is made."""

from dataclasses import asdict, dataclass
from functools import singledispatch
from typing import Any, Literal

from ..base.counting import counted
from ..lightcones import failures
from ..planning.estimate import Estimate, of_simulations
from ..products.databases import LightCones
from ..products.networks import TrainingRun
from ..products.product import Product
from ..products.run import Run
from ..text.tables import aligned
from .keys import Change, behind, changes
from .work import Work, to_make

Relation = Literal["same", "grows", "shrinks", "renamed", "new", "added", "only one"]


@dataclass(frozen=True)
class Effect:
    """What becomes of one product."""

    product: Product
    relation: Relation  # to that of the same name of the old configuration
    before: Product | None
    causes: list[Change]
    work: Work | None
    there: bool
    effort: Estimate | str = ""  # what the work takes, where that is known

    @property
    def cost(self) -> Estimate | None:
        """What it costs, of simulations."""
        return self.effort if isinstance(self.effort, Estimate) else None

    @property
    def grows_by(self) -> int:
        """Realisations more than before."""
        return self.product.parts - self.before.parts if self.before else 0

    @property
    def becomes(self) -> str:
        """The relation in words."""
        beside = self.before.directory.name if self.before else ""
        return {
            "same": "same",
            "grows": f"grows by {self.grows_by}",
            "shrinks": f"the first {self.product.parts}",
            "renamed": f"as {beside}: rename that directory and nothing has to be made",
            "new": f"new, beside {beside}",
            "added": "added",
            "only one": "",
        }[self.relation]

    @property
    def left(self) -> str:
        """What is to be done, in words."""
        if self.work is None:
            return "there" if self.there else "not there, nothing asks for it"
        return ", ".join(map(str, filter(None, (self.work, self.effort))))

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        cost = self.cost
        measured = cost and cost.measured and str(cost.measured)
        return {
            "kind": self.product.kind,
            "name": self.product.name,
            "directory": str(self.product.directory),
            "relation": self.relation,
            "grows_by": self.grows_by,
            "keys": [change.key for change in self.causes],
            "there": self.there,
            "to_do": self.work and self.product.does,
            "light_cones": self.work and self.work.light_cones,
            "cost": cost and asdict(cost) | {"measured": measured},
        }


@singledispatch
def effort(product: Product, work: Work) -> Estimate | str:
    """What the work takes, where that is known."""
    return ""


@effort.register
def _simulations(cones: LightCones, work: Work) -> Estimate | str:
    if not work.light_cones:
        return ""
    return of_simulations(cones, work.light_cones) or "at a cost that is not known"


@effort.register
def _labour(run: TrainingRun, work: Work) -> str:
    """What a training works through; what that takes is not known before it was tried."""
    if run.members:
        return f"mixing {counted(len(run.members), 'network')}"
    light_cones = set(run.training_set) - set(failures.named(run.inputs.sealed))
    images = len(light_cones) * run.training.images_of(run.inputs.per_lightcone)
    return f"{counted(run.training.epochs, 'epoch')} of {counted(images, 'image')}"


@dataclass(frozen=True)
class Difference:
    """Two configurations, or one and the results."""

    changes: list[Change]
    effects: list[Effect]
    dropped: list[Product]  # that the old one makes and the new one does not point to

    def as_json(self) -> dict[str, Any]:
        """What a program may want of it."""
        return {
            "keys": [asdict(change) for change in self.changes],
            "products": [effect.as_json() for effect in self.effects],
            "no_longer_pointed_to": [str(product.directory) for product in self.dropped],
        }

    def __str__(self) -> str:
        """Keys, then a line for each product, then what is dropped."""
        lines = [f"{change} ({self._from(change)})" for change in self.changes]
        lines += [""] if lines else []
        rows = [
            (effect.product.kind, effect.product.name, effect.becomes, effect.left)
            for effect in self.effects
        ]
        columns = [column for column in zip(*rows, strict=True) if any(column)]
        table = aligned([*zip(*columns, strict=True)], left=None)
        lines += map(str.rstrip, table)
        if not any(effect.work for effect in self.effects):
            lines.append("nothing to do")
        if self.dropped:
            names = ", ".join(f"{each.kind}/{each.directory.name}" for each in self.dropped)
            lines += ["", f"no longer pointed to, but left as they are: {names}"]
        return "\n".join(lines)

    def _from(self, change: Change) -> str:
        if not change.decides:
            return "decides no content"
        kinds = (effect.product.kind for effect in self.effects if change in effect.causes)
        return f"{next(kinds, 'nothing of the edited one')} and what follows"


def compare(old: Run | None, new: Run) -> Difference:
    """What the new configuration would have made in the results, beside the old one's.

    Args:
        old: None compares with nothing: what is left to do for the new one.
        new: the edited configuration.
    """
    changed = changes(old.config, new.config) if old else []
    before, after = old.products if old else [], new.products
    work = {each.product.directory: each for each in to_make(new)}
    effects = []
    for product in after:
        relation, former = _relation(product, before) if old else ("only one", None)
        left = work.get(product.directory)
        takes = effort(product, left) if left else ""
        causes = [] if relation in ("same", "renamed") else behind(product, changed)
        effects.append(Effect(product, relation, former, causes, left, product.finished, takes))
    kept = {product.directory for product in after}
    return Difference(changed, effects, [each for each in before if each.directory not in kept])


def _relation(product: Product, before: list[Product]) -> tuple[Relation, Product | None]:
    alike = [each for each in before if each.kind == product.kind]
    for each in alike:
        if each.directory == product.directory:
            more = product.parts - each.parts
            return ("grows" if more > 0 else "shrinks" if more < 0 else "same"), each
    for each in alike:
        if each.name == product.name or each.single:
            return "new", each
    for each in alike:
        movable = each.directory.is_dir() and not product.directory.is_dir()
        if each.fingerprint == product.fingerprint and movable:
            return "renamed", each
    return "added", None
