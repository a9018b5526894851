"""The configuration's reference, generated from its classes: JSON schema and a page of keys."""

import json
from typing import Any

from . import Config

HEAD = """# The configuration, key by key

Generated from `src/lcinfer/config` by `lcinfer schema --markdown`. `config.yaml` is the paper,
`demo.yaml` a small real run. Names of parameters and options are py21cmfast's, in its units.
"""


def schema() -> str:
    """The JSON schema that editors check a configuration with."""
    return f"{json.dumps(Config.model_json_schema(), indent=2)}\n"


def page() -> str:
    """A Markdown table per section: key, type, default, meaning."""
    whole = Config.model_json_schema()
    sections = whole["$defs"]
    lines = [HEAD, *_table("The top level", whole)]
    for name in sections:
        lines += _table(name, sections[name])
    return "\n".join(lines)


def _table(title: str, section: dict[str, Any]) -> list[str]:
    required = section.get("required", [])
    lines = [f"## {title}", "", " ".join(section.get("description", "").split()), ""]
    lines += ["| key | type | default | meaning |", "|---|---|---|---|"]
    for key, about in section.get("properties", {}).items():
        default = "required" if key in required else f"`{json.dumps(about.get('default'))}`"
        if len(default) > 60:
            default = "see the sections"
        meaning = " ".join(about.get("description", "").split())
        lines.append(f"| `{key}` | {_type(about)} | {default} | {meaning} |")
    return [*lines, ""]


def _type(about: dict[str, Any]) -> str:
    if "$ref" in about:
        return str(about["$ref"]).rsplit("/", 1)[-1]
    if "enum" in about or "const" in about:
        return ", ".join(str(value) for value in about.get("enum", [about.get("const")]))
    if kinds := about.get("anyOf") or about.get("oneOf"):
        return " or ".join(map(_type, kinds))
    if "additionalProperties" in about and isinstance(about["additionalProperties"], dict):
        return f"names with {_type(about['additionalProperties'])}"
    if about.get("type") == "array":
        items = about.get("prefixItems") or [about.get("items", {})]
        return f"list of {_type(items[0])}"
    return str(about.get("type", "any")).replace("null", "none")
