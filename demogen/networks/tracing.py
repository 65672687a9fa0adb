"""What a plain network computes, as a graph of its layers and functions (by torch.fx).

A module that does not trace (a condition on values, say) is one node of the graph, as torch's own
layers are. Nothing in the graph works in place: what has read an activation finds it unchanged.
"""

import inspect
import operator
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, final

import torch
from torch import Tensor, fx, nn
from torch.nn import functional as F

from demogen.errors import first_line

NETWORK = "network"


@final
@dataclass(frozen=True)
class Trace:
    """A network's graph.

    Attributes:
        root: holds the network; the graph's modules are named from it, "network.layer1.conv" say.
        graph: from one placeholder, the images, to the logits.
        outputs: submodule → what it gives; "layer1.relu#2" is the second call of "layer1.relu".
        opaque: submodules that did not trace, by name ("" is the network itself) → why.
    """

    root: nn.Module
    graph: fx.Graph
    outputs: dict[str, fx.Node]
    opaque: dict[str, str]


@final
class LogitsOf(nn.Module):
    """A network as a module that gives its logits.

    Args:
        network: of one input, the images.
        named: whether its output is an object that holds them as `logits`, as transformers' are.
    """

    def __init__(self, network: nn.Module, *, named: bool) -> None:
        super().__init__()
        self.network = network
        self.named = named

    def forward(self, x: Any) -> Any:
        """Logits, (n, classes)."""
        output = self.network(x)
        return output.logits if self.named else output


def traced(root: LogitsOf, example: Tensor) -> Trace:
    """The graph of a network in evaluation mode. The network's layers are used, and changed.

    Layers that work in place no longer do so. What the network computes from constants alone is
    computed once. Where it decides by shapes, types or devices, it is taken to decide as for the
    example.

    Args:
        root: the network.
        example: images (n, ...), of which two are used.

    Raises:
        Exception: of any kind: the graph is not one from images to logits.
    """
    tracer = _Tracer(root, example[:2])
    with torch.no_grad():
        graph = tracer.trace(root)
    outputs = {
        name.removeprefix(NETWORK).removeprefix("."): node for name, node in tracer.outputs.items()
    }
    opaque = {
        name.removeprefix(NETWORK).removeprefix("."): why for name, why in tracer.opaque.items()
    }
    _let_nothing_work_in_place(graph, root)
    _leave_out_what_nobody_reads(graph)
    alive = set(graph.nodes)
    outputs = {name: node for name, node in outputs.items() if node in alive}
    return Trace(root, graph, outputs, opaque)


class _NotIterableError(fx.proxy.TraceError, TypeError):  # type: ignore[misc]
    """As of anything that cannot be iterated: some networks ask, and go on."""


@final
class _Tracer(fx.Tracer):  # type: ignore[misc]
    """Notes what each submodule gives, and takes for a layer what does not trace."""

    def __init__(self, module: nn.Module, example: Tensor) -> None:
        super().__init__()
        self._module = module
        self._example = example
        self._values: dict[fx.Node, Any] = {}
        self._running = False
        self.outputs: dict[str, fx.Node] = {}
        self.opaque: dict[str, str] = {}
        self._calls: Counter[str] = Counter()

    def is_leaf_module(self, m: nn.Module, module_qualified_name: str) -> bool:
        # A hook that notes activations for its owner is to get numbers, not what stands for them.
        hooked = bool(m._forward_hooks or m._forward_pre_hooks)
        ours = type(m).__module__.startswith("demogen.networks.") and not m._modules
        return hooked or ours or super().is_leaf_module(m, module_qualified_name)

    def iter(self, obj: fx.Proxy) -> Any:
        try:
            return super().iter(obj)
        except fx.proxy.TraceError as error:
            raise _NotIterableError(str(error)) from error

    def to_bool(self, obj: fx.Proxy) -> bool:
        if _depends_on_values(obj.node):
            return bool(super().to_bool(obj))
        return bool(self._value(obj.node))

    def _value(self, node: fx.Node) -> Any:
        """What a node gives for the example."""
        running = fx.Interpreter(self._module, garbage_collect_values=False, graph=self.graph)
        running.env = self._values
        running.args_iter = iter([self._example.clone()])
        self._running = True
        try:
            for one in list(self.graph.nodes):
                if one not in self._values:
                    self._values[one] = running.run_node(one)
        finally:
            self._running = False
        return self._values[node]

    def getattr(self, attr: str, attr_val: Any, parameter_proxy_cache: dict[str, Any]) -> Any:
        return attr_val if self._running else super().getattr(attr, attr_val, parameter_proxy_cache)

    def call_module(
        self,
        m: nn.Module,
        forward: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
    ) -> Any:
        if self._running:
            return forward(*args, **kwargs)
        name = self.path_of_module(m)
        before = len(self.graph.nodes)
        outputs, calls = dict(self.outputs), Counter(self._calls)
        stack = self.module_stack.copy()  # type: ignore[has-type]
        attributes = [(layer, dict(vars(layer))) for layer in m.modules()]
        try:
            output = super().call_module(m, forward, args, kwargs)
        except Exception as error:
            self.opaque[name] = first_line(error).split(". ")[0]
            self.outputs, self._calls = outputs, calls
            self.module_stack = stack
            for layer, state in attributes:
                # It may have kept what stands for an activation.
                vars(layer).clear()
                vars(layer).update(state)
            for node in list(self.graph.nodes)[: before - 1 : -1]:
                self.graph.erase_node(node)
            output = self.create_proxy("call_module", name, args, kwargs)
        self._calls[name] += 1
        count = self._calls[name]
        if isinstance(output, fx.Proxy):
            self.outputs[name if count == 1 else f"{name}#{count}"] = output.node
        return output


_TELLS_NO_VALUES = {
    *("shape", "ndim", "dtype", "device", "layout", "is_cuda", "itemsize"),
    *("size", "dim", "ndimension", "numel", "nelement", "stride"),
    *("is_floating_point", "is_complex"),
}
"""Attributes and methods of a tensor that say nothing of its numbers."""


def _depends_on_values(node: fx.Node) -> bool:
    """Whether it is computed from numbers of images or activations, not only from their shapes."""
    name = node.args[1] if node.target is getattr else node.target
    if node.op in ("call_function", "call_method") and name in _TELLS_NO_VALUES:
        return False
    return node.op in ("placeholder", "call_module") or any(
        map(_depends_on_values, node.all_input_nodes)
    )


_IN_PLACE_OPERATORS = {
    getattr(operator, f"i{name}"): getattr(operator, name)
    for name in ("add", "sub", "mul", "truediv", "floordiv", "pow", "mod", "matmul")
}


def _let_nothing_work_in_place(graph: fx.Graph, root: nn.Module) -> None:
    """Let each node compute a new tensor, and those after it read that tensor."""
    position = {node: number for number, node in enumerate(graph.nodes)}
    for node in list(graph.nodes):
        if not node.args or not isinstance(changed := node.args[0], fx.Node):
            continue
        if not _works_in_place(node, root):
            continue
        for reader in list(changed.users):
            if position[reader] > position[node]:
                reader.replace_input_with(changed, node)
        _let_it_compute_anew(node, changed, graph)
    for layer in root.modules():
        if getattr(layer, "inplace", False) is True and not isinstance(
            layer, torch.jit.ScriptModule
        ):
            setattr(layer, "inplace", False)  # noqa: B010 - not every layer has it


def _works_in_place(node: fx.Node, root: nn.Module) -> bool:
    if node.op == "call_module":
        return getattr(root.get_submodule(str(node.target)), "inplace", False) is True
    if node.op == "call_method":
        return _ends_in_place(str(node.target))
    if node.op == "call_function":
        return (
            node.target in _IN_PLACE_OPERATORS
            or _ends_in_place(getattr(node.target, "__name__", ""))
            or bool(_bound(node).get("inplace", False))
        )
    return False


def _ends_in_place(name: str) -> bool:
    return name.endswith("_") and not name.endswith("__")


def _let_it_compute_anew(node: fx.Node, changed: fx.Node, graph: fx.Graph) -> None:
    if node.op == "call_module":
        return
    name = str(node.target) if node.op == "call_method" else getattr(node.target, "__name__", "")
    if node.target in _IN_PLACE_OPERATORS:
        node.target = _IN_PLACE_OPERATORS[node.target]
    elif not _ends_in_place(name):
        node.args, node.kwargs = (changed,), {**_bound(node), "inplace": False}
    elif node.op == "call_method" and hasattr(torch.Tensor, name[:-1]):
        node.target = name[:-1]
    elif node.op == "call_function" and hasattr(F, name[:-1]):
        node.target = getattr(F, name[:-1])
    else:
        with graph.inserting_before(node):
            node.replace_input_with(changed, graph.call_method("clone", (changed,)))


def _leave_out_what_nobody_reads(graph: fx.Graph) -> None:
    for node in reversed(graph.nodes):
        checks = node.op == "call_function" and node.is_impure()
        if not (node.users or checks or node.op in ("placeholder", "output")):
            graph.erase_node(node)


def _bound(node: fx.Node) -> dict[str, Any]:
    """The arguments of a function of Python by name, without the first; {} where it tells none."""
    try:
        bound = inspect.signature(node.target).bind(*node.args, **node.kwargs)
    except (TypeError, ValueError):
        return {}
    arguments = dict(list(bound.arguments.items())[1:])
    return {**arguments, **arguments.pop("kwargs", {})}
