"""The versions of what is installed: of lcinfer, of any package."""

from functools import cache
from importlib.metadata import PackageNotFoundError, version


@cache  # for each light-cone anew it would be what costs most beside the write
def installed(package: str) -> str:
    """The version of a package; empty if it is not there."""
    try:
        return version(package)
    except PackageNotFoundError:
        return ""


__version__ = installed("lcinfer") or "0+unknown"  # a source tree that was never installed
