"""A graph of a network cut into stages, wherever one activation is all that the rest needs."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, final

from torch import Tensor, fx, nn
from torch.nn import functional as F

from demogen.networks.layers_of_functions import layer_of
from demogen.networks.tracing import NETWORK, Trace

_WEIGHT_FUNCTIONS = (F.linear, F.conv2d)


@final
@dataclass(frozen=True)
class Stage:
    """A part of the network between two cuts.

    Attributes:
        name: of the module or function that gives its output.
        module: a layer of the network, or of torch for a function of the same meaning, or a graph.
        output: the node whose activation it gives.
        weight_layers: convolutions and dense layers in it.
        shape: of one sample's output.
    """

    name: str
    module: nn.Module
    output: fx.Node
    weight_layers: int
    shape: tuple[int, ...]


def cut(trace: Trace, example: Tensor, reserved: Collection[str]) -> list[Stage]:
    """The stages of a traced network, as short as can be.

    Args:
        trace: of the network.
        example: images (n, ...); what has another first size than n is no activation of n samples.
        reserved: names that no stage may have.

    Raises:
        Exception: of any kind: the graph does not run on the example, or gives no logits for it.
    """
    graph = trace.graph
    whole = fx.GraphModule(trace.root, graph)
    shapes = _Shapes(whole, len(example))
    shapes.run(example.clone())
    constants = _constants(graph)
    start, *inner, end = [node for node in graph.nodes if node not in constants]
    stages: list[Stage] = []
    names = _Names(reserved)
    for before, nodes, output in _segments(start, inner, end, shapes.of):
        if single := _single(trace.root, nodes, before, shapes.of):
            module = single
        else:
            module = fx.GraphModule(trace.root, _part(before, nodes, output))
        stages.append(
            Stage(
                names.new(output),
                module,
                output,
                sum(_weight_layers(trace.root, node) for node in nodes),
                shapes.of[output],
            )
        )
    return stages


def _segments(
    start: fx.Node, inner: Sequence[fx.Node], end: fx.Node, shapes: dict[fx.Node, tuple[int, ...]]
) -> Iterator[tuple[fx.Node, list[fx.Node], fx.Node]]:
    """Each: the node it begins from, its own nodes, the one whose activation it gives."""
    position = {node: number for number, node in enumerate([start, *inner, end])}
    last_use = {
        node: max((position[user] for user in node.users), default=-1) for node in [start, *inner]
    }
    needed: set[fx.Node] = {start}
    before, nodes = start, list[fx.Node]()
    for node in inner:
        nodes.append(node)
        needed.add(node)
        needed = {one for one in needed if last_use[one] > position[node]}
        if len(needed) == 1:
            (output,) = needed
            if output is not before and output in shapes:
                yield before, nodes, output
                before, nodes = output, []
    if nodes or end.args != (before,):
        raise ValueError("the graph does not end in logits, one row a sample")


@final
class _Shapes(fx.Interpreter):  # type: ignore[misc]
    """Runs a graph, and keeps the shape of one sample wherever a tensor holds one a sample."""

    def __init__(self, module: fx.GraphModule, count: int) -> None:
        super().__init__(module)
        self.of: dict[fx.Node, tuple[int, ...]] = {}
        self._count = count

    def run_node(self, n: fx.Node) -> Any:
        value = super().run_node(n)
        if (
            isinstance(value, Tensor)
            and value.is_floating_point()
            and value.ndim > 1
            and len(value) == self._count
        ):
            self.of[n] = tuple(value.shape[1:])
        return value


@final
class _Names:
    """Names of stages: without dots, as modules' names have to be, and none twice."""

    def __init__(self, reserved: Collection[str]) -> None:
        self._taken = set(reserved)

    def new(self, node: fx.Node) -> str:
        if node.op == "call_module":
            path = str(node.target)
        else:
            owners = list(node.meta.get("nn_module_stack", {"": ("",)}).values())
            function = str(getattr(node.target, "__name__", node.target)).strip("_")
            path = f"{owners[-1][0] if owners else ''}.{function}"
        name = path.removeprefix(NETWORK).strip(".").replace(".", "_") or NETWORK
        count, new = 1, name
        while new in self._taken:
            count += 1
            new = f"{name}_{count}"
        self._taken.add(new)
        return new


def _constants(graph: fx.Graph) -> set[fx.Node]:
    """Weights and what is computed from them alone: each stage has its own, whatever its input."""
    constants: set[fx.Node] = set()
    for node in graph.nodes:
        inputs = node.all_input_nodes
        derived = (
            node.op in ("call_function", "call_method") and inputs and constants >= set(inputs)
        )
        if node.op == "get_attr" or derived:
            constants.add(node)
    return constants


def _part(before: fx.Node, nodes: Sequence[fx.Node], output: fx.Node) -> fx.Graph:
    """Some nodes as a graph of their own, with the constants that they need."""
    graph = fx.Graph()
    copies = {before: graph.placeholder("x")}

    def copy_of(node: fx.Node) -> fx.Node:
        if node not in copies:
            for needed in node.all_input_nodes:
                copy_of(needed)
            copies[node] = graph.node_copy(node, copies.__getitem__)
        return copies[node]

    for node in nodes:
        copy_of(node)
    graph.output(copies[output])
    return graph


def _single(
    root: nn.Module,
    nodes: Sequence[fx.Node],
    before: fx.Node,
    shapes: dict[fx.Node, tuple[int, ...]],
) -> nn.Module | None:
    """The layer that some nodes are, if they are one."""
    if len(nodes) == 1 and nodes[0].op == "call_module":
        (node,) = nodes
        if node.args == (before,) and not node.kwargs:
            return root.get_submodule(str(node.target))
    return layer_of(nodes, before, shapes)


def _weight_layers(root: nn.Module, node: fx.Node) -> int:
    if node.op == "call_module":
        layers = root.get_submodule(str(node.target)).modules()
        return sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in layers)
    return int(node.op == "call_function" and node.target in _WEIGHT_FUNCTIONS)
