"""The task generator."""

import random

from harness.micro.task import MAX_TOTAL, Problem, draw_problem, part_of, seed_class_of


def test_problem_text_totals_and_answer() -> None:
    problem = Problem((7, 5, 3, 8), (1, -1, 1))
    assert problem.text == "7+5-3+8=?"
    assert problem.steps == ["+5", "-3", "+8"]
    assert problem.totals == [12, 9, 17]
    assert problem.answer == 17


def test_drawn_problems_agree_with_python_and_stay_in_range() -> None:
    rng = random.Random(0)
    for operations in (4, 5, 6, 7, 8) * 50:
        problem = draw_problem(operations, rng)
        assert len(problem.steps) == operations
        assert problem.answer == eval(problem.text.removesuffix("=?"))
        assert all(0 <= total <= MAX_TOTAL for total in problem.totals)
        assert all(1 <= operand <= 9 for operand in problem.operands)


def test_parts_and_seed_classes_depend_on_the_text_alone_and_are_all_used() -> None:
    texts = [draw_problem(6, random.Random(i)).text for i in range(400)]
    assert {part_of(text) for text in texts} == {"pretrain", "train", "held_out"}
    assert {seed_class_of(text) for text in texts} == {0, 1, 2, 3}
    assert [part_of(text) for text in texts] == [part_of(text) for text in texts]
