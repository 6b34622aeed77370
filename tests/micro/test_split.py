"""Parts and seed classes of problems."""

from collections import Counter

from harness.micro.split import SEED_CLASSES, part_of, seed_class_of


def test_parts_have_their_shares_and_classes_are_even() -> None:
    texts = [f"find x: x + {n}" for n in range(8000)]
    parts = Counter(map(part_of, texts))
    assert 3700 < parts["pretrain"] < 4300
    assert 2700 < parts["train"] < 3300
    assert 850 < parts["held_out"] < 1150
    assert min(Counter(map(seed_class_of, texts)).values()) > 8000 / SEED_CLASSES * 0.9
