"""Pictures of a report page for its documentation: light, dark, and on a phone.

Usage: ``python scripts/page_pictures.py PAGE.html FOLDER``. Needs playwright and a Chromium
(``chromium`` or ``google-chrome`` on the PATH).
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WAITS_MS = 120_000
WIDE, PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """One picture.

    Attributes:
        name: of its file, without ending.
        scheme: "light" or "dark".
        size: of the window, in pixels.
        scale: pixels of the picture per pixel of the window.
        prepare: brings the page to what is shown.
    """

    name: str
    scheme: str
    size: dict[str, int]
    scale: float
    prepare: Callable[[Any], None]


class NoBrowser(RuntimeError):
    """There is nothing to take pictures with."""


def take_pictures(page: Path, folder: Path) -> list[Path]:
    """Write the pictures of a page; return their files.

    Raises:
        NoBrowser: playwright or Chromium is not installed.
    """
    program = shutil.which("chromium") or shutil.which("google-chrome")
    try:
        from playwright.sync_api import sync_playwright
    except ImportError as error:
        raise NoBrowser("playwright is not installed (make setup)") from error
    if program is None:
        raise NoBrowser("no Chromium is installed (apt-get install chromium)")
    folder.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        try:
            return [_take(browser, page, folder, shot) for shot in SHOTS]
        finally:
            browser.close()


def _take(browser: Any, page: Path, folder: Path, shot: Shot) -> Path:
    context = browser.new_context(
        color_scheme=shot.scheme,
        viewport=shot.size,
        device_scale_factor=shot.scale,
        reduced_motion="reduce",
    )
    opened = context.new_page()
    opened.goto(page.resolve().as_uri())
    opened.wait_for_selector("html[data-ready]", timeout=WAITS_MS)
    shot.prepare(opened)
    path = folder / f"{shot.name}.png"
    opened.screenshot(path=path)
    context.close()
    return path


def _top(page: Any) -> None:
    page.evaluate("window.scrollTo(0, 0)")


def _to(selector: str) -> Callable[[Any], None]:
    def prepare(page: Any) -> None:
        for figure in page.locator(".curves figure").all():
            figure.scroll_into_view_if_needed(timeout=WAITS_MS)
            figure.locator(".main-svg").first.wait_for(timeout=WAITS_MS)
        # charts that were drawn on the way may have moved it
        page.locator(selector).first.evaluate("one => one.scrollIntoView({block: 'start'})")

    return prepare


SHOTS = (
    Shot(name="light", scheme="light", size=WIDE, scale=1.0, prepare=_top),
    Shot(name="curves", scheme="light", size=WIDE, scale=1.0, prepare=_to("[id$=-curves]")),
    Shot(name="dark", scheme="dark", size=WIDE, scale=1.0, prepare=_to("[id$=-samples]")),
    Shot(name="phone", scheme="light", size=PHONE, scale=1.0, prepare=_to("[id$=-curves]")),
)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("usage: python scripts/page_pictures.py PAGE.html FOLDER")
    try:
        for picture in take_pictures(Path(sys.argv[1]), Path(sys.argv[2])):
            print(f"wrote {picture}")
    except NoBrowser as error:
        sys.exit(f"no picture is taken: {error}")
