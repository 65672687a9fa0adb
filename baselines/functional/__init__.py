"""Pure functions on tensors: what each paper computes, before it becomes a measure.

They take a TappedModule in evaluation mode, images as the network expects them (n, c, h, w) or
(n, d), labels (n,) int64, and a batch size. Images are moved to the module's device and precision
one batch at a time; sums over samples are taken in float64. Nothing changes the module or the
global random state.
"""
