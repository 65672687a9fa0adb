"""Errors a user can act on: each message is one line that names the thing and the remedy."""


class DemogenError(Exception):
    """What the command line shows as one line, with exit code 2; the base of all errors below."""


class ZooError(DemogenError):
    """A zoo or an image set cannot be found or used as asked."""


class CorruptZooError(ZooError):
    """Bytes of a zoo are not what its manifest says."""


class PredictorError(DemogenError):
    """A predictor or a measure cannot be found, loaded or fitted as asked, or fails a check."""


class RecipeError(DemogenError):
    """A recipe is not valid, or cannot be carried out."""


class NotMeasurable(DemogenError):  # noqa: N818 - the field says "not measurable", not "error"
    """A measure is not defined for this network; the message says why."""


class AccessError(DemogenError):
    """A measure asked a network for something it had not declared in its `access`."""


class ResultError(DemogenError):
    """A result cannot be read, or its parts do not agree; results that do not go together."""


class SubmissionError(DemogenError):
    """A submission does not hold what it claims."""
