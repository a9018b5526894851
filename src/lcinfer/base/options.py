"""How a message names a setting: as an option on the command line, as an argument in Python."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

DEVICES = r"cpu|cuda(:\d+)?"  # what --device and device may be
_on_command_line = ContextVar("on_command_line", default=False)


@contextmanager
def on_command_line() -> Iterator[None]:
    """Meanwhile whoever reads messages is at the command line."""
    before = _on_command_line.set(True)
    try:
        yield
    finally:
        _on_command_line.reset(before)


def option(name: str, value: str = "", argument: str = "") -> str:
    """``--cell-size MPC`` on the command line, ``cell_size=MPC`` in Python.

    Args:
        name: of the option, without dashes.
        value: that it has, or what stands for one.
        argument: its name in Python, if it is another.
    """
    if _on_command_line.get():
        return f"--{name} {value}".rstrip()
    return f"{argument or name.replace('-', '_')}={value}"
