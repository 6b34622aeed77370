"""Print the size and the structure of checkouts: `python scripts/house.py <checkout> ...`.

The table of docs/architecture.md is that of the commit before the folders were arranged and of the
one after it.
"""

from __future__ import annotations

import ast
import io
import sys
import tokenize
from pathlib import Path

PARTS = ("harness", "paper", "scripts")


def house(root: Path) -> dict[str, int]:
    """Return name -> count, of one checkout."""
    files = [path for part in PARTS for path in (root / part).rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in files]
    trees = [ast.parse(text) for text in texts]
    functions = (ast.FunctionDef, ast.AsyncFunctionDef)
    top = root / "harness"
    arrows = set(_arrows(top))
    return {
        "modules at the top of harness/": len([*top.glob("[!_]*.py")]),
        "folders at the top of harness/": sum(p.is_dir() for p in top.glob("[!_]*")),
        "rooms in harness/": len({room for pair in arrows for room in pair}),
        "arrows between rooms": len(arrows),
        "modules": len(files),
        "lines": sum(len(text.splitlines()) for text in texts),
        "functions": sum(isinstance(n, functions) for tree in trees for n in ast.walk(tree)),
        "comments": sum(map(_comments, texts)),
    }


def _arrows(top: Path) -> list[tuple[str, str]]:
    """Return (room, room that it imports) for every import between rooms."""
    found = []
    for path in top.rglob("*.py"):
        room = path.relative_to(top).with_suffix("").parts[0]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "harness":
                names = [f"{node.module}.{alias.name}".split(".")[1] for alias in node.names]
                found += [(room, other) for other in names if other != room]
    return found


def _comments(text: str) -> int:
    tokens = tokenize.generate_tokens(io.StringIO(text).readline)
    return sum(token.type == tokenize.COMMENT for token in tokens)


if __name__ == "__main__":
    counted = [house(Path(word)) for word in sys.argv[1:] or ["."]]
    for name in counted[0]:
        print(f"| {name} | " + " | ".join(f"{one[name]:,}" for one in counted) + " |")
