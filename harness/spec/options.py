"""`--help`: every option of every group with one line, taken from the files themselves."""

from __future__ import annotations

from pathlib import Path

from harness.paths import CONF
from harness.spec.choices import CONFIG_NAME, ROOT_KEYS, group_choices

_USAGE = """\
usage: python -m harness.run ablation=<name> [group=choice ...] [key=value ...]

Runs an ablation: every arm at every seed, with veRL's own trainer, then tables, figures and a
report. What is finished is not run again.
"""

_EXAMPLES = """\
examples:
  python -m harness.run ablation=kl_penalty                      the whole study, resumable
  python -m harness.run ablation=kl_penalty seeds=1 steps=2      a quick look at the machinery
  python -m harness.run ablation=kl_penalty dry_run=true         cells, ids and cost only
  python -m harness.run ablation=kl_penalty --cfg job            the resolved config
  python -m harness.run ablation=algorithm verl.critic.optim.lr=1e-3

any key of `--cfg job` can be set; a key of veRL that it does not show is added with a plus, as in
+verl.trainer.log_val_generations=2.
exit codes: 0 done, 1 a defect, 2 wrong request, 20 some cells failed."""


def help_text() -> str:
    """Return the whole help."""
    parts = [_USAGE]
    for group, choices in group_choices().items():
        lines = [f"{group}=" + (" (required)" if group == "ablation" else "")]
        width = max(map(len, choices))
        lines += [f"  {name.ljust(width)}  {first_comment(path)}" for name, path in choices.items()]
        parts.append("\n".join(lines) + "\n")
    parts.append("keys:\n" + "\n".join(_root_key_lines()) + "\n")
    parts.append(_EXAMPLES)
    return "\n".join(parts)


def first_comment(path: Path) -> str:
    """Return the first comment line of a file that is not a directive to Hydra."""
    for line in path.read_text().splitlines():
        if line.startswith("#") and not line.startswith("# @"):
            return line.lstrip("# ")
    return ""


def _root_key_lines() -> list[str]:
    lines = (CONF / f"{CONFIG_NAME}.yaml").read_text().splitlines()
    comments = dict(zip(lines[1:], lines, strict=False))
    entries = []
    for line, above in comments.items():
        key, _, value = line.partition(":")
        if key in ROOT_KEYS:
            entries.append((f"{key}=", above.lstrip("# "), value.strip()))
    width = max(len(key) for key, _, _ in entries)
    return [f"  {key.ljust(width)}  {text} [{value}]" for key, text, value in entries]
