"""How repetitive a text is, by its longest common prefixes of neighbouring suffixes."""

from __future__ import annotations


def repetition_score(text: str) -> float:
    """Return 2 * sum(LCP) / (n * (n + 1)) over the sorted suffixes: from 0 (no repeats) to 1.

    LCP is the number of characters that a suffix shares with the next one in sorted order, n the
    length of the text. An empty text has 0.

    Source: Open-Reasoner-Zero, `repeatness` of its reward and of its logged `avg_repeat_score`.
    """
    length = len(text)
    if length == 0:
        return 0.0
    return 2.0 * sum(_shared_prefixes(text)) / (length * (length + 1))


def _suffix_ranks(text: str) -> list[int]:
    """Return the rank of each suffix in sorted order, by doubling the prefix that is compared."""
    length = len(text)
    letters = {letter: rank for rank, letter in enumerate(sorted(set(text)))}
    ranks = [letters[letter] for letter in text]
    width = 1
    while width < length and max(ranks) < length - 1:
        keys = [
            (rank, ranks[place + width] if place + width < length else -1)
            for place, rank in enumerate(ranks)
        ]
        order = {key: rank for rank, key in enumerate(sorted(set(keys)))}
        ranks = [order[key] for key in keys]
        width *= 2
    return ranks


def _shared_prefixes(text: str) -> list[int]:
    """Return the LCP of each suffix with its successor (Kasai et al. 2001); the last one has 0."""
    length = len(text)
    ranks = _suffix_ranks(text)
    suffixes = [0] * length
    for place, rank in enumerate(ranks):
        suffixes[rank] = place
    shared = [0] * length
    known = 0
    for place in range(length):
        if ranks[place] == length - 1:
            known = 0
            continue
        other = suffixes[ranks[place] + 1]
        while (
            place + known < length
            and other + known < length
            and text[place + known] == text[other + known]
        ):
            known += 1
        shared[ranks[place]] = known
        known = max(known - 1, 0)
    return shared
