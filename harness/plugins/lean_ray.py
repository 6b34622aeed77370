"""A private Ray head without what only people and autoscalers ask for, and without a long sleep.

Works around, in Ray 2.60: `ray.init` starts the autoscaler's monitor and, even with
`include_dashboard=False`, the dashboard's server, and waits for the second. Each is an interpreter
of its own. A cell has one node, which never grows, and nobody looks at a dashboard.
No longer needed when: `ray.init` takes `no_monitor`, and starts no dashboard when told so.
"""

from __future__ import annotations

import os
import time
from typing import Any

from harness.plugins.after_import import after_import

SWITCH = "HARNESS_LEAN_RAY"
"""Environment variable: "1" leaves out the monitor and the dashboard's server."""

POLL_S, LONGEST_WAIT_S = 0.02, 20.0


def _leave_out(module: Any) -> None:
    """Start neither; a dashboard that is asked for still starts."""
    node = module.Node
    original = node.start_api_server

    def start_api_server(self: Any, *, include_dashboard: bool | None, **words: Any) -> None:
        if include_dashboard is False:
            self._webui_url = ""
            return
        original(self, include_dashboard=include_dashboard, **words)

    node.start_api_server = start_api_server
    node.start_monitor = lambda self: None


def _wait_briefly(module: Any) -> None:
    """Wait for the node's registration by short sleeps.

    Works around, in Ray 2.60: `ray.init` asks for its node, and asks again a whole second later if
    the raylet has not registered it, which takes it half a second at least.
    No longer needed when: `get_node` waits for less than a second.
    """
    node = module.Node
    original = node.start_ray_processes

    def start_ray_processes(self: Any) -> None:
        original(self)
        end = time.monotonic() + LONGEST_WAIT_S
        # after that, Ray waits and fails in its own way
        while not self.get_gcs_client().get_all_node_info() and time.monotonic() < end:
            time.sleep(POLL_S)

    node.start_ray_processes = start_ray_processes


def _patch_node(module: Any) -> None:
    _leave_out(module)
    _wait_briefly(module)


def apply() -> None:
    """Put the patches in wait for Ray, if the switch is on."""
    if os.environ.get(SWITCH) == "1":
        after_import("ray._private.node", _patch_node)
