"""The paper's figures, one module each. They draw arrays and know nothing of files."""

from .examples import draw_examples
from .loss import draw_loss
from .recovery import draw_recovery
from .style import save

__all__ = ["draw_examples", "draw_loss", "draw_recovery", "save"]
