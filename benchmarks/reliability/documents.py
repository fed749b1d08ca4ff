"""The documents, and the commands in them: of fenced blocks, of inline code, and of docstrings that show usage."""

import re
import shlex
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parent.parent.parent
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(ROOT.glob("docs/**/*.md"))]
SOURCES = sorted([*ROOT.glob("configs/*.py"), *ROOT.glob("jgan/*.py"), *ROOT.glob("launch/*.py")])
SHELLS = ("", "bash", "sh", "console")
PROGRAMS = ("jgan", "make", "python", "pip", "taskset")
# A remark behind a command in a docstring, set off by two spaces: `jgan train --workdir x     (resumes it)`.
REMARK = re.compile(r" {2,}\(.*$")


class Line(NamedTuple):
    """A command and where it stands. A partial one, as of inline code, may leave out what is required."""

    document: Path
    number: int
    words: tuple[str, ...]
    partial: bool = False

    def __str__(self):
        return f"{self.document.relative_to(ROOT)}:{self.number}: {shlex.join(self.words)}"


class Block(NamedTuple):
    """A fenced block."""

    number: int  # of its first line
    language: str
    text: str


def blocks(document):
    """The fenced blocks of a page."""
    text = document.read_text()
    for match in re.finditer(r"^```(\S*)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL):
        yield Block(text.count("\n", 0, match.start(2)) + 1, match[1], match[2])


def own_configs(document):
    """Configs that a page spells out, by the names that their docstrings begin with: `mine.py: ...`."""
    shown = (block.text for block in blocks(document) if block.language == "python")
    return {name[1]: text for text in shown if (name := re.match(r'"""(\w+\.py):', text))}


def page_commands(document):
    """All commands of a page, those of inline code at the end."""
    for block in blocks(document):
        if block.language in SHELLS:
            yield from _split(document, block.number, block.text)
    prose = re.sub(r"^```.*?^```$", lambda fence: "\n" * fence[0].count("\n"), document.read_text(), flags=re.M | re.S)
    for match in re.finditer(rf"`((?:{'|'.join(PROGRAMS)})\s[^`]+)`", prose):
        words = shlex.split(match[1].replace("\n", " "), comments=True)
        yield Line(document, prose.count("\n", 0, match.start()) + 1, tuple(words), partial=True)


def source_commands(source):
    """The lines of a module's texts that begin with `jgan `; of a command, the examples of its help."""
    text, indent = source.read_text(), " {2,}" if source.parent.name == "jgan" else " *"
    for match in re.finditer(rf"^{indent}((?:jgan|python launch/local\.py) (?! *=)(?:.*\\\n)*.*)$", text, re.MULTILINE):
        command = REMARK.sub("", re.sub(r"\\+\n", " ", match[1]).removesuffix('"""'))
        for line in _split(source, text.count("\n", 0, match.start()) + 1, command):
            words = tuple(word for word in line.words if word != "...")
            yield line._replace(words=words, partial=words != line.words)


def _split(document, first, text):
    """The commands of a block: lines that end in a backslash go on; `&&` and `|` separate commands."""
    for match in re.finditer(r"(?:.*\\\n)*.*\n?", text):
        number = first + text.count("\n", 0, match.start())
        words = shlex.split(match[0].replace("\\\n", " "), comments=True)
        for command in _separate(words):
            yield Line(document, number, tuple(command))


def _separate(words):
    command = []
    for word in words:
        if word in ("&&", "|", ">"):
            yield command
            command = []
            if word == ">":
                return
        else:
            command.append(word)
    if command:
        yield command
