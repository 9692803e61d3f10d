from suite.data.generated.analogies import generate_analogies


def test_planted_analogies():
    planted = generate_analogies(0, 3000)
    assert len(planted.sentences) == 3000 and {len(words) for words in planted.sentences} == {9}
    words = {word for sentence in planted.sentences for word in sentence}
    assert {word for question in planted.questions for word in question} <= words
    assert len(planted.questions) == 2 * 18 * 17 + 16 * 15 == len(set(planted.questions))
    assert ("france", "paris", "italy", "rome") in planted.questions
    entries = [word for pairs in planted.relations.values() for pair in pairs for word in pair]
    france = [sentence for sentence in planted.sentences if "paris" in sentence]
    assert all(not set(entries) & set(sentence) - {"paris"} for sentence in france)
    assert {"streets", "seine"} <= {word for sentence in france for word in sentence}
    assert generate_analogies(0, 50) == generate_analogies(0, 50) != generate_analogies(1, 50)
