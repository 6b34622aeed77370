"""The prompt, character by character."""

import jinja2
import pytest

from harness.micro.template import render_prompt

WRITTEN_OUT = (
    "A conversation between User and Assistant. The User asks a question, and the Assistant solves "
    "it. The Assistant first thinks about the reasoning process in the mind and then provides the "
    "User with the answer. The reasoning process is enclosed within <think> </think> and answer is "
    "enclosed within <answer> </answer> tags, respectively, i.e., <think> reasoning process here "
    "</think> <answer> answer here </answer>. User: You must put your answer inside <answer> "
    "</answer> tags, i.e., <answer> answer here </answer>. And your final answer will be extracted "
    "automatically by the \\boxed{} tag.\nThis is the problem:\n7+5=?\nAssistant: <think>"
)


def test_render_prompt_is_the_text_of_the_paper_s_code() -> None:
    assert render_prompt("7+5=?") == WRITTEN_OUT


@pytest.mark.parametrize("problem", ["7+5=?", "7+5=?\n", "\n7+5=?\n\n", "{x}", "{{ x }}", ""])
def test_render_prompt_is_what_jinja_makes_of_the_template(problem: str) -> None:
    # 11 of the 198 GPQA problems of the authors end in a newline, which stays
    before, after = WRITTEN_OUT.split("7+5=?")
    source = f"{before}{{{{ problem }}}}{after}\n"
    assert render_prompt(problem) == jinja2.Template(source).render(problem=problem)
