"""axe-core in a page: what it finds against WCAG 2.2, and what it doesn't know to look for."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from typing import Any

from tests.e2e.browser import Browser

# Of WCAG, up to level AA, and what axe-core's authors hold to be good practice.
_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
# Style sheets are not loaded once more, what one imports from a wrong address: only css-orientation-lock looks at them,
# which is experimental, and so is not run for any of these tags.
_RUN = """
const done = arguments[arguments.length - 1];
const preload = {assets: ["media"]};
axe.run(document, {runOnly: {type: "tag", values: TAGS}, resultTypes: ["violations"], preload}).then(
    (found) => done([...found.violations.flatMap((rule) => rule.nodes.map(
        (node) => `${rule.id} (${rule.impact}): ${node.target} ${node.html.slice(0, 160)}`,
    )), ...beside()]),
    (error) => done([String(error)]),
);
"""
# What axe-core doesn't look at: borders of fields that stand out too little from what is behind them (WCAG 2.2,
# 1.4.11), fields in which a line of their own letters has no room, pages that are wider than the screen, and headings
# and buttons In Title Case, but for names: the project's, and a tenant's of `tests.permissions.world`.
_BESIDE = """
function rgba(colour) {
    const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
    canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
}
function luminance(colour) {
    const [r, g, b] = [...rgba(colour)].slice(0, 3).map((part) => part / 255)
        .map((part) => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(field) {
    let behind = field.parentElement;
    while (behind && rgba(getComputedStyle(behind).backgroundColor)[3] < 255) { behind = behind.parentElement; }
    const background = behind ? getComputedStyle(behind).backgroundColor : "Canvas";
    const [high, low] = [getComputedStyle(field).borderTopColor, background].map(luminance).sort((a, b) => b - a);
    return (high + 0.05) / (low + 0.05);
}
function room(field) {
    const {paddingTop, paddingBottom, fontSize} = getComputedStyle(field);
    return [paddingTop, paddingBottom, fontSize].reduce((left, part) => left - parseFloat(part), field.clientHeight);
}
function beside() {
    const typed = "input:not([type=hidden], [type=checkbox], [type=radio], [type=submit]), select, textarea";
    const fields = [...document.querySelectorAll(typed)].filter((it) => it.checkVisibility() && it.clientWidth > 2);
    const named = [...document.querySelectorAll("h1, h2, button, a.button, input[type=submit]")];
    const words = [document.title.split(" | ")[0], ...named.map((element) => element.innerText || element.value || "")];
    const across = document.documentElement.scrollWidth;
    return [
        ...fields.filter((field) => contrast(field) < 3).map((field) => `border of ${field.name || field.id}`),
        ...fields.filter((field) => room(field) < 0).map((field) => `${field.name || field.id} is cut`),
        ...across > innerWidth ? [`the page is ${across} px wide`] : [],
        ...[...new Set(words.map((text) => text.trim()))].filter((text) => /^[A-Z][a-z-]+( [A-Z][a-z-]+)+$/.test(text))
            .filter((text) => !["Registry Facade", "Idle Sesame"].includes(text))
            .map((text) => `In Title Case: ${text}`),
    ];
}
"""
# A colour that is on its way from one to another would be measured somewhere between.
_AT_ONCE = """
const still = new CSSStyleSheet();
still.replaceSync("*, *::before, *::after { transition: none !important; animation: none !important; }");
document.adoptedStyleSheets = [still];
"""
# But for menus, which are open one at a time: the one that somebody has opened is judged. The reference of the API
# shows some sixty operations by one template: the first few are judged, or it would take minutes.
_UNFOLD = """
[...document.querySelectorAll(".operation")].slice(3).forEach((operation) => operation.remove());
document.querySelectorAll("details:not(.menu, .filter)").forEach((fold) => { fold.open = true; });
"""
SCHEMES = ("light", "dark")
WIDE, NARROW = 1440, 390
_RUN_SECONDS = 120


@cache
def _source() -> str:
    axe = files("selenium_axe_python").joinpath("axe-core/axe.min.js").read_text()
    return f"{axe}\n{{{_AT_ONCE}}}"


def bring_axe(browser: Browser) -> None:
    """Have axe-core in every page that is opened from now on: by the protocol, since a page's policy lets none in."""
    browser.driver.set_script_timeout(_RUN_SECONDS)
    browser.developer("Page.addScriptToEvaluateOnNewDocument", source=_source())


def use_scheme(browser: Browser, scheme: str) -> None:
    """Let the system's scheme be this one."""
    browser.developer("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])


@contextmanager
def screen(browser: Browser, width: int, height: int = 900) -> Iterator[None]:
    """A screen of so many pixels."""
    browser.developer(
        "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
    )
    yield
    browser.developer("Emulation.clearDeviceMetricsOverride")


def findings(browser: Browser) -> list[str]:
    """What is wrong with the page that the browser shows, as lines."""
    run = _BESIDE + _RUN.replace("TAGS", json.dumps(_TAGS))
    found: list[Any] = browser.driver.execute_async_script(run)
    return [str(line) for line in found]


def judge(browser: Browser, name: str) -> list[str]:
    """What is wrong with the open page: in light on a wide screen and in dark on a narrow one, or the other way round.

    Which of the two, the name decides: what all pages have in common is looked at both ways.
    """
    browser.script(_UNFOLD)
    turned = zlib.crc32(name.encode()) % 2
    found = []
    for width, scheme in zip((WIDE, NARROW), SCHEMES[::-1] if turned else SCHEMES, strict=True):
        with screen(browser, width):
            use_scheme(browser, scheme)
            found += [f"{name}, {width} px, {scheme}: {line}" for line in findings(browser)]
    return found
