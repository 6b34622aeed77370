r"""The prompt of Open-Reasoner-Zero, as its code writes it.

Source: ``playground/zero_setting_base.py`` of Open-Reasoner-Zero/Open-Reasoner-Zero (3fdd9a0);
one string for training and evaluation, with an empty bos token, nothing after ``<think>``.
"""

SYSTEM_TEXT = (
    "A conversation between User and Assistant. The User asks a question, and the Assistant "
    "solves it. The Assistant first thinks about the reasoning process in the mind and then "
    "provides the User with the answer. The reasoning process is enclosed within <think> "
    "</think> and answer is enclosed within <answer> </answer> tags, respectively, i.e., "
    "<think> reasoning process here </think> <answer> answer here </answer>. "
)
USER_TEXT = (
    "User: You must put your answer inside <answer> </answer> tags, i.e., <answer> answer here "
    "</answer>. And your final answer will be extracted automatically by the \\boxed{} tag.\n"
)
PROBLEM_TEXT = "This is the problem:\n"
ASSISTANT_TEXT = "\nAssistant: "
THINK_TAG = "<think>"

FIXED_SENTENCES = (SYSTEM_TEXT, USER_TEXT, PROBLEM_TEXT, ASSISTANT_TEXT)
PROMPT_TEMPLATE = SYSTEM_TEXT + USER_TEXT + PROBLEM_TEXT + "{problem}" + ASSISTANT_TEXT + THINK_TAG


def render_prompt(problem: str) -> str:
    r"""Put one problem into the template.

    The problem stands there as it is, with a newline at its end if it has one: the jinja template
    of the authors drops only a newline that ends the template itself.
    """
    # not str.format: the template contains \boxed{}
    before, after = PROMPT_TEMPLATE.split("{problem}")
    return before + problem + after
