"""Networks with named places, and what can be told from their layers."""
