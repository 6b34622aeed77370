"""Ray's private head starts neither autoscaler nor dashboard server, unless one is asked for."""

import inspect
from types import SimpleNamespace

import pytest

from harness.plugins import lean_ray
from harness.plugins.lean_ray import _leave_out, _wait_briefly


class Node:
    """What the patch changes of Ray's node."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self._webui_url: str | None = None

    def start_monitor(self) -> None:
        self.started.append("monitor")

    def start_api_server(self, *, include_dashboard: bool | None, raise_on_failure: bool) -> None:
        self.started.append("dashboard")


@pytest.mark.parametrize(
    ("asked", "started"), [(False, []), (None, ["dashboard"]), (True, ["dashboard"])]
)
def test_only_a_dashboard_that_is_asked_for_starts(asked: bool | None, started: list[str]) -> None:
    class Patched(Node):
        pass

    _leave_out(SimpleNamespace(Node=Patched))
    node = Patched()
    node.start_monitor()
    node.start_api_server(include_dashboard=asked, raise_on_failure=False)
    assert node.started == started
    assert node._webui_url == (None if started else "")


@pytest.mark.parametrize(("answers", "asked"), [([{}, {}, {"a": 1}], 3), ([{"a": 1}], 1)])
def test_it_asks_until_the_node_is_there(answers: list[dict], asked: int) -> None:
    class Patched(Node):
        def start_ray_processes(self) -> None:
            self.started.append("raylet")

        def get_gcs_client(self) -> SimpleNamespace:
            return SimpleNamespace(get_all_node_info=lambda: left.pop(0))

    left = list(answers)
    _wait_briefly(SimpleNamespace(Node=Patched))
    node = Patched()
    node.start_ray_processes()
    assert (node.started, len(left)) == (["raylet"], len(answers) - asked)


def test_a_node_that_never_comes_is_left_to_ray(monkeypatch) -> None:
    class Patched(Node):
        def start_ray_processes(self) -> None:
            self.started.append("raylet")

        def get_gcs_client(self) -> SimpleNamespace:
            return SimpleNamespace(get_all_node_info=dict)

    monkeypatch.setattr(lean_ray, "LONGEST_WAIT_S", 0.05)
    _wait_briefly(SimpleNamespace(Node=Patched))
    Patched().start_ray_processes()


@pytest.mark.engine
def test_rays_node_has_what_is_left_out() -> None:
    from ray._private.node import Node as Real

    assert callable(Real.start_monitor)
    assert callable(Real.start_ray_processes)
    assert set(inspect.signature(Real.start_api_server).parameters) == {
        "self",
        "include_dashboard",
        "raise_on_failure",
    }
