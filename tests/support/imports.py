"""Which modules of the package import which."""

import ast
from pathlib import Path


def _name(path, package):
    parts = path.relative_to(package.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def paths_of(package: Path) -> dict[str, Path]:
    """The modules of a package by their names."""
    return {_name(path, package): path for path in sorted(package.rglob("*.py"))}


def package_of(module: str) -> str:
    """``lcinfer.figures`` of ``lcinfer.figures.loss``."""
    return ".".join(module.split(".")[:2])


def _imports(module, modules):
    path = modules[module]
    package = module if path.name == "__init__.py" else module.rpartition(".")[0]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in modules)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                above = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*above, *([base] if base else [])])
            for alias in node.names:
                found = next((it for it in (f"{base}.{alias.name}", base) if it in modules), None)
                if found is not None:
                    yield found


def imports_of(package: Path) -> dict[str, set[str]]:
    """What each module imports of its own package, also inside functions."""
    modules = paths_of(package)
    return {module: set(_imports(module, modules)) - {module} for module in modules}
