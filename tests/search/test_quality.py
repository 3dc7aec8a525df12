"""What is meant is found: over the kept catalog, by the scripts that browsers run."""
from __future__ import annotations

import json
from pathlib import Path

from builder.catalog import terms
from tests.search.library import HERE, ask, talks

QUERY_BYTES = 150 * 1024
ROUNDABOUT = (
    "naïve CAFÉ Straße Łódź Ærø İstanbul ﬁsh", "Ёлка й ΟΔΟΣ ὁδός", "हिन्दी में किताब क्या", "機械学習で日本語 がか 東京タワー",
    "ภาษาไทย กำลัง", "파이썬을 배우다", "العَرَبِيّة نص", "שָׁלוֹם עולם", "C++ C# F# .NET node.js don’t it's",
    "soft\u00adhyphen zero\u200bwidth 👩\u200d💻 x", "₂ ² ½ ① Ⅳ", "a" * 60, "𠮷野家 𝒳", "\u0301leading", "")



def test_fifty_questions_have_their_answer_among_the_first_five_within_the_bytes_allowed(shelves: Path) -> None:
    """Typed wrongly, without accents, begun only, in Latin, Cyrillic, Han, kana and Hangul."""
    titles = {words.id: words.title for words in talks()}
    questions = json.loads((HERE / "questions.json").read_text("utf-8"))
    (answers,) = ask(shelves, {"find": [question for question, _ in questions]})
    missed = [(question, [titles[id] for id in answer["ids"][:5]]) for (question, wanted), answer in zip(questions, answers, strict=True)
              if not any(wanted in titles[id] for id in answer["ids"][:5])]
    assert len(questions) >= 50
    assert len(missed) <= 2, missed
    assert max(answer["bytes"] for answer in answers) <= QUERY_BYTES


def test_builder_and_browser_make_the_same_terms_of_every_text_and_look_for_them_in_the_same_file(shelves: Path) -> None:
    texts = [*ROUNDABOUT, *dict.fromkeys(text for words in talks() for text in (words.title, *words.people, words.batch))]
    (theirs,) = ask(shelves, {"fold": texts})
    ours = [[[term, terms.name_of(terms.file_of(term))[1]] for term in terms.split(text)] for text in texts]
    assert [pair for pair in zip(texts, theirs, ours, strict=True) if pair[1] != pair[2]] == []


def test_filters_leave_only_what_bears_them(shelves: Path) -> None:
    lectures = {words.id: words for words in talks()}
    asked = [{"q": "django", "year": "2013"}, {"q": "python", "language": "ru"}, {"q": "talks", "subject": "lightning-talks"},
             {"q": "", "year": "2011"}]
    (answers,) = ask(shelves, {"find": asked})
    by_year, russian, lightning, alone = ([lectures[id] for id in answer["ids"]] for answer in answers)
    assert all(answer["all"] for answer in answers)
    assert {words.year for words in (*by_year,)} == {2013}
    assert {words.language for words in russian} == {"ru"}
    assert lightning
    assert all("lightning-talks" in [slug for _, slug in words.subjects] for words in lightning)
    assert {words.year for words in alone} == {2011}


def test_a_lecture_stands_in_few_files() -> None:
    assert max(len({terms.file_of(term) for term in terms.of(words)}) for words in talks()) <= terms.FILES_A_VIDEO
