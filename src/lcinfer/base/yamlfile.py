"""YAML that people write: read strictly, and one line for what is wrong with a file."""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from .errors import UserError, no_such_file

MERGE = "tag:yaml.org,2002:merge"  # `<<`, which may be there more than once: nothing is lost


def read(path: Path) -> Any:
    """What a YAML file holds.

    Raises:
        UserError: if the file cannot be read, is not UTF-8 or no YAML, or has a key twice, of
            which YAML's readers silently take the last.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise no_such_file(path) from None
    except IsADirectoryError:
        raise UserError(f"{path}: a folder: {_file_meant(path)}") from None
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    try:
        loader = _Loader(content.decode("utf-8"))
        settings = loader.get_single_data()
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        raise UserError(f"{path}: not YAML: line {line} is not UTF-8: save it as UTF-8") from None
    except (yaml.YAMLError, ValueError) as error:  # ValueError: of a date that there is not
        raise UserError(f"{path}: not YAML: {' '.join(str(error).split())}") from None
    if loader.twice:
        raise UserError(f"{path}: {'; '.join(loader.twice)}: keep one")
    return settings


def _file_meant(folder: Path) -> str:
    """Which configuration file is likely meant by a folder."""
    if (folder / "spec.json").exists():  # of a product, whose name is its folder's
        name, _, _ = folder.resolve().name.rpartition("-")
        return f"give the configuration file that {name} was made from"
    there = ", ".join(sorted(path.name for path in folder.glob("[!.]*.yaml")))
    return "give a configuration file" + (f", as {there} in it" if there else "")


def check_command_line(arguments: Sequence[str] = sys.argv[1:]) -> None:
    """End a Snakemake whose ``--configfile`` it cannot read with the line that lcinfer says.

    Snakemake reads that file before the Snakefile, and shows a traceback. Its default profile
    (``profiles/default``) is read before that, and calls this.

    Raises:
        SystemExit: with the line.
    """
    parser = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    parser.add_argument("--configfile", "--configfiles", nargs="+", type=Path, default=[])
    try:
        for path in parser.parse_known_args(arguments)[0].configfile:
            read(path)
    except UserError as error:
        sys.exit(f"lcinfer: {error}")


class _Loader(yaml.SafeLoader):
    """Notes keys that a mapping has twice, before `<<` brings in those of others."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.twice: list[str] = []

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        lines: dict[tuple[str, str], int] = {}
        for key, _ in node.value:
            if not isinstance(key, yaml.ScalarNode) or key.tag == MERGE:
                continue
            line, identity = key.start_mark.line + 1, (key.tag, key.value)
            if identity in lines:
                first = lines[identity]
                self.twice.append(f"the key {key.value} is in line {first} and in line {line}")
            lines[identity] = line
        return node
