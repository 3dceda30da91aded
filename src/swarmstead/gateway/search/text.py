"""How names, descriptions and requests become words; and how a task becomes steps. No table of any language model.

`words` splits identifiers (`getHTTPStatus`, `list_pods`), drops words that say nothing in a request, and cuts English
endings, so that "listing pods" meets `listPods`. `steps` cuts a task where a person begins something new.
"""

import re
from collections.abc import Mapping

_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_JOINTS = re.compile(r"[_\-./:&]+")
_WORD = re.compile(r"[^\W_]+")
_NOTHING_SAID = """
    a an the of to in on for and or with by from at as is are be this that it its i me my you your we our can
    could would please do does did how what which who where when need want help get any some there have has will
    if so into about using use am was were been being not no just also then after next finally additionally
"""
_BEGINNINGS = """
    can could would will please i help give tell show find get how what which who where when is are do does let
    provide recommend suggest check fetch create make send list add update delete remove set search look
    translate convert generate book calculate compute retrieve write read open close start stop run plan compare
    summarize schedule download upload extract analyze play order buy notify export import restart deploy scale
    query
"""
_EMPTY = frozenset(_NOTHING_SAID.split())
_ENDS = re.compile(r"(?<=[.!?])[\"')\]]*\s+|\s*;\s+|\s*\n+\s*")
_TURNS = re.compile(
    r"(?:,\s*|\s+)(?:and\s+)?(?:then|also|afterwards|additionally|finally|next|after that)\b,?\s+"
    r"|,\s+(?:and|but|so)\s+"
    rf"|\s+and\s+(?=(?:{'|'.join(_BEGINNINGS.split())})\b)",
    re.IGNORECASE,
)
_LONGEST = 4_000
_MOST_STEPS = 8
_SHORT = 5


def clean(text: str) -> str:
    """The text without halves of characters, which JSON may carry and neither index takes."""
    return text.encode(errors="replace").decode()


def spaced(identifier: str) -> str:
    """`getHTTPStatus_v2` -> `get HTTP Status v2`."""
    return _JOINTS.sub(" ", _HUMPS.sub(" ", identifier))


def words(text: str) -> list[str]:
    """Stems of the words that say something, in order, with repeats."""
    found = _WORD.findall(spaced(text[:_LONGEST]).lower())
    return [_stem(word) for word in found if word not in _EMPTY]


def tool_words(name: str, description: str, parameters: Mapping[str, str]) -> list[str]:
    """The words of a tool; those of its name count twice."""
    named = words(name)
    said = " ".join(f"{parameter} {text}" for parameter, text in parameters.items())
    return named + named + words(description) + words(said)


def tool_sentence(name: str, description: str, parameters: Mapping[str, str]) -> str:
    """The tool in one text, for embedding: name, description, names of parameters."""
    said = f"{spaced(name)}: {description[:_LONGEST]}"
    return clean(f"{said} {spaced(' '.join(parameters))}" if parameters else said)


def steps(task: str) -> list[str]:
    """The steps of a task, at most eight; one when nothing in it looks like a second."""
    found: list[str] = []
    carried = ""
    parts = [part for sentence in _ENDS.split(task[:_LONGEST]) for part in _TURNS.split(sentence)]
    for part in parts:
        text = part.strip(" ,.;:!?-\"'")
        if not text:
            continue
        if len(set(words(text))) > 1:
            found.append(carried + text)
            carried = ""
        elif found:  # a word or two belong to what stands before them, or at the start to what follows
            found[-1] += f" {text}"
        else:
            carried += f"{text} "
    return found[:_MOST_STEPS] or [task[:_LONGEST]]


def _stem(word: str) -> str:
    """Cut plural, -ing, -ed and a last -e; of words of up to four letters the plural only."""
    if len(word) >= _SHORT and word.endswith("ies"):
        return word[:-3] + "y"
    if len(word) >= _SHORT - 1 and word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word.removesuffix("s")
    if len(word) < _SHORT - 1:
        return word
    for ending in ("ing", "ed"):
        if len(word) > _SHORT and word.endswith(ending):
            word = word.removesuffix(ending)
            break
    if word[-1] == word[-2] and word[-1] not in "lsz":
        word = word[:-1]
    return word[:-1] if len(word) >= _SHORT and word.endswith("e") else word
