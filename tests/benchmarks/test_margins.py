"""What margins at four taps cost beside what they need, and beside the usual way."""

import torch

from baselines.functional.margins import output_margins, tap_margins

SOME = 32


def test_margins_cost_one_forward_and_one_backward_pass(ratio, network, train):
    images, labels = train

    def passes():
        for x, y in zip(images.split(256), labels.split(256), strict=True):
            x = x.detach().requires_grad_()
            torch.autograd.grad(output_margins(network.module(x), y).sum(), x)

    ratio(
        "margins at four taps with total variation / one forward and one backward pass to the "
        "input on the same batches (at most 1.3)",
        lambda: tap_margins(network.module, images, labels),
        passes,
        rounds=11,
    )


def test_margins_beside_a_backward_pass_for_each_tap_and_pair(ratio, network, train):
    images, labels = train[0][:SOME], train[1][:SOME]
    compare(
        f"one backward pass a tap and class pair, batched, as usually written, {SOME} images / "
        "margins at four taps (at least 3)",
        pair_by_pair,
        (network.module, images, labels),
        ratio,
    )


def test_margins_beside_passes_of_only_the_pairs_samples(ratio, network, train):
    images, labels = train[0][:128], train[1][:128]
    compare(
        "the same with only the pair's own samples in each pass, 128 images / margins at four taps",
        samples_of_a_pair,
        (network.module, images, labels),
        ratio,
    )


def compare(title, usual, arguments, ratio):
    wanted = usual(*arguments)
    found = tap_margins(*arguments)
    assert list(found) == list(wanted) == ["input", "h1", "h2", "h3"]
    for tap, margins in wanted.items():
        torch.testing.assert_close(found[tap].margins, margins, rtol=1e-4, atol=0)
    ratio(title, lambda: usual(*arguments), lambda: tap_margins(*arguments), rounds=3)


def pair_by_pair(module, images, labels):
    """The graph of the whole batch, through which each tap and pair sends its samples' sum."""
    logits, activations = module.forward_with_taps(images.detach().requires_grad_())
    pairs = pairs_of(logits, labels)
    margins = {tap: torch.empty(len(labels), dtype=torch.float64) for tap in activations}
    for tap, activation in activations.items():
        for y, j in set(pairs):
            rows = torch.tensor([pair == (y, j) for pair in pairs])
            difference = logits[rows, y].double() - logits[rows, j].double()
            (gradient,) = torch.autograd.grad(difference.sum(), activation, retain_graph=True)
            margins[tap][rows] = divided(difference, gradient[rows])
    return margins


def samples_of_a_pair(module, images, labels):
    """A graph of its own for the samples of each pair."""
    with torch.no_grad():
        pairs = pairs_of(module(images), labels)
    margins = {tap: torch.empty(len(labels), dtype=torch.float64) for tap in module.taps}
    for y, j in set(pairs):
        rows = torch.tensor([pair == (y, j) for pair in pairs])
        logits, activations = module.forward_with_taps(images[rows].requires_grad_())
        difference = logits[:, y].double() - logits[:, j].double()
        for tap, activation in activations.items():
            (gradient,) = torch.autograd.grad(difference.sum(), activation, retain_graph=True)
            margins[tap][rows] = divided(difference, gradient)
    return margins


def pairs_of(logits, labels):
    others = logits.detach().scatter(1, labels[:, None], -torch.inf)
    return list(zip(labels.tolist(), others.argmax(dim=1).tolist(), strict=True))


def divided(difference, gradient):
    squares = gradient.flatten(1).double().square().sum(dim=1)
    return difference.detach() / (squares + 1e-6).sqrt()
