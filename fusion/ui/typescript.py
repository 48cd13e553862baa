"""TypeScript declarations of the page's JSON, so that editors check the scripts: `python -m fusion declarations`."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pydantic.json_schema import models_json_schema

from fusion.ui.pages.fuse.shapes import Details, Result

FILE = Path(__file__).with_name("web") / "payload.d.ts"
HEAD = "// The JSON that the scripts get with each answer. Made by `python -m fusion declarations` from `pages/fuse/shapes.py`.\n"
NAMES = {"string": "string", "integer": "number", "number": "number", "boolean": "boolean", "null": "null"}


def declarations() -> str:
    """An interface for each model, in alphabetical order."""
    _, schema = models_json_schema([(Result, "validation"), (Details, "validation")])
    return HEAD + "".join(interface(name, model) for name, model in sorted(schema["$defs"].items()))


def interface(name: str, model: dict[str, Any]) -> str:
    """One model; fields with a default may be missing."""
    required = model.get("required", [])
    lines = [f"\n/** {' '.join(model['description'].split())} */", f"export interface {name} {{"]
    for field, kind in model["properties"].items():
        if "description" in kind:
            lines.append(f"  /** {kind['description']} */")
        lines.append(f"  {field}{'' if field in required else '?'}: {type_of(kind)};")
    return "\n".join([*lines, "}", ""])


def type_of(kind: dict[str, Any]) -> str:
    """The TypeScript type of a JSON schema."""
    if "$ref" in kind:
        return str(kind["$ref"]).rsplit("/", 1)[-1]
    if "enum" in kind or "const" in kind:
        return " | ".join(json.dumps(value) for value in kind.get("enum", [kind.get("const")]))
    if "anyOf" in kind:
        return " | ".join(dict.fromkeys(map(type_of, kind["anyOf"])))
    if "prefixItems" in kind:
        return f"[{', '.join(map(type_of, kind['prefixItems']))}]"
    if kind.get("type") == "array":
        item = type_of(kind["items"])
        return f"({item})[]" if "|" in item else f"{item}[]"
    if kind.get("type") == "object":
        other = kind.get("additionalProperties")
        return f"Record<string, {type_of(other) if isinstance(other, dict) else 'unknown'}>"
    return NAMES.get(kind.get("type", ""), "unknown")
