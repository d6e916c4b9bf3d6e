import pytest
import torch

from regen.artifacts import END, PAD, SPECIAL, UNKNOWN
from regen.data.text import encoded, read_sentences, tokenised, vocabulary
from regen.errors import InputError


@pytest.mark.parametrize(
    ("language", "sentence", "words"),
    [
        ("en", "Two young, White males.", "two young , white males ."),
        ("en", 'The "Green Day" sign isn\'t lit!', 'the " green day " sign isn \'t lit !'),
        ("en", "thursday may twenty-first  eighteen\toh-one \n", "thursday may twenty-first eighteen oh-one"),
        ("en", "a|b & <s> </s>", "a | b & < s > < / s >"),
        ("fr", "L'été, l\u2019homme d\u2019À côté.", "l' été , l' homme d' à côté ."),
        ("fr", "« Œuvre » au-dessus", '" œuvre " au-dessus'),
        ("en", " \t\n", ""),
        ("en", "", ""),
    ],
)
def test_words_and_punctuation_in_lower_case(language, sentence, words):
    assert tokenised(sentence, language) == words.split()


def test_no_sentence_has_a_special_word():
    """Else a user could end a sentence by writing `</s>`."""
    assert not {*tokenised(" ".join(SPECIAL), "en")} & {*SPECIAL}


def test_words_by_frequency_and_then_by_alphabet():
    sentences = [["b", "a", "c"], ["c", "b", "c"], ["a", "once", "é"], ["é"]]
    assert vocabulary(sentences, "x") == [*SPECIAL, "c", "a", "b", "é"]
    assert vocabulary(reversed(sentences), "x") == vocabulary(sentences, "x")
    assert vocabulary(sentences, "x", least=1) == [*SPECIAL, "c", "a", "b", "é", "once"]
    assert vocabulary(sentences, "x", least=3) == [*SPECIAL, "c"]


@pytest.mark.parametrize("sentences", [[], [[]], [["each", "word"], ["once"]]])
def test_a_vocabulary_of_nothing_is_refused(sentences):
    with pytest.raises(
        InputError, match=r"^x: an empty vocabulary; allowed: words that occur at least 2 times$"
    ):
        vocabulary(sentences, "x")


def test_indices_end_with_end_and_are_padded():
    words = [*SPECIAL, "a", "b"]
    indices = encoded([["b"], ["a", "new", "b"]], words)
    assert indices.dtype == torch.int64
    assert indices.tolist() == [[5, END, PAD, PAD], [4, UNKNOWN, 5, END]]


def test_indices_lead_back_to_the_words():
    words = vocabulary([["a", "b", "c"]] * 2, "x")
    sentence = ["c", "a", "b", "b"]
    (row,) = encoded([sentence], words)
    assert [words[index] for index in row] == [*sentence, SPECIAL[END]]


# ---- files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("end", ["", "\n"])
def test_a_sentence_a_line(tmp_path, end):
    (tmp_path / "a.fr").write_bytes(f"L'été.\r\nDeux\u2028trois{end}".encode())
    assert read_sentences(tmp_path / "a.fr", "fr") == [["l'", "été", "."], ["deux", "trois"]]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "line 1: empty; allowed: a sentence on every line"),
        (b"\n", "line 1: empty; allowed: a sentence on every line"),
        (b"One.\n\nThree.\n", "line 2: empty; allowed: a sentence on every line"),
        (b"One.\nTwo.\n \t\r\n", "line 3: empty; allowed: a sentence on every line"),
        (b"One.\n\x07\n", "line 2: empty; allowed: a sentence on every line"),  # no word either
        (b"One.\nTwo.\n\n", "line 3: empty; allowed: a sentence on every line"),
        ("Un.\nL'été.\n".encode("latin-1"), "line 2: not UTF-8; allowed: text in UTF-8"),
        (b"\xff\xfeO\x00n\x00e\x00", "line 1: not UTF-8; allowed: text in UTF-8"),
        (None, "cannot be read: No such file or directory"),
    ],
)
def test_a_file_of_something_else_is_refused_in_one_line(tmp_path, content, message):
    if content is not None:
        (tmp_path / "a.en").write_bytes(content)
    with pytest.raises(InputError) as caught:
        read_sentences(tmp_path / "a.en", "en")
    assert str(caught.value) == f"{tmp_path / 'a.en'}: {message}"
