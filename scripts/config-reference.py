#!/usr/bin/env python3
"""Writes the reference in docs/configuration.md from src/config/defaults.toml.

scripts/config-reference.py           rewrites the part between the two marker lines
scripts/config-reference.py --check   fails when that part is out of date
"""

import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]
DEFAULTS = ROOT / "src" / "config" / "defaults.toml"
PAGE = ROOT / "docs" / "configuration.md"
BEGIN, END = "<!-- reference: begin -->", "<!-- reference: end -->"


def read(lines):
    """Yields (section, its note, [(key, default, names, unit, parts, meaning)])."""
    section, note, rows, comment = "", [], [], []
    for line in lines:
        line = line.strip()
        if line.startswith("#"):
            comment.append(line[1:].strip())
        elif match := re.fullmatch(r"\[([\w.]+)\]", line):
            if section or rows:
                yield section, " ".join(note), rows
            section, note, rows, comment = match[1], comment, [], []
        elif match := re.match(r"(\w+)\s*=\s*(.+)", line):
            facts = next((text for text in comment if text.startswith("env:")), None)
            if facts is None:
                sys.exit(f"{DEFAULTS.name}: {section}.{match[1]} has no '# env: … | unit: … | used by: …' line")
            names, unit, parts = (part.split(":", 1)[1].strip() for part in facts.split("|"))
            meaning = " ".join(text for text in comment if text != facts)
            rows.append((match[1], match[2], names, unit, parts, meaning))
            comment = []
        elif not line:
            comment = []
    yield section, " ".join(note), rows


def cell(text):
    return text.replace("|", "\\|").replace("*", "\\*")


def names(text):
    """`NAME (alias OTHER)` with each name as code."""
    return re.sub(r"(--[a-z-]+|[A-Z][A-Z0-9_]{2,})", r"`\1`", text)


def render():
    out = []
    for section, note, rows in read(DEFAULTS.read_text().splitlines()):
        out += [f"### `[{section}]`" if section else "### Top level", ""]
        if note:
            out += [note, ""]
        out += ["| Key | Environment | Default | Unit | Used by | Meaning |", "|---|---|---|---|---|---|"]
        for key, default, env, unit, parts, meaning in rows:
            shown = "not set" if default == '""' else f"`{default}`"
            out.append(f"| `{key}` | {cell(names(env))} | {cell(shown)} | {cell(unit)} | {cell(parts)} | {cell(meaning)} |")
        out.append("")
    return "\n".join(out).rstrip() + "\n"


def main():
    page = PAGE.read_text()
    if BEGIN not in page or END not in page:
        sys.exit(f"{PAGE.name} lacks the marker lines {BEGIN} and {END}")
    head, rest = page.split(BEGIN)
    wanted = f"{head}{BEGIN}\n\n{render()}\n{END}{rest.split(END)[1]}"
    if "--check" in sys.argv[1:]:
        if page != wanted:
            sys.exit("docs/configuration.md is out of step with src/config/defaults.toml: run scripts/config-reference.py")
        return
    PAGE.write_text(wanted)


main()
