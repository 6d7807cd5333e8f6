"""What every answer to a browser must have, and what no page may: what a scanner would look for."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import urljoin, urlsplit

from flask import Flask
from lxml import html

_LOADING = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
_SENDING = ("hx-post", "hx-put", "hx-patch", "hx-delete")


def soft_edges(address: str, headers: Mapping[str, str], text: str | None) -> list[str]:
    """What is wrong with one answer; `text` for a page, None for anything else."""
    is_kept = urlsplit(address).path.partition("/static/")[1] != ""
    found = [*_of_headers({k.lower(): value for k, value in headers.items()}, address, is_kept)]
    if text:
        found += _of_page(html.fromstring(text), address)
    return [f"{each} on {address}" for each in found]


def _of_headers(headers: Mapping[str, str], address: str, is_kept: bool) -> Iterator[str]:
    policy = headers.get("content-security-policy", "")
    if "default-src 'none'" not in policy or "unsafe" in policy or "*" in policy:
        yield f"a lax policy ({policy})"
    if headers.get("x-content-type-options") != "nosniff":
        yield "no nosniff"
    for name in ("x-frame-options", "referrer-policy", "cross-origin-opener-policy"):
        if name not in headers:
            yield f"no {name}"
    if not is_kept and "no-store" not in headers.get("cache-control", ""):
        yield "a private answer that may be kept"
    kind = headers.get("content-type", "")
    if kind.startswith("text/") and "charset=utf-8" not in kind and not is_kept:
        yield f"a text without its character set ({kind})"
    attached = headers.get("content-disposition", "").startswith("attachment")
    if "/api/" in urlsplit(address).path and not attached:
        yield "an answer to a program that a browser would show"
    if "server" in headers or "x-powered-by" in headers:
        yield "says by what it is served"
    for cookie in headers.get("set-cookie", "").split("\n"):
        if cookie and not ("HttpOnly" in cookie and "SameSite=Lax" in cookie):
            yield f"a loose cookie ({cookie.partition('=')[0]})"


def _of_page(page: html.HtmlElement, address: str) -> Iterator[str]:
    for form in page.xpath("//form[translate(@method, 'POST', 'post') = 'post']"):
        if not form.xpath(
            ".//input[@name='csrf_token'][@type='hidden'][string-length(@value) > 20]"
        ):
            yield f"a form without a token ({form.get('action')})"
        if urlsplit(urljoin(address, form.get("action") or "")).netloc != urlsplit(address).netloc:
            yield f"a form that leads elsewhere ({form.get('action')})"
    if any(page.xpath(f"//*[@{name}]") for name in _SENDING) and not page.xpath(
        "//meta[@name='csrf-token'][string-length(@content) > 20]"
    ):
        yield "something that sends without a token"
    for element in page.iter():
        if not isinstance(element.tag, str):
            continue
        yield from _of_element(element, address)


def _of_element(element: html.HtmlElement, address: str) -> Iterator[str]:
    tag = element.tag
    if tag == "style" or (
        tag == "script" and (not element.get("src") or (element.text or "").strip())
    ):
        yield f"an inline {tag}"
    for name, value in element.items():
        if name == "style" or name.startswith("on") or name == "srcdoc":
            yield f"an inline {name}"
        if name in {"href", "src", "action"} and value.strip().lower().startswith("javascript:"):
            yield "a javascript: address"
    target = element.get(_LOADING[tag], "") if tag in _LOADING else ""
    if target and not target.startswith("data:"):
        there = urlsplit(urljoin(address, target)).netloc
        if there != urlsplit(address).netloc:
            yield f"something loaded from {there}"


def get_routes(app: Flask) -> list[str]:
    """A path for every route that answers GET: an id that is nobody's where it wants one."""
    fitting = {"integer": "1", "float": "1.0", "path": "x/y"}
    paths = []
    for rule in app.url_map.iter_rules():
        if rule.endpoint == "static" or "GET" not in (rule.methods or ()):
            continue
        values: dict[str, Any] = {
            name: fitting.get(type(converter).__name__.lower().removesuffix("converter"), "none")
            for name, converter in rule._converters.items()
        }
        with app.test_request_context():
            paths.append(app.url_map.bind("localhost").build(rule.endpoint, values))
    return sorted(set(paths))
