"""A private Ray head without what only people and autoscalers ask for.

Works around, in Ray 2.60: `ray.init` starts the autoscaler's monitor and, even with
`include_dashboard=False`, the dashboard's server, and waits for the second. Each is an interpreter
of its own. A cell has one node, which never grows, and nobody looks at a dashboard.
No longer needed when: `ray.init` takes `no_monitor`, and starts no dashboard when told so.
"""

from __future__ import annotations

import os
from typing import Any

from harness.plugins.after_import import after_import

SWITCH = "HARNESS_LEAN_RAY"
"""Environment variable: "1" leaves out the monitor and the dashboard's server."""


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


def apply() -> None:
    """Put the patch in wait for Ray, if the switch is on."""
    if os.environ.get(SWITCH) == "1":
        after_import("ray._private.node", _leave_out)
