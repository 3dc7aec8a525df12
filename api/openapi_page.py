"""The API's description as a page: plain HTML, no script, nothing from another host."""
from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

_REF = "#/components/schemas/"


def page(document: Mapping[str, Any], style_path: str) -> str:
    """The page of an OpenAPI *document*; its style sheet stands at *style_path*."""
    title = f"{document['info']['title']} API {document['info']['version']}"
    parts = [
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>'
        f'<meta name="viewport" content="width=device-width"><meta name="robots" content="noindex">'
        f'<link rel="stylesheet" href="{escape(style_path)}"></head><body><main>',
        f"<h1>{escape(title)}</h1><p>{escape(document['info']['description'])}</p>",
        '<p>For programs: <a href="/api/openapi.json">/api/openapi.json</a>.</p><nav><ul>',
        *(f'<li><a href="#{_anchor(method, path)}"><code>{_line(method, path)}</code></a></li>' for method, path, _ in _routes(document)),
        "</ul></nav>",
        *(_route(method, path, said) for method, path, said in _routes(document)),
        '<h2 id="types">Types</h2>',
        *(f'<section id="type-{escape(name)}"><h3>{escape(name)}</h3>{_schema(schema)}</section>'
          for name, schema in sorted(document["components"]["schemas"].items())),
        '<h2 id="problems">Problems</h2>',
        *(f'<section id="{escape(uri.rpartition("#")[2])}"><h3>{escape(uri)}</h3><p>{one["status"]}: {escape(one["meaning"])} '
          f'{escape(one["remedy"])}</p></section>' for uri, one in document.get("x-problem-types", {}).items()),
        "</main></body></html>\n",
    ]
    return "\n".join(parts)


def style() -> bytes:
    """The page's style sheet."""
    return Path(__file__).with_name("openapi_page.css").read_bytes()


def _routes(document: Mapping[str, Any]) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for path, methods in document["paths"].items():
        for method, said in methods.items():
            yield method.upper(), path, said


def _route(method: str, path: str, said: Mapping[str, Any]) -> str:
    parts = [f'<section id="{_anchor(method, path)}"><h2><code>{_line(method, path)}</code></h2><p>{escape(said["summary"])}.']
    if "security" in said:
        parts.append(" Only for who is signed in.")
    parts.append("</p>")
    if found := said.get("parameters"):
        parts.append(_table(("parameter", "in", "required", "type"), [
            (f"<code>{escape(p['name'])}</code>", p["in"], "yes" if p["required"] else "no",
             _type(p["schema"]) + escape(p.get("description", "") and f": {p['description']}")) for p in found]))
    if body := said.get("requestBody"):
        parts.append("<p>Body: " + ", ".join(f"{_type(of['schema'])} as {escape(kind)}" for kind, of in body["content"].items()) + "</p>")
    rows = [(status, escape(answer["description"]), "; ".join(f"{_type(of['schema'])} as {escape(kind)}"
                                                           for kind, of in answer.get("content", {}).items()))
            for status, answer in said["responses"].items()]
    parts.append(_table(("status", "meaning", "body"), rows) + "</section>")
    return "".join(parts)


def _schema(schema: Mapping[str, Any]) -> str:
    if "properties" not in schema:
        return f"<p>{_type(schema)}</p>"
    needed = schema.get("required", ())
    rows = [(f"<code>{escape(name)}</code>", "yes" if name in needed else "no", _type(of)) for name, of in schema["properties"].items()]
    return f"<p>{escape(schema.get('description', ''))}</p>" + _table(("field", "required", "type"), rows)


def _type(schema: Mapping[str, Any]) -> str:
    if "$ref" in schema:
        name = escape(str(schema["$ref"]).removeprefix(_REF))
        return f'<a href="#type-{name}">{name}</a>'
    for many in ("anyOf", "oneOf"):
        if many in schema:
            return " or ".join(_type(one) for one in schema[many])
    if "enum" in schema:
        return " or ".join(f"<code>{escape(json.dumps(value, ensure_ascii=False))}</code>" for value in schema["enum"])
    if schema.get("type") == "array" and isinstance(schema.get("items"), Mapping):
        return f"list of {_type(schema['items'])}{_limits(schema)}"
    return escape(str(schema.get("format") or schema.get("type", "any"))) + _limits(schema)


def _limits(schema: Mapping[str, Any]) -> str:
    """What a value may be, in the schema's own words."""
    words = ("minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "pattern")
    found = ", ".join(f"{word} {schema[word]}" for word in words if word in schema)
    return f" ({escape(found)})" if found else ""


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    top = "".join(f'<th scope="col">{cell}</th>' for cell in head)
    body = "".join("<tr>" + "".join(f"<td>{cell}</td>" for cell in row) + "</tr>" for row in rows)
    return f"<table><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table>"


def _line(method: str, path: str) -> str:
    return escape(f"{method} {path}")


def _anchor(method: str, path: str) -> str:
    return escape(f"{method.lower()}{path.replace('/', '-').replace('{', '').replace('}', '')}")
