"""A program that takes the README's picture of a mapping's page anew: `scripts/screenshots`."""

import base64

from tests.e2e.axe import screen
from tests.e2e.browser import Browser
from tests.e2e.facade import ROOT, Facade

FILE = ROOT / "docs" / "images" / "mapping.png"
WIDTH, HEIGHT = 1160, 640


def main() -> None:
    """In light, on the facade that `make run` begins with, with one mapping and the clients' table unfolded."""
    with Facade(workers=1, sqlite=True, FACADE_PROBE_ON_SAVE="false") as facade, Browser(facade) as browser:
        facade.manage("add_mapping", "docker.acme.com", "acme", "quay.io/acme")
        browser.sign_in()
        with screen(browser, WIDTH, HEIGHT):
            browser.open("/admin/routing/mapping/")
            browser.find("#result_list .field-route a").click()
            browser.until(lambda: browser.count(".effect summary"), "the mapping's page")
            browser.find(".effect summary").click()
            picture = browser.developer("Page.captureScreenshot", format="png")
    FILE.write_bytes(base64.b64decode(picture["data"]))


if __name__ == "__main__":
    main()
