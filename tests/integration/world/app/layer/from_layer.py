"""Proof that the layer is on the path."""

WHERE = "layer"
