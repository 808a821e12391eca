"""What lies in verify.pyz: Python 3.8, the standard library, the same bytes every time."""

from __future__ import annotations

import ast
import io
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

import ledger.offline
from ledger.offline import bag
from ledger.offline.pack import PACKAGE, PACKERS, pyz

FOLDER = Path(ledger.offline.__file__).parent
MODULES = sorted(FOLDER.glob("*.py"))

# What Python 3.9 and later brought, as far as anybody might reach for it.
NEWER = {
    "removeprefix", "removesuffix", "bit_count", "pairwise", "batched", "cache", "cached_property",
    "is_relative_to", "readlink", "hardlink_to", "with_stem", "randbytes", "lcm", "nextafter",
    "file_digest", "StrEnum", "TaskGroup", "ExceptionGroup", "Self", "TypeAlias", "ParamSpec",
    "Annotated", "tomllib", "zoneinfo", "graphlib", "UTC", "aclosing", "override", "add_note",
    "indexOf", "to_thread", "unparse", "with_segments", "walk",
}  # fmt: skip
SUBSCRIPTED = {"dict", "list", "set", "tuple", "frozenset", "type"}


def trees() -> Iterator[tuple[str, ast.Module]]:
    for path in MODULES:
        yield path.name, ast.parse(path.read_text(encoding="utf-8"), feature_version=(3, 8))


def annotated(tree: ast.Module) -> set[ast.AST]:
    """Everything inside annotations, which are never evaluated."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        for name in ("annotation", "returns"):
            part = getattr(node, name, None)
            if part is not None:
                found.update(ast.walk(part))
    return found


def test_every_module_is_python_3_8_syntax_with_annotations_left_alone() -> None:
    for name, tree in trees():
        imports = [node for node in tree.body if isinstance(node, ast.ImportFrom)]
        if imports:
            assert imports[0].module == "__future__", name


def test_nothing_is_used_that_python_3_8_does_not_have() -> None:
    for name, tree in trees():
        idle = annotated(tree)
        used = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)}
        used |= {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
        used |= {n.name for n in ast.walk(tree) if isinstance(n, ast.alias)}
        assert not used & NEWER, name
        for node in ast.walk(tree):
            if isinstance(node, ast.Subscript) and node not in idle:
                base = node.value
                assert not (isinstance(base, ast.Name) and base.id in SUBSCRIPTED), name
            if isinstance(node, ast.Call):
                assert "strict" not in {keyword.arg for keyword in node.keywords}, name
            if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitOr) and node not in idle:
                assert not isinstance(node.left, ast.Dict | ast.Set), (name, node.lineno)
            if isinstance(node, ast.With):
                assert len(node.items) == 1, name


def test_only_the_standard_library_and_itself_are_imported() -> None:
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                tops = {alias.name.partition(".")[0] for alias in node.names}
                assert tops <= sys.stdlib_module_names, name
            if isinstance(node, ast.ImportFrom) and node.level == 0:
                assert str(node.module).partition(".")[0] in sys.stdlib_module_names, name
            if isinstance(node, ast.ImportFrom) and node.level:
                assert node.level == 1, name


def test_the_verifier_opens_no_socket_starts_no_program_and_writes_no_file() -> None:
    writing = {"write_text", "write_bytes", "mkdir", "unlink", "rename", "touch", "rmdir", "chmod"}
    doors = {"socket", "subprocess", "urllib", "http", "ctypes", "importlib", "tempfile", "shutil"}
    for name, tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = {str(getattr(node, "module", None)), *(a.name for a in node.names)}
                assert not {n.partition(".")[0] for n in names} & doors, name
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                assert node.func.attr not in writing, name
                if node.func.attr in ("open", "fdopen") and "O_RDONLY" not in ast.dump(node):
                    assert [a.value for a in node.args if isinstance(a, ast.Constant)] == ["rb"]


def test_the_program_is_packed_to_the_same_bytes_and_holds_every_module_but_the_packers() -> None:
    data = pyz()
    pyz.cache_clear()
    assert pyz() == data
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        names = archive.namelist()
        assert archive.testzip() is None
        assert {info.date_time for info in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
        content = {name: archive.read(name) for name in names}
    assert set(names) == {
        "__main__.py", *(f"{PACKAGE}/{p.name}" for p in MODULES if p.stem not in PACKERS),
    }  # fmt: skip
    assert bag.write_zip(content) == data


def run(arguments: list[str], folder: Path) -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-I", "-S", "verify.pyz", *arguments]
    return subprocess.run(command, cwd=folder, env={}, capture_output=True, check=False, timeout=60)


def test_a_wrong_call_of_the_program_is_told_in_one_line_and_exits_2(tmp_path: Path) -> None:
    (tmp_path / "verify.pyz").write_bytes(pyz())
    (tmp_path / "no.vkey").write_text("no key at all\n", encoding="utf-8")
    (tmp_path / "bytes.vkey").write_bytes(b"\xff\xfe")
    for arguments in (
        ["there-is-none.zip", "--trust", "no.vkey"],
        ["verify.pyz", "--trust", "no.vkey"],
        ["verify.pyz", "--trust", "bytes.vkey"],
        ["verify.pyz", "--trust", "there-is-none.vkey"],
    ):
        done = run(arguments, tmp_path)
        assert done.returncode == 2, arguments
        assert done.stdout == b""
        assert b"Traceback" not in done.stderr
        assert done.stderr.count(b"\n") == 1
    assert run(["verify.pyz"], tmp_path).returncode == 2
    assert run(["--help"], tmp_path).returncode == 0
