"""Which evaluation questions a training set has: the same, nearly the same, or in part.

Three kinds, the strongest that holds counts: *exact*, the same text but for outer white space;
*normalised*, the same words, numbers and operators in the same order; *n-gram*, a run of n of them
in common. A question shorter than n has no n-gram: it is counted apart, not as clean.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, NamedTuple

from harness.data.files import read_records
from harness.data.questions import RecordError, text_at

Kind = Literal["exact", "normalised", "n-gram"]
KINDS: tuple[Kind, ...] = ("exact", "normalised", "n-gram")

NGRAM = 13
"""Tokens of an n-gram by default, as GPT-3's check of contamination has it (arXiv:2005.14165)."""

LARGE = 0.5
"""Share of its n-grams from which on a question is in the training set for the most part."""

# spacing and size of LaTeX change nothing of what is asked
_DROPPED = re.compile(r"\\(?:(?:left|right|displaystyle|quad|qquad|text|mathrm)(?![A-Za-z])|!)")
_SAME = {r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\leq": r"\le", r"\geq": r"\ge"}
_HAN = r"\u3400-\u4dbf\u4e00-\u9fff"
_TOKEN = re.compile(rf"[{_HAN}]|\d+|[^\W\d_{_HAN}]+|[-+*/^=<>!|%]")


class QuestionText(NamedTuple):
    """A question of a prepared file: its id and its text."""

    id: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """An evaluation question that the training set has.

    Attributes:
        kind: the strongest that holds.
        evaluation, training: the two questions.
        share: distinct n-grams of the evaluation question that the training question has, in
            (0, 1]; 1 for the other kinds.
    """

    kind: Kind
    evaluation: QuestionText
    training: QuestionText
    share: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """What an evaluation set and a training set have in common.

    Attributes:
        questions: of the evaluation set.
        short: those that have no n-gram and match in no other way.
        matches: one per evaluation question that matches, in its order.
    """

    questions: int
    short: int
    matches: Sequence[Match]

    def count(self, kind: Kind) -> int:
        """Return the number of evaluation questions that match in a way."""
        return sum(match.kind == kind for match in self.matches)

    @property
    def large(self) -> int:
        """Number of matches by n-gram that share at least half: the others may be stock phrases."""
        return sum(match.kind == "n-gram" and match.share >= LARGE for match in self.matches)


def read_questions(path: Path) -> list[QuestionText]:
    """Return the questions of a prepared Parquet file.

    Raises:
        UsageError: it cannot be read.
        RecordError: its rows have no `extra_info` with `question_id` and `problem`.
    """
    keys = ("question_id", "problem")
    try:
        return [
            QuestionText(*(text_at(row, "extra_info", key) for key in keys))
            for row in read_records(path)
        ]
    except RecordError as error:
        raise error.at(f"a row of {path}") from error


def find_overlaps(
    training: Iterable[QuestionText],
    evaluations: Mapping[str, Sequence[QuestionText]],
    *,
    ngram: int = NGRAM,
) -> dict[str, Overlap]:
    """Compare the questions of a training set with those of evaluation sets.

    Args:
        training: read once, so that it may be large.
        evaluations: name -> questions, held in memory with their n-grams.
        ngram: tokens of an n-gram, at least 1.

    Returns:
        Name -> what the set and the training set have in common.

    Raises:
        ValueError: `ngram` is less than 1.
    """
    if ngram < 1:
        raise ValueError(f"an n-gram has at least one token, got {ngram}")
    index = _Index([question for one in evaluations.values() for question in one], ngram)
    best: dict[int, Match] = {}
    for question in training:
        for place, kind, share in index.matches(question.text):
            match = Match(
                kind=kind, evaluation=index.questions[place], training=question, share=share
            )
            if place not in best or _strength(match) > _strength(best[place]):
                best[place] = match
    found, start = {}, 0
    for name, questions in evaluations.items():
        places = range(start, start + len(questions))
        start = places.stop
        found[name] = Overlap(
            questions=len(questions),
            short=sum(not index.grams[place] and place not in best for place in places),
            matches=[best[place] for place in places if place in best],
        )
    return found


def tokens(text: str) -> list[str]:
    """Return the words, numbers, operators and Chinese characters of a text, in lower case."""
    plain = unicodedata.normalize("NFKC", text)
    for written, same in _SAME.items():
        plain = plain.replace(written, same)
    return _TOKEN.findall(_DROPPED.sub(" ", plain).casefold())


class _Index:
    """The evaluation questions by text, by tokens and by n-gram."""

    def __init__(self, questions: Sequence[QuestionText], ngram: int) -> None:
        self.questions, self.ngram = questions, ngram
        self.exact: Mapping[str, list[int]] = defaultdict(list)
        self.normalised: Mapping[str, list[int]] = defaultdict(list)
        self.owners: Mapping[str, list[int]] = defaultdict(list)
        self.grams: list[frozenset[str]] = []
        for place, question in enumerate(questions):
            words = tokens(question.text)
            self.exact[question.text.strip()].append(place)
            self.normalised[" ".join(words)].append(place)
            self.grams.append(_grams(words, ngram))
            for gram in self.grams[-1]:
                self.owners[gram].append(place)

    def matches(self, text: str) -> Iterable[tuple[int, Kind, float]]:
        """Yield (place, kind, share) of each evaluation question that a text matches."""
        words = tokens(text)
        # get, since a lookup by brackets would store what is not there
        for place in self.exact.get(text.strip(), []):
            yield place, "exact", 1.0
        for place in self.normalised.get(" ".join(words), []):
            yield place, "normalised", 1.0
        shared: Counter[int] = Counter()
        for gram in _grams(words, self.ngram):
            shared.update(self.owners.get(gram, ()))
        for place, count in shared.items():
            yield place, "n-gram", count / len(self.grams[place])


def _grams(words: Sequence[str], ngram: int) -> frozenset[str]:
    return frozenset(
        " ".join(words[start : start + ngram]) for start in range(len(words) - ngram + 1)
    )


def _strength(match: Match) -> tuple[int, float]:
    return -KINDS.index(match.kind), match.share
