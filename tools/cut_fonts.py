"""Cut the fonts of the documents out of Debian's fonts-noto-cjk; run by hand, seldom.

    apt-get install fonts-noto-cjk; pip install fonttools; python tools/cut_fonts.py

Writes `ledger/documents/fonts/MunimentSansSC-{Regular,Bold}.otf`: Noto Sans CJK SC with the
characters of GB 2312, ASCII, Latin-1 and what else the templates write. The family has a name of
its own, so that no font of the machine is taken for it: the same document has the same bytes
everywhere. The same fonts-noto-cjk and fonttools give the same files.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools.subset import Options, Subsetter
from fontTools.ttLib import TTFont

SOURCE = Path("/usr/share/fonts/opentype/noto")
TARGET = Path(__file__).parent.parent / "ledger" / "documents" / "fonts"
SIMPLIFIED = 2  # the place of Noto Sans CJK SC in the collection
FAMILY, FILE = "Muniment Sans SC", "MunimentSansSC"
FURTHER = "–—‘’“”…·×÷≤≥≠→←↑↓□☐■○●√✓〇㎡℃№"
FEATURES = ["chws", "halt", "kern", "palt"]  # locl would bring those of Japan, Korea


def characters() -> set[int]:
    """The code points kept."""
    kept = {*range(0x20, 0x7F), *range(0xA0, 0x100), *map(ord, FURTHER)}
    for row in range(0xA1, 0xF8):
        for cell in range(0xA1, 0xFF):
            kept.update(map(ord, bytes([row, cell]).decode("gb2312", "ignore")))
    return kept


def cut(weight: str) -> Path:
    """Cut one weight; the path of the new file."""
    font = TTFont(
        SOURCE / f"NotoSansCJK-{weight}.ttc", fontNumber=SIMPLIFIED, recalcTimestamp=False
    )
    options = Options()
    options.layout_features = FEATURES
    options.hinting = False
    options.notdef_outline = True
    options.drop_tables += ["BASE", "VORG", "vhea", "vmtx", "DSIG"]
    subsetter = Subsetter(options)
    subsetter.populate(unicodes=characters())
    subsetter.subset(font)
    names = {1: FAMILY, 3: f"{FILE}-{weight}", 4: f"{FAMILY} {weight}", 6: f"{FILE}-{weight}"}
    font["name"].names = [
        name for name in font["name"].names
        if name.nameID in {0, 1, 2, 3, 4, 5, 6, 7, 13, 14} and name.langID in {0, 0x409}
    ]  # fmt: skip
    for name in font["name"].names:
        if name.nameID in names:
            name.string = names[name.nameID]
    top = font["CFF "].cff
    top.fontNames = [f"{FILE}-{weight}"]
    top.topDictIndex[0].FullName = f"{FAMILY} {weight}"
    top.topDictIndex[0].FamilyName = FAMILY
    target = TARGET / f"{FILE}-{weight}.otf"
    font.save(target)
    return target


def main() -> None:
    """Cut both weights."""
    for weight in ("Regular", "Bold"):
        target = cut(weight)
        sys.stdout.write(f"{target.name}: {target.stat().st_size} bytes\n")


if __name__ == "__main__":
    main()
