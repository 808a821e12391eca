"""`verify.pyz`: the verifier packed into one file that Python runs, the same bytes every time.

A zip application (PEP 441) in the canonical form of `bag`: `__main__.py`, and this package under
the name `muniment_verifier`.
"""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

from .bag import write_zip

PACKAGE = "muniment_verifier"
PACKERS = ("pack", "page", "steps")
_MAIN = b"""import sys
from %s.__main__ import main
sys.exit(main())
""" % PACKAGE.encode("ascii")


@lru_cache(maxsize=1)
def pyz() -> bytes:
    """The bytes of `verify.pyz`: this package's modules but for those that pack."""
    sources = Path(__file__).parent.glob("*.py")
    files = {
        f"{PACKAGE}/{path.name}": path.read_bytes() for path in sources if path.stem not in PACKERS
    }
    return write_zip({**files, "__main__.py": _MAIN})
