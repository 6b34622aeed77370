"""docs/planning.md: how a plan is made, with every stored number and its source."""

from __future__ import annotations

from harness.plan import memory as sizes
from harness.plan.calibration import BEFORE, Calibration
from harness.plan.cell import PROMPT_TOKENS
from harness.plan.hardware import NUMBERS, gpu_entries
from harness.plan.models import counted, model_entries, read_model
from harness.plan.published import document
from harness.plan.tables import MatrixPlan, calibration_note, calibration_table, markdown_text
from harness.text import markdown_table, paragraphs

_HEAD = """# Planning a run on GPUs

Made by `python -m harness.docs planning`; a test compares.

    python -m harness.plan ablation=algorithm scale=orz_7b gpus=64 gpu=h800 price=2 out=plan

says for every arm what fills the memory of one GPU and whether it fits, how long a training step
is and what the whole matrix costs, with an interval, from the same composed config that a run
would use.

| term | meaning |
| --- | --- |
| `gpu=` | kind of GPU, from the table below; needed for all the others |
| `gpus=` | GPUs of one cell in all; the scale's own nodes if it is left out |
| `price=` | of one GPU for one hour, in any currency; without it no money is shown |
| `response_tokens=` | mean length of a response in place of the published growth |
| `out=` | directory for PLAN.md and the picture; over earlier ones with `--force` |

**A plan is an estimate. No step of a full scale has been run with this suite.** Time rests on
{runs} published runs, most of other code; memory on rules of size that were not compared with a
GPU."""

_MEMORY = """## Memory

The phases of a step follow each other on the same GPUs. What fills each, in bytes of one GPU:

{rules}

What is offloaded (`param_offload`, `optimizer_offload`) is there in its own phase only. A cell
fits if no phase exceeds the GPU and the cache holds one longest sequence. If it does not,
settings that change nothing of what is computed are tried, the least slowing first, then twice
the GPUs, and so on."""

_RULES = (
    (
        "weights",
        (
            "parameters x 4 (2 if `model_dtype` is a 16-bit one), over the GPUs that share them; in"
            " the network's own phase also a BF16 copy of two layers and of the embedding tables;"
            " in generation the engine's BF16 copy over `tensor_model_parallel_size`"
        ),
    ),
    ("gradients", "as the weights, in the network's own update only"),
    ("optimizer", "two moments, each as large as the weights"),
    (
        "activations",
        (
            "BF16 inputs of all layers, and the values inside one layer twice, for the tokens of"
            " a micro-batch (`enable_gradient_checkpointing`); without it the values inside all"
            " layers"
        ),
    ),
    (
        "logits",
        (
            "4 per token and vocabulary entry in the actor's update; for log-probs with their"
            " entropy 6, or 2 and three fp32 pieces of {chunk} tokens; 0 with `use_fused_kernels`"
        ),
    ),
    (
        "KV cache",
        "what `gpu_memory_utilization` leaves after the engine's weights and {work} GiB of its own",
    ),
    ("other", "{other} GiB for contexts, communication and fragmentation, an assumption"),
)

_TIME = """## Time

A step is generation, log-probs (of the actor, and of the reference where there is a KL term),
values, updates, the transfer of new weights to the engines, and its share of an evaluation. Each
takes

    operations / (peak x compute) + bytes / (bandwidth x memory) + turns x turn_s

or the time of gathering weights between the GPUs, if that is longer. The three efficiencies are
one set for all parts, fitted to the published runs below.

- Operations: 2 per multiplied parameter and token for a pass forward, and 2 x layers x width x
  length^2 per sequence for causal attention; three times that for training, four with
  checkpointing.
- Bytes while decoding: the weights once per turn, and the cache of every sequence that is
  written.
- Turns of the decoding loop: until the last response anywhere has ended. Lengths within a batch
  are taken as exponential, cut off at `max_response_length`: an assumption that gives the tail,
  and with it the wait for the longest response.
- Mean length at each step: the published curve of the model (Fig. 2 of the paper), after its end
  the mean of its last 20 steps, never more than 98 % of the longest. All arms take the same
  curve: what an arm itself does to lengths is not known beforehand. Prompts count {prompt}
  tokens on average, an assumption.
- Not in the plan: the start (loading, compilation), checkpoints, grading, failures and restarts;
  the time that offloading and sharing a sequence take, and the host's memory that offloading needs;
  groups that DAPO samples and drops."""

_BEFORE = """## Calibration

Before any run is looked at, the efficiencies are {compute:.0%} of the peak (a user's measurement
with veRL on H100, verl issue 965), {memory:.0%} of the bandwidth and {turn:.0f} ms per turn
(assumptions), each known to a factor of 2, 1.5 and 2. Then the published costs, each trusted to
a factor of 1.5, move them. The interval of a plan is the largest factor by which a published run
is missed when neither it nor any other run of the same family is in the fit: wide, because
published runs of the same size differ by factors (code of early 2025 against code of late 2025),
and honest about it."""


def page(example: MatrixPlan, calibration: Calibration, command: str, picture: str) -> str:
    """Return the page.

    Args:
        example: a plan that is shown at the end.
        calibration: of the time model.
        command: that prints the example.
        picture: path of its picture, as seen from the page.
    """
    return (
        paragraphs(
            _HEAD.format(runs=len(calibration.rows)),
            _MEMORY.format(rules=_rules()),
            _TIME.format(prompt=PROMPT_TOKENS),
            _BEFORE.format(
                compute=BEFORE["compute"], memory=BEFORE["memory"], turn=1000 * BEFORE["turn_s"]
            ),
            calibration_table(calibration, markdown_table),
            calibration_note(calibration),
            "Sources, and what they leave unsaid:",
            _sources(),
            "Published costs that are not used, and why:",
            "\n".join(f"- {what}: {why}." for what, why in document().unused.items()),
            "## GPUs",
            _gpus(),
            "## Models",
            _models(),
            "## An example",
            f"`{command}`",
            f"![memory of one GPU and time of a step]({picture})",
            _without_calibration(markdown_text(example, calibration, "### ")),
        )
        + "\n"
    )


def _rules() -> str:
    named = {
        "chunk": f"{sizes.CHUNK:,}",
        "work": sizes.ENGINE_WORK // sizes.GIB,
        "other": sizes.OTHER // sizes.GIB,
    }
    rows = [[part, rule.format(**named)] for part, rule in _RULES]
    return markdown_table(["part", "rule"], rows, "<<")


def _without_calibration(text: str) -> str:
    return text.partition("\n\n### Calibration")[0]


def _sources() -> str:
    lines = []
    for name, run in document().runs.items():
        taken = "; ".join(f"{key} ({why})" for key, why in run.assumed.items())
        lines.append(f"- {name}: {run.source}." + (f" Assumed: {taken}." if taken else ""))
    return "\n".join(lines)


def _gpus() -> str:
    units = dict(
        zip(
            NUMBERS,
            ("GiB", "TFLOP/s BF16", "TB/s", "NVLink, GB/s", "network, GB/s", "per node"),
            strict=True,
        )
    )
    rows = [
        [f"`{key}`", entry.name, *(f"{number:g}" for number in entry.numbers.values())]
        for key, entry in gpu_entries().items()
    ]
    table = markdown_table(["gpu", "name", *units.values()], rows, "<<" + ">" * len(NUMBERS))
    return f"{table}\n\nThe source of each number stands in `harness/plan/gpus.yaml`."


def _models() -> str:
    rows = []
    for name in model_entries():
        model = read_model(name)
        rows.append(
            [
                name,
                *(f"{n:,}" for n in (model.layers, model.hidden, model.vocab)),
                f"{model.parameters:,}",
                f"{model.value_parameters:,}",
                f"{model.kv_bytes:,}",
            ]
        )
    heads = [
        "model",
        "layers",
        "width",
        "vocabulary",
        "parameters",
        "of its critic",
        "cache [B/token]",
    ]
    made = counted()
    versions = ", ".join(f"{name} {number}" for name, number in made["versions"].items())
    return (
        f"{markdown_table(heads, rows)}\n\nDimensions from each model's config.json"
        " (`harness/plan/models.yaml`); parameters counted on torch's meta device by"
        f" `{made['command']}` ({versions})."
    )
