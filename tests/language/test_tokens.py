import json
import shutil
import subprocess

import pytest

from suite.language.tokens import cut_like, fold, patterns, tokenize

SCRIPTS = {
    "नमस्ते दुनिया! क्‍ष": ["नमस्ते", "दुनिया", "!", "क्‍ष"],
    "مُحَمَّدٌ كِتَابٌ, می‌خواهم": ["مُحَمَّدٌ", "كِتَابٌ", ",", "می‌خواهم"],
    "தமிழ் বাংলা ಕನ್ನಡ": ["தமிழ்", "বাংলা", "ಕನ್ನಡ"],
    "กำลังไป ๒๕": ["กำ", "ลั", "ง", "ไ", "ป", "๒", "๕"],
    "ພາສາລາວ": ["ພ", "າ", "ສ", "າ", "ລ", "າ", "ວ"],
    "ភាសា မြန်": ["ភា", "សា", "မြ", "န်"],
    "我爱iPhone手机。3月": ["我", "爱", "iphone", "手", "机", "。", "3", "月"],
    "コーヒーと、ﾊﾞス": ["コ", "ー", "ヒ", "ー", "と", "、", "ﾊﾞ", "ス"],
    "한국어 텍스트": ["한국어", "텍스트"],
    "İSTANBUL I\u0307ki ışık": ["istanbul", "iki", "ışık"],
    "👩🏽‍🚀👍🏽🙂🏴󠁧󠁢󠁥󠁮󠁧󠁿❤️🇩🇪🇫🇷1️⃣": ["👩🏽‍🚀", "👍🏽", "🙂", "🏴󠁧󠁢󠁥󠁮󠁧󠁿", "❤️", "🇩🇪", "🇫🇷", "1️⃣"],
}


def test_tokens():
    assert tokenize("It isn't GOOD, is it?") == ["it", "isn't", "good", ",", "is", "it", "?"]
    assert tokenize("No, 3 cafés... 我们 👍", punctuation=False) == ["no", "3", "cafés", "我", "们"]
    assert tokenize("cafe\u0301") == ["caf\u00e9"] and tokenize(" \n\u200b\u200d\x00") == []
    assert tokenize("x'y''z 'a' it’s 3.14€ a_b") == [
        "x'y", "'", "'", "z", "'", "a", "'", "it’s", "3", ".", "14", "€", "a_b",
    ]  # fmt: skip


def test_words_as_written():
    assert tokenize("The owner/Baker don't\nGO.", lower=False) == [
        "The", "owner", "/", "Baker", "don't", "GO", ".",
    ]  # fmt: skip
    assert tokenize("Cafe\u0301 A", lower=False) == ["Caf\u00e9", "A"]


@pytest.mark.parametrize(("text", "tokens"), SCRIPTS.items())
def test_marks_and_joiners_belong_to_their_letter(text, tokens):
    assert tokenize(text) == tokens


def test_what_is_not_seen_parts_no_word():
    assert tokenize("co\u00adop \ufeff\u200eשלום\u200f a\u2060b") == ["coop", "שלום", "ab"]
    assert tokenize("a\u200bb\xa0c\u2028d\u3000e\x85f") == list("abcdef")
    assert fold("Cafe\u0301\u00ad İ") == "caf\u00e9 i"


KNOWN = {"l'", "eau", "qu'", "il", "'s", "new york", "dammarie-sur-saulx", "ฉัน", "กิน", "ข้าว", "नमस्ते", "m."}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("L'eau qu'il", ["L'", "eau", "qu'", "il"]),
        ("l'inconnu, John's", ["l'", "inconnu", ",", "John", "'s"]),
        ("don't aujourd'hui", ["don't", "aujourd'hui"]),  # neither they nor parts of them are known
        ("à Dammarie-sur-Saulx.", ["à", "Dammarie-sur-Saulx", "."]),
        ("sous-marin", ["sous", "-", "marin"]),
        ("M. New\n York", ["M.", "New York"]),
        ("ฉันกินข้าวมันไก่", ["ฉัน", "กิน", "ข้าว", "มันไก่"]),
        ("ฉัน กิน!", ["ฉัน", "กิน", "!"]),
        ("नमस्ते दुनिया", ["नमस्ते", "दुनिया"]),
        (" \n", []),
    ],
)
def test_a_text_is_cut_into_words_that_are_known(text, words):
    assert cut_like(text, KNOWN) == words


def test_without_such_words_a_text_is_cut_as_ever():
    text = "Don't see the Red star, seé the moon: x'y''z 3.14"
    assert cut_like(text, set()) == tokenize(text, lower=False)


JAVA = """
import java.text.Normalizer;
import java.util.*;
import java.util.regex.*;

class Tokens {
  public static void main(String[] given) throws Exception {
    var out = new java.io.PrintStream(System.out, true, "UTF-8");
    var text = new String(System.in.readAllBytes(), "UTF-8");
    for (String line : text.split("\\u0000")) {
      line = Normalizer.normalize(line, Normalizer.Form.NFC).replaceAll(given[0], "").replace("\\u0130", "i");
      var found = new ArrayList<String>();
      var matcher = Pattern.compile(given[1]).matcher(line.toLowerCase(Locale.ROOT));
      while (matcher.find()) found.add(matcher.group());
      out.print(String.join("\\u0001", found) + "\\u0000");
    }
  }
}
"""


@pytest.mark.skipif(shutil.which("java") is None, reason="needs java")
def test_java_cuts_by_the_same_patterns(tmp_path):
    (tmp_path / "Tokens.java").write_text(JAVA, encoding="utf-8")
    icu = patterns("icu")
    command = ["java", "-Dfile.encoding=UTF-8", "Tokens.java"]
    ascii_only = [json.dumps(icu[name])[1:-1].replace("\\\\", "\\") for name in ("invisible", "token")]
    texts = [*SCRIPTS, "Don't it’s 3.14€ x'y''z", "a\xa0b\u2028c"]
    done = subprocess.run(
        [*command, *ascii_only],
        input="\0".join(texts).encode(),
        capture_output=True,
        cwd=tmp_path,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    found = [line.split("\x01") for line in done.stdout.decode().split("\0")[:-1]]
    assert found == [tokenize(text) for text in texts]
