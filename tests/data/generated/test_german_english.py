"""Sentences of the grammar, by hand and by what must hold of all."""

from suite.data.generated.german_english import FIRST_SHARE, draw_translations

DRAWN = draw_translations(3000, 0)


def test_no_german_sentence_comes_twice_and_none_is_too_long():
    assert len({each.german for each in DRAWN}) == 3000
    assert max(len(text.split()) for each in DRAWN for text in (each.german, *each.valid)) <= 14
    assert all(each.english == each.valid[0] and len(set(each.valid)) == len(each.valid) for each in DRAWN)
    assert draw_translations(50, 0) == DRAWN[:50] != draw_translations(50, 1)


def test_the_end_of_a_clause_tells_what_the_verb_means():
    meanings = {"auf": "opens", "zu": "closes", "an": "switches on", "aus": "switches off"}
    for each in DRAWN:
        words = each.german.split()
        if "macht" in words and "nicht" not in words and "dass" not in words:
            particle = words[-2]
            wanted = meanings.get(particle, "makes")
            assert all(f" {wanted} " in text for text in each.valid), each


def test_more_begin_as_the_second_translator_but_the_first_ones_whole_is_the_most_probable():
    both = [each for each in DRAWN if len(each.valid) == 3 and each.german.split()[1] in ("muss", "kann")]
    timed = [each for each in both if any(text.startswith(("today", "often", "now")) for text in each.valid)]
    begins = sum(each.english.startswith(("today", "often", "now")) for each in timed) / len(timed)
    assert abs(begins - (1 - FIRST_SHARE)) < 0.15 and len(timed) > 50


def test_articles_agree():
    for each in DRAWN:
        for article, noun in zip(each.english.split(), each.english.split()[1:], strict=False):
            assert (article == "an") == (noun[0] in "aeiou") or article not in ("a", "an"), each
