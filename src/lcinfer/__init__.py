"""lcinfer: how well 21-cm images tell the parameters of the first galaxies.

>>> import lcinfer
>>> cones = lcinfer.open_database("config/demo.yaml")
>>> network = lcinfer.load_network("config/demo.yaml", "all_images")
>>> network.predict(cones.brightness_temp.sel(light_cone=12))

Nothing heavy is loaded before the first of these names is used.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from .base.version import __version__

if TYPE_CHECKING:
    from .api.databases import open_database
    from .api.experiment import Experiment
    from .api.networks import Network, load_network

__all__ = ["Experiment", "Network", "__version__", "load_network", "open_database"]

_FOUND_IN = {
    "Experiment": "experiment",
    "Network": "networks",
    "load_network": "networks",
    "open_database": "databases",
}


def __getattr__(name: str) -> Any:
    """The names for people, loaded when they are asked for (PEP 562)."""
    if name not in _FOUND_IN:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".api.{_FOUND_IN[name]}", __name__), name)
