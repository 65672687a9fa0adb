"""A zoo as files: manifest, table, splits and card, written and checked."""
