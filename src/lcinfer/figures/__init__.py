"""The paper's figures, one module each. They draw arrays and know nothing of files."""

from .examples import draw_examples
from .learning import draw_learning
from .loss import draw_loss
from .recovery import draw_recovery
from .study import draw_study
from .style import save

__all__ = [
    "draw_examples",
    "draw_learning",
    "draw_loss",
    "draw_recovery",
    "draw_study",
    "save",
]
