"""Debian's Chromium, headless, as one person's browser; whatever it complains about fails the test."""

import re
import tempfile
from collections.abc import Callable
from typing import Any, Self

from selenium import webdriver
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import WebDriverWait

from tests.e2e.facade import PASSWORD, USERNAME, Facade
from tests.e2e.lab import process
from tests.e2e.lab.process import LabError

CHROMIUM, DRIVER = "/usr/bin/chromium", "/usr/bin/chromedriver"
WAIT_SECONDS = 30.0
_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--hide-scrollbars",
    "--window-size=1300,1000",
    # A person at a desk has a mouse; without one pages show what a telephone is shown.
    "--blink-settings=primaryHoverType=2,availableHoverTypes=2,primaryPointerType=4,availablePointerTypes=4",
)

# The WCAG 2.2 ratio of an element's text to the nearest painted background behind it.
_CONTRAST = """
const canvas = document.createElement("canvas").getContext("2d", {willReadFrequently: true});
function rgba(colour) {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
}
function luminance([red, green, blue]) {
    const [r, g, b] = [red, green, blue].map(part => part / 255)
        .map(part => part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
let behind = arguments[0], background = [255, 255, 255, 255];
while (behind) {
    const colour = rgba(getComputedStyle(behind).backgroundColor);
    if (colour[3] === 255) { background = colour; break; }
    behind = behind.parentElement;
}
const text = luminance(rgba(getComputedStyle(arguments[0]).color));
const [high, low] = [text, luminance(background)].sort((a, b) => b - a);
return (high + 0.05) / (low + 0.05);
"""

_SEND = """
const form = Object.assign(document.createElement("form"), {method: "post", action: arguments[0]});
for (const [name, values] of Object.entries(arguments[1])) {
    for (const value of [values].flat()) {
        form.append(Object.assign(document.createElement("input"), {type: "hidden", name, value}));
    }
}
document.body.append(form);
form.submit();
"""


class Browser:
    """A browser with a fresh profile, at one facade's admin."""

    def __init__(self, facade: Facade) -> None:
        self.facade = facade
        self.directory = process.short_directory("browser")
        options = webdriver.ChromeOptions()
        options.binary_location = CHROMIUM
        for option in (*_OPTIONS, f"--user-data-dir={tempfile.mkdtemp(dir=self.directory)}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        try:
            self.driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
        except BaseException:
            process.remove(self.directory)
            raise

    def stop(self) -> None:
        """End the browser and delete its profile."""
        self.driver.quit()
        process.remove(self.directory)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def open(self, path: str) -> None:
        """Open a page of the control host."""
        self.driver.get(self.facade.url + path)

    def sign_in(self, username: str = USERNAME, password: str = PASSWORD) -> None:
        """Sign in as the administrator, by the page to which the admin leads."""
        self.open("/admin/")
        self.field("login").send_keys(username)
        self.field("password").send_keys(password)
        self.press("Sign in")
        self.until(lambda: self.driver.current_url.endswith("/admin/"), "signed in")

    def field(self, name: str) -> WebElement:
        """A form's field by its name."""
        return self.driver.find_element(By.NAME, name)

    def type(self, **fields: str) -> None:
        """Type into fields, in place of what they hold."""
        for name, text in fields.items():
            field = self.field(name)
            field.clear()
            field.send_keys(text)

    def press(self, words: str) -> None:
        """Press the button, or follow the link, that says so, and wait for the page that comes of it."""
        old = self.find("html")
        for element in self.driver.find_elements(By.CSS_SELECTOR, "button, input[type=submit], a"):
            if words.lower() == (element.text or element.get_attribute("value") or "").strip().lower():
                element.click()
                break
        else:
            raise LabError(f"nothing to press says “{words}” on {self.driver.current_url}:\n{self.text}")
        self.until(lambda: _is_gone(old), f"another page after “{words}”")

    def find(self, selector: str) -> WebElement:
        """The first element that a CSS selector names."""
        return self.driver.find_element(By.CSS_SELECTOR, selector)

    def count(self, selector: str) -> int:
        """How many elements a CSS selector names."""
        return len(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def send(self, path: str, fields: dict[str, Any]) -> None:
        """Send a form to a path of the control host, as if the page that is open had one, and wait for the answer.

        The browser's cookie has to hold a token against forgeries already.
        """
        old = self.find("html")
        cookie = self.driver.get_cookie("csrftoken")
        assert cookie is not None
        self.driver.execute_script(_SEND, path, {"csrfmiddlewaretoken": cookie["value"], **fields})
        self.until(lambda: _is_gone(old), f"an answer of {path}")

    @property
    def text(self) -> str:
        """What a person reads on the page, on one line."""
        return re.sub(r"\s+", " ", self.find("body").text)

    @property
    def message(self) -> str:
        """What the admin says that was done."""
        return re.sub(r"\s+", " ", self.find(".messagelist").text)

    def until(self, condition: Callable[[], object], what: str) -> None:
        """Wait for a condition. Raises LabError with the page and the facade's log."""
        try:
            WebDriverWait(self.driver, WAIT_SECONDS, poll_frequency=0.05).until(lambda _: condition())
        except Exception as error:
            raise LabError(f"not so: {what}\n{self.driver.current_url}\n{self.text}\n{self.facade.output()}") from error

    def contrast(self, selector: str) -> float:
        """The contrast of an element's text to what is behind it: 21 is black on white, below 4.5 is hard to read."""
        return float(self.driver.execute_script(_CONTRAST, self.find(selector)))

    def script(self, source: str) -> Any:
        """What a piece of JavaScript gives."""
        return self.driver.execute_script(source)

    def developer(self, command: str, **parameters: object) -> dict[str, Any]:
        """Send a command of the DevTools protocol; gives its result."""
        result: dict[str, Any] = self.driver.execute_cdp_cmd(command, parameters)
        return result

    def complaints(self) -> list[str]:
        """What the console holds beyond notes, since it was asked last: errors, violated policies, missing files."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return [entry["message"] for entry in entries if entry["level"] in ("SEVERE", "WARNING")]


def _is_gone(element: WebElement) -> bool:
    try:
        element.is_enabled()
    except Exception:
        return True
    return False
