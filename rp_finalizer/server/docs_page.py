"""The schema, readable: a page without scripts, and without anything from elsewhere."""

from __future__ import annotations

import json
from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

docs_router = APIRouter(include_in_schema=False)

_REFERENCE = "#/components/schemas/"
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif }
body { max-width: 56rem; margin: 2rem auto; padding: 0 1rem }
h2 { margin: 2rem 0 .25rem; font-size: 1.1rem; overflow-wrap: anywhere }
code, pre { font-family: ui-monospace, monospace; font-size: .9em }
pre { overflow-x: auto; padding: .5rem; border: 1px solid #8886 }
td { padding: .1rem 1rem .1rem 0; vertical-align: top }
"""


@docs_router.get("/docs")
async def docs(request: Request) -> Response:
    """Show the schema."""
    page = page_of(request.app.openapi())
    return Response(page, media_type="text/html", headers={"Content-Security-Policy": _POLICY})


def page_of(schema: dict[str, Any]) -> str:
    """Draw a schema as HTML."""
    told = {name: escape(text) for name, text in schema["info"].items()}
    calls = [_call(method, path, call) for path, calls in schema["paths"].items() for method, call in calls.items()]
    bodies = [_body(name, body) for name, body in schema.get("components", {}).get("schemas", {}).items()]
    return f"""<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{told["title"]}: API</title>
<style>{_STYLE}</style>
<h1>{told["title"]} {told["version"]}</h1>
<p>{told.get("summary", "")} <a href="/openapi.json">openapi.json</a>, <a href="/">the queue</a></p>
{"".join(calls)}
<h2>Bodies</h2>
{"".join(bodies)}
"""


def _call(method: str, path: str, call: dict[str, Any]) -> str:
    rows = [
        (f"{each['in']} <code>{escape(each['name'])}</code>", escape(each.get("description", "")))
        for each in call.get("parameters", [])
    ]
    if body := call.get("requestBody"):
        rows.append(("body", _bodies_of(body)))
    rows += [
        (f"<code>{escape(status)}</code>", f"{escape(answer['description'])} {_bodies_of(answer)}")
        for status, answer in call["responses"].items()
    ]
    table = "".join(f"<tr><td>{left}<td>{right}\n" for left, right in rows)
    name = f"<code>{escape(method.upper())} {escape(path)}</code>"
    return f"<h2>{name}</h2>\n<p>{escape(call.get('description', ''))}</p>\n<table>{table}</table>\n"


def _bodies_of(described: dict[str, Any]) -> str:
    """Name the bodies that something refers to, as links."""
    rest = json.dumps(described).split(_REFERENCE)[1:]
    names = dict.fromkeys(escape(each.partition('"')[0]) for each in rest)
    return ", ".join(f'<a href="#{name}">{name}</a>' for name in names)


def _body(name: str, body: dict[str, Any]) -> str:
    shown, of = escape(json.dumps(body, indent=1)), escape(name)
    return f'<details id="{of}"><summary><code>{of}</code></summary><pre>{shown}</pre></details>\n'
