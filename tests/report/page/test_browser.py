"""The page in a browser: it works from a file, with keys, in the dark, on a phone and on paper."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.report.page.writing import write_scale_page, write_study_page
from harness.report.results import read_results
from harness.report.stored import claims_of
from harness.spec.ablation import load_ablation
from tests.report.page.pages import invented

sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe_core = pytest.importorskip(
    "axe_playwright_python.sync_playwright", reason="axe is not installed"
)

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
STORED = ROOT / "results" / "micro" / "kl_penalty"
OPENS_IN_S = 2.0
MOST_BYTES = 10_000_000
WAITS_MS = 120_000
PHONE = {"width": 390, "height": 844}


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no browser: install chromium")
    with sync_api.sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield started
        started.close()


@pytest.fixture(scope="module")
def example(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "micro" / "kl_penalty"
    shutil.copytree(STORED, folder)
    results = read_results(folder, load_ablation("kl_penalty"))
    results = replace(results, claims=claims_of(results, folder))
    return write_study_page(results, folder, "micro/kl_penalty", beside=folder)


class Opened:
    """A page in a browser, and everything that it complained about or asked the network for."""

    def __init__(self, browser: Any, path: Path, **context: Any) -> None:
        self.complaints: list[str] = []
        self.context = browser.new_context(**context)
        self.page = self.context.new_page()
        self.page.on("console", self._listen)
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", self._watch)
        self.page.goto(path.as_uri())
        self.page.wait_for_selector("html[data-ready]", timeout=WAITS_MS)

    def chart(self, place: int = 0) -> Any:
        """Return a figure when it is drawn, which it is when it comes near the screen."""
        figure = self.page.locator(".curves figure").nth(place)
        figure.scroll_into_view_if_needed(timeout=WAITS_MS)
        figure.locator(".main-svg").first.wait_for(timeout=WAITS_MS)
        return figure

    def _listen(self, message: Any) -> None:
        if message.type in ("error", "warning"):
            self.complaints.append(message.text)

    def _watch(self, request: Any) -> None:
        if not request.url.startswith(("file:", "data:", "blob:")):
            self.complaints.append(f"asked for {request.url}")


@pytest.fixture
def opened(browser: Any, example: Path) -> Iterator[Opened]:
    found = Opened(browser, example)
    yield found
    found.context.close()
    assert found.complaints == []


def violations(page: Any) -> list[str]:
    """What axe finds, of any weight."""
    found = axe_core.Axe().run(page).response["violations"]
    return [f"{item['id']}: {item['nodes'][0]['html'][:120]}" for item in found]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [{"width": 1280, "height": 900}, PHONE])
def test_axe_finds_nothing_in_light_and_dark_on_screen_and_phone(
    browser: Any, example: Path, scheme: str, size: dict[str, int]
) -> None:
    found = Opened(browser, example, color_scheme=scheme, viewport=size)
    found.page.locator("details summary").first.click()
    assert violations(found.page) == []
    for place in range(5):
        found.chart(place)

    assert violations(found.page) == []
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    assert found.page.evaluate(wide) == 0
    assert found.complaints == []
    found.context.close()


def test_axe_would_find_a_field_without_a_name(opened: Opened) -> None:
    opened.page.evaluate("document.querySelector('main').append(document.createElement('select'))")
    assert any(text.startswith("select-name") for text in violations(opened.page))


def test_arms_axes_seeds_and_smoothing_change_the_curves(opened: Opened) -> None:
    page = opened.page
    figure = opened.chart()
    lines = figure.locator(".scatterlayer .trace")
    at_first = lines.count()

    assert at_first == 9  # band, seeds and mean of three arms
    assert "smoothed" not in figure.inner_text().lower()
    page.get_by_label("kl=loss", exact=True).uncheck()
    assert lines.count() == 6
    page.get_by_label("single seeds").uncheck()
    assert lines.count() == 4
    page.get_by_label("smoothed").check()
    assert "Smoothed: mean line over 5 points" in figure.inner_text()
    page.get_by_label("log value").check()
    types = "document.querySelector('.plot').layout"
    assert page.evaluate(f"{types}.yaxis.type") == "log"
    page.get_by_label("log step").check()
    assert page.evaluate(f"{types}.xaxis.type") == "log"


def test_values_are_shown_under_the_pointer(opened: Opened) -> None:
    plot = opened.chart().locator(".plot")
    box = plot.bounding_box()
    opened.page.mouse.move(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    label = plot.locator(".hoverlayer")
    label.locator("text").first.wait_for()

    assert "kl=none (n=5)" in label.text_content()
    assert " to " in label.text_content()


def test_no_button_sends_a_chart_away(opened: Opened) -> None:
    buttons = opened.chart().locator(".modebar-btn")
    titles = buttons.evaluate_all("all => all.map(one => one.dataset.title)")
    assert titles == ["Download plot as a PNG", "Zoom", "Pan", "Reset axes"]


def test_any_metric_can_be_chosen(opened: Opened) -> None:
    figure = opened.chart(4)
    figure.get_by_label("Any metric").select_option("entropy")
    assert figure.locator(".ytitle").text_content() == "entropy [nats]"


def test_a_table_is_sorted_with_the_keyboard(opened: Opened) -> None:
    table = opened.page.locator("#kl_penalty-runs table")
    button = table.get_by_role("button", name="time")
    button.focus()
    opened.page.keyboard.press("Enter")
    times = table.locator("td[data-head='time']")
    seconds = [float(x) for x in times.evaluate_all("all => all.map(one => one.dataset.sort)")]

    assert seconds == sorted(seconds)
    opened.page.keyboard.press("Space")
    turned = [float(x) for x in times.evaluate_all("all => all.map(one => one.dataset.sort)")]
    assert turned == sorted(seconds, reverse=True)
    head = table.locator("th", has=opened.page.get_by_role("button", name="time"))
    assert head.get_attribute("aria-sort") == "descending"


def test_samples_are_chosen_stepped_through_and_marked(opened: Opened) -> None:
    samples = opened.page.locator(".samples")
    status = samples.get_by_role("status")

    assert samples.locator("article").count() == 3
    before = status.inner_text()
    samples.get_by_role("button", name="Next").click()
    assert status.inner_text() != before
    samples.get_by_label("only those with").select_option("reflection")
    assert samples.locator("article mark.m1").count() >= 1
    samples.get_by_label("only those with").select_option("any")
    samples.get_by_label("seed").select_option("5")
    assert "seed 5" in status.inner_text()


def test_markup_of_a_model_is_text_and_a_scale_without_results_has_a_page(
    browser: Any, tmp_path: Path
) -> None:
    small = invented(arms=2, seeds=2, steps=30, metrics=2)
    found = Opened(browser, write_study_page(small, tmp_path, "micro/invented", beside=tmp_path))
    assert "<script>alert" in found.page.locator(".samples article").first.inner_text()
    assert found.complaints == []
    found.context.close()

    context = browser.new_context()
    page = context.new_page()
    page.goto(write_scale_page("micro", tmp_path / "none").as_uri())
    page.wait_for_selector("html[data-ready]")
    assert violations(page) == []
    context.close()


def test_every_curve_is_drawn_for_paper(opened: Opened) -> None:
    assert len(opened.page.pdf()) > 50_000
    assert opened.page.locator(".curves .plot .main-svg").count() >= 5


def test_two_hundred_runs_of_a_thousand_steps_open_at_once(browser: Any, tmp_path: Path) -> None:
    results = invented(arms=10, seeds=20, steps=1000)
    path = write_study_page(results, tmp_path, "micro/invented", beside=tmp_path)
    context = browser.new_context()
    page = context.new_page()
    # time of the page's own thread: what opening takes, however busy the machine is with others
    session = context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]", timeout=WAITS_MS)
    page.locator(".curves .main-svg").first.wait_for(timeout=WAITS_MS)
    metrics = session.send("Performance.getMetrics")["metrics"]
    (seconds,) = [one["value"] for one in metrics if one["name"] == "TaskDuration"]

    assert path.stat().st_size < MOST_BYTES
    assert 0 < seconds < OPENS_IN_S
    longest = "Math.max(...document.querySelector('.plot').data.map(one => one.x.length))"
    assert 100 < page.evaluate(longest) <= 600  # a band goes there and back
    context.close()
