"""Heads on the fused vector."""
