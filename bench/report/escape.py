"""Text of others, made harmless for each format: names, titles and messages come from suite files and foreign registries."""

from __future__ import annotations

import re
import unicodedata

# Control sequences of terminals: operating system commands (links, titles), then colours and cursor moves, then the rest.
_ANSI = re.compile(r"\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)?|\x1b\[[0-?]*[ -/]*[@-~]|\x1b[@-_]?")
# Control characters, lone surrogates, and the characters that reverse or hide the text around them.
_INVISIBLE = re.compile("[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
_SPACES = re.compile(r"\s+")

_MARKDOWN_SPECIAL = re.compile(r"([\\`*\[\]|~$])")
_MARKDOWN_UNDERSCORE = re.compile(r"(?<![^\W_])_|_(?![^\W_])")
_MARKDOWN_START = re.compile(r"^(#|=|[-+](?![\d.])|\d+(?=[.)](?:\s|$)))")
_MARKDOWN_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;"}

_NOTHING = "\u200b"
_LATEX = {
    _NOTHING: "{}",
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    "`": r"\textasciigrave{}",
    '"': r"\textquotedbl{}",
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    "±": r"$\pm$",
    "×": r"$\times$",
    "−": r"$-$",
    "√": r"$\surd$",
    "∞": r"$\infty$",
    "≈": r"$\approx$",
    "≠": r"$\neq$",
    "↑": r"$\uparrow$",
    "↓": r"$\downarrow$",
    "→": r"$\rightarrow$",
    "≤": r"$\leq$",
    "≥": r"$\geq$",
    "—": "---",
    "–": "--",
    "…": r"\ldots{}",
}
_GREEK = "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon varphi chi psi omega"
_LATEX |= {letter: rf"$\{name}$" for letter, name in zip("αβγδεζηθικλμνξπρστυφχψω", _GREEK.split(), strict=True)}
_LATEX |= {
    letter: rf"$\{name}$" for letter, name in zip("ΓΔΘΛΞΠΣΦΨΩ", ["Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Phi", "Psi", "Omega"], strict=True)
}
# What the fonts of pdfLaTeX (encodings T1 and TS1) lack; it stops at such a character, and LuaLaTeX and XeLaTeX do not.
_LATEX_UNKNOWN = re.compile("[^\x00-\x7e¡-·¹-ĥĨ-ķĹ-ľŁ-ňŊ-ťŨ-ž‘’‚“”„†‡•‰‹›€™]+")
_LATEX_JOINED = re.compile(r"([-,'])(?=\1)")

_FORMULA_STARTS = ("=", "+", "-", "@", "\uff1d", "\uff0b", "\uff0d", "\uff20")
_NUMBER = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?")


def clean(text: str) -> str:
    """One line without control sequences, control characters and characters that change the direction of writing."""
    # Nearly every text is this: without control characters there are no control sequences, and no white space but the space.
    if text.isprintable() and "  " not in text:
        return text.strip()
    visible = _INVISIBLE.sub(lambda match: " " if match[0].isspace() else "", _ANSI.sub("", text))
    return _SPACES.sub(" ", visible).strip()


def markdown(text: str) -> str:
    """Text that GitHub's Markdown shows as it stands: no HTML, link, emphasis, code, formula, list or column."""
    escaped = _MARKDOWN_SPECIAL.sub(r"\\\1", clean(text))
    escaped = _MARKDOWN_UNDERSCORE.sub(r"\\_", escaped)
    escaped = _MARKDOWN_START.sub(lambda match: f"{match[0]}\\" if match[0].isdigit() else f"\\{match[0]}", escaped)
    escaped = "".join(_MARKDOWN_ENTITIES.get(character, character) for character in escaped)
    # GitHub makes links of bare addresses.
    return escaped.replace("://", "&#58;//").replace("www.", "www&#46;")


def latex(text: str) -> str:
    """Text that LaTeX sets as it stands: every character with a meaning becomes a command that prints it.

    What pdfLaTeX has no letter for is a question mark there, and itself in LuaLaTeX and XeLaTeX.
    """
    # Two hyphens in a row would be set as a dash, as in the name of an option; `clean` leaves no such mark in the text.
    marked = _LATEX_JOINED.sub(rf"\1{_NOTHING}", unicodedata.normalize("NFC", clean(text)))
    escaped = "".join(_LATEX.get(character, character) for character in marked)
    return _LATEX_UNKNOWN.sub(lambda match: rf"\ifdefined\Umathchar {match[0]}\else {'?' * len(match[0])}\fi{{}}", escaped)


def csv(text: str) -> str:
    """Text that no spreadsheet takes for a formula; numbers stay as they are."""
    cleaned = clean(text)
    if cleaned.startswith(_FORMULA_STARTS) and not _NUMBER.fullmatch(cleaned):
        return f"'{cleaned}"
    return cleaned


def label(text: str) -> str:
    """Text for a figure: matplotlib reads no formula in it."""
    return clean(text).replace("$", r"\$")
