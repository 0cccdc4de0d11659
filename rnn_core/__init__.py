"""Recurrent networks as tuples of their weights: cells, one loop over time, training, analysis."""
