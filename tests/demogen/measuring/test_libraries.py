import sys
from types import ModuleType

from demogen.measuring.libraries import library, sources_digest


def test_a_file_is_of_no_library_for_its_name(monkeypatch, tmp_path):
    beside = ModuleType("winsound")  # Python has it on Windows
    beside.__file__ = str(tmp_path / "winsound.py")
    monkeypatch.setitem(sys.modules, "winsound", beside)
    assert library("winsound") is None
    assert library("json.decoder") == library("builtins") == library("sys") == "python"
    assert library("numpy.linalg") == sys.modules["numpy"].__version__
    assert library("__main__") is None


def test_sources_of_packages_and_of_single_modules_count(monkeypatch, tmp_path):
    package, module = tmp_path / "package_of_two" / "part.py", tmp_path / "alone_here.py"
    package.parent.mkdir()
    (package.parent / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(tmp_path)
    for path, name in ((package, "package_of_two"), (module, "alone_here")):
        digests = set()
        for text in ("x = 1\n", "x = 2\n", "x = 2\n"):
            path.write_text(text)
            sources_digest.cache_clear()
            digests.add(sources_digest(name))
        assert len(digests) == 2
    sources_digest.cache_clear()
    assert sources_digest("package_that_is_not_there") == sources_digest("nor_is_this")
