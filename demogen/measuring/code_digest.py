"""A digest of all code and values that decide what a measure computes."""

import enum
import functools
import hashlib
import importlib
import logging
import re
import sys
import types
from collections.abc import Iterable, Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from demogen.measuring.bytecode import bytecode, names_in
from demogen.measuring.libraries import library, sources_digest

if TYPE_CHECKING:
    from demogen.measuring.predictor import Measure

_MOST = 20_000
"""Parts of one measure; what refers to more is not followed to its end, so it is not kept."""

_PLAIN = (bool, int, float, complex, str, bytes, type(None), type(...), type(NotImplemented))
_BY_REPR = (range, slice, torch.dtype, torch.device, torch.Size, np.dtype, PurePath)
_OF_CLASSES = frozenset(
    [
        "__dict__",
        "__weakref__",
        "__doc__",
        "__module__",
        "__annotations__",
        "__annotate_func__",
        "__abstractmethods__",
        "__annotations_cache__",
        "__orig_bases__",
        "__slotnames__",  # written where an instance is pickled or copied
        "__parameters__",
        "__firstlineno__",
        "_abc_impl",
        "__static_attributes__",
        "__dataclass_fields__",
        "__dataclass_params__",
        "_sklearn_auto_wrap_output_keys",
    ]
)
# fmt: off
_READS = frozenset([
    "open", "read_text", "read_bytes", "load", "load_file", "loadtxt", "genfromtxt", "fromfile",
    "memmap", "read_csv", "read_parquet", "read_pickle", "read_json", "read_table", "read_feather",
    "read_excel", "read_hdf", "loadmat", "urlopen", "eval", "exec", "globals", "locals",
    "__import__", "import_module",
])
# fmt: on
"""Names by which code reads what no digest can follow: files, and values named by a text."""
_COLLECTIONS = (tuple, list, Mapping, set, frozenset, np.ndarray, torch.Tensor, PurePath)
_RELEASED = sys.stdlib_module_names | {"builtins", "numpy", "pandas", "scipy", "sklearn", "torch"}
"""Libraries that nobody edits and installs again under the version that they had."""


class NotDigestibleError(Exception):
    """Something that a measure refers to has no digest; the message names it."""


def code_digest(measure: "Measure") -> str:
    """Hex sha256 over a measure's class, its attributes, and all that these refer to.

    Code counts as it runs, as bytecode with constants and names: what stands in a file may have
    changed since, and a cell of a notebook has none. Functions, classes and values that it names
    are followed from module to module, closures and defaults included. Installed distributions, the
    standard library and this package count by name and version.

    What code reads from files while it runs cannot be followed; code that has a name by which such
    things are read (`open`, `np.load`) has no digest. The environment and the clock do not count.

    Raises:
        NotDigestibleError: a value cannot be followed (an open file, a generator of random
            numbers), or code reads files.
    """
    return _digest(
        _Walk(),
        {
            type(measure).__qualname__: type(measure),
            "its attributes": vars(measure),
            "its parameters": measure.get_params(),
        },
    )


def value_digest(value: Any, what: str) -> str:
    """`code_digest` of any value, which errors call `what`.

    A measure's author changes its version; a value has none. So what code of one's own sets as it
    runs counts, too, as it is now, and the sources of all but well-known libraries.
    """
    return _digest(_Walk(versioned=False), {what: value})


def _digest(walk: "_Walk", parts: Mapping[str, Any]) -> str:
    for what, value in parts.items():
        try:
            walk.add(value, what)
        except RecursionError:
            raise NotDigestibleError(f"{what}, of parts nested too deep,") from None
    return walk.digest.hexdigest()


class _Walk:
    """One walk over what a measure refers to; every object is visited once.

    Args:
        versioned: whether what is digested has a version of its own.
    """

    def __init__(self, versioned: bool = True) -> None:
        self._versioned = versioned
        self.digest = hashlib.sha256()
        self._seen: dict[int, int] = {}
        self._alive: list[object] = []

    def _say(self, *parts: object) -> None:
        for part in parts:
            text = part if isinstance(part, bytes) else repr(part).encode("utf-8", "replace")
            self.digest.update(len(text).to_bytes(8, "little") + text)

    def add(self, value: Any, what: str) -> None:
        """Take a value in.

        Raises:
            NotDigestibleError: it cannot be; `what` names it.
        """
        if isinstance(value, _PLAIN) and type(value) in _PLAIN:
            self._say(type(value).__name__, value)
            return
        if isinstance(value, tuple | frozenset):
            # Whether equal constants are one object differs from process to process.
            self._kind(value, what)
            self._value(value, what)
            return
        if id(value) in self._seen:
            self._say("seen", self._seen[id(value)])
            return
        if len(self._seen) > _MOST:
            raise NotDigestibleError(f"{what}, one of more than {_MOST:,} things it refers to,")
        self._seen[id(value)] = len(self._seen)
        self._alive.append(value)  # so that no other gets its id
        self._kind(value, what)
        if isinstance(value, types.FunctionType):
            self._function(value)
        elif isinstance(value, type):
            self._class(value)
        elif not self._value(value, what):
            self._other(value, what)

    def _kind(self, value: Any, what: str) -> None:
        """The name of a value's type, and of a collection of one's own what it adds to the type."""
        kind = type(value)
        self._say(kind.__qualname__)
        if isinstance(value, _COLLECTIONS) and library(kind.__module__) is None:
            self.add(kind, what)
            self.add(getattr(value, "__dict__", None), what)

    def _library(self, module: str) -> bool:
        """The version of a module's library; whether it is of one."""
        if (found := library(module)) is None:
            return False
        self._say(found)
        top = module.partition(".")[0]
        if not self._versioned and top not in _RELEASED:
            self._say(sources_digest(top))
        return True

    def _all(self, values: Iterable[Any], what: str) -> None:
        for value in values:
            self.add(value, what)

    def _value(self, value: Any, what: str) -> bool:
        """Numbers, text and collections of them; whether it was one."""
        if isinstance(value, enum.Enum):
            self.add(type(value), what)
            self._say(value.name)
        elif isinstance(value, _BY_REPR):
            self._say(str(value))
        elif isinstance(value, tuple | list):
            self._say(len(value))
            self._all(value, what)
        elif isinstance(value, Mapping):
            self._say(len(value))
            for key, item in value.items():
                self.add(key, what)
                self.add(item, f"{what}[{key!r}]")
        elif isinstance(value, set | frozenset):
            # They have no order.
            alone = (_digest(_Walk(self._versioned), {what: item}) for item in value)
            self._say(sorted(alone))
        elif isinstance(value, np.ndarray | np.generic):
            array = np.asarray(value)
            self._say(array.dtype.str, array.shape)
            if array.dtype.hasobject:
                self.add(array.tolist(), what)
            else:
                self._say(array.tobytes())
        elif isinstance(value, torch.Tensor):
            self._tensor(value, what)
        elif isinstance(value, re.Pattern):
            self._say(value.pattern, value.flags)
        elif isinstance(value, logging.Logger):
            self._say(value.name)
        else:
            return False
        return True

    def _tensor(self, tensor: torch.Tensor, what: str) -> None:
        self._say(str(tensor.dtype), tuple(tensor.shape))
        try:
            flat = tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8)
        except (RuntimeError, NotImplementedError) as error:
            raise NotDigestibleError(what) from error
        self._say(flat.numpy().tobytes())

    def _other(self, value: Any, what: str) -> None:
        if isinstance(value, types.ModuleType):
            self._say(value.__name__)
            if not self._library(value.__name__):
                self._say("")
        elif isinstance(value, types.MethodType):
            self._all((value.__func__, value.__self__), what)
        elif isinstance(value, staticmethod | classmethod):
            self.add(value.__func__, what)
        elif isinstance(value, property):
            self._all((value.fget, value.fset), what)
        elif isinstance(value, functools.partial):
            self._all((value.func, value.args, value.keywords), what)
        elif isinstance(value, functools.cached_property):
            self.add(value.func, what)
        elif hasattr(value, "cache_info") and hasattr(value, "__wrapped__"):
            self.add(value.__wrapped__, what)
        elif isinstance(value, types.BuiltinFunctionType) and not isinstance(
            value.__self__, types.ModuleType | type(None) | type
        ):
            # A method of an object written in C, which stands for that object.
            self._say(value.__name__)
            self.add(value.__self__, what)
        elif _is_named_c(value):
            self._say(getattr(value, "__module__", None), value.__name__)
        elif isinstance(value, types.GenericAlias | types.UnionType) or (
            type(value).__module__ == "typing"
        ):
            self._say(repr(value))
        elif _is_plain_object(value):
            self.add(type(value), what)
            self.add(vars(value), what)
        else:
            raise NotDigestibleError(f"{what}, of type {type(value).__qualname__},")

    def _function(self, function: types.FunctionType) -> None:
        self._say(function.__module__, function.__qualname__)
        name = function.__qualname__
        module = str(function.__globals__.get("__name__", ""))
        for variable, cell in zip(
            function.__code__.co_freevars, function.__closure__ or (), strict=True
        ):
            try:
                content = cell.cell_contents
            except ValueError:  # not given a value yet
                continue
            self.add(content, f"{variable} in {name}")
        self.add(function.__defaults__, f"a default of {name}")
        self.add(function.__kwdefaults__, f"a default of {name}")
        if library(module) is not None:
            self._say(module)
            self._library(module)
            return
        self._code(function.__code__)
        names, _, written, imported, taken = names_in(function.__code__)
        for reads in sorted((names & _READS) - function.__globals__.keys()):
            raise NotDigestibleError(f"what {name} reads by {reads!r}")
        for used in sorted(names - written if self._versioned else names):
            if used in function.__globals__:
                self._global(function.__globals__[used], f"{used} in {module}", names)
        for used in sorted(imported):
            found = _imported(used, function.__globals__)
            if found is not None:
                for part in sorted(
                    taken - vars(found).keys() if hasattr(found, "__path__") else ()
                ):
                    _imported(f"{found.__name__}.{part}", {})
                self._global(found, used, names)

    def _global(self, value: Any, what: str, names: frozenset[str]) -> None:
        """A global, and of a module of one's own what the code may take from it."""
        reads = callable(value) and getattr(value, "__name__", "") in _READS
        if reads and library(str(getattr(value, "__module__", ""))) is not None:
            raise NotDigestibleError(f"what {what} reads")
        self.add(value, what)
        if isinstance(value, types.ModuleType) and library(value.__name__) is None:
            for name in sorted(names & vars(value).keys()):
                of_module = vars(value)[name]
                if of_module is not value:
                    self._say(name)
                    inner = isinstance(of_module, types.ModuleType) and id(of_module) in self._seen
                    if not inner:
                        self._global(of_module, f"{name} in {value.__name__}", names)

    def _class(self, kind: type) -> None:
        self._say(kind.__module__, kind.__qualname__)
        if self._library(kind.__module__):
            return
        self._all(kind.__bases__, kind.__qualname__)
        written = _written_by(kind) if self._versioned else frozenset()
        for name, value in sorted(vars(kind).items()):
            if name in _OF_CLASSES or name in written or type(value).__name__ in _DESCRIPTORS:
                continue
            self._say(name)
            self.add(value, f"{kind.__qualname__}.{name}")

    def _code(self, code: types.CodeType) -> None:
        self._say(*bytecode(code))
        for constant in code.co_consts:
            if isinstance(constant, types.CodeType):
                self._code(constant)
            else:
                self.add(constant, "a constant")


_DESCRIPTORS = {"member_descriptor", "getset_descriptor", "_abc_data", "_tuplegetter"}


def _is_named_c(value: Any) -> bool:
    """A function or method of something written in C, a ufunc among them."""
    kinds = (
        types.BuiltinFunctionType,
        types.MethodDescriptorType,
        types.WrapperDescriptorType,
        types.MethodWrapperType,
        types.ClassMethodDescriptorType,
        np.ufunc,
    )
    return isinstance(value, kinds)


def _is_plain_object(value: Any) -> bool:
    """Whether attributes are all that an object has: no base written in C, no slots."""
    if not hasattr(value, "__dict__"):
        return False
    return all(
        kind is object or (_is_of_python(kind) and not vars(kind).get("__slots__"))
        for kind in type(value).__mro__
    )


def _is_of_python(kind: type) -> bool:
    module = sys.modules.get(kind.__module__)
    file = getattr(module, "__file__", None)
    written = kind.__flags__ & 1 << 9  # made by a class statement, or as if
    return (
        bool(written)
        and (kind.__module__ == "__main__" or (file or "?.py").endswith(".py"))
        and (file is not None or library(kind.__module__) is None)
    )


def _written_by(kind: type) -> frozenset[str]:
    """Attributes that a class's own methods give a value as they run: counts, say, no settings."""
    written: set[str] = set()
    for name, value in vars(kind).items():
        function = getattr(value, "__func__", value)
        if isinstance(function, types.FunctionType) and name != "__init__":
            written |= names_in(function.__code__)[1]
    return frozenset(written)


def _imported(name: str, namespace: Mapping[str, Any]) -> types.ModuleType | None:
    """A module that code imports as it runs; None: of a library, or not there."""
    package = str(namespace.get("__package__") or "")
    for full in (name, f"{package}.{name}" if package and name else package):
        if not full or library(full) is not None:
            continue
        try:
            return sys.modules.get(full) or importlib.import_module(full)
        except Exception:  # code of one's own, which may catch it
            continue
    return None
