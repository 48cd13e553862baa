"""Heads on the fused vector: which label (`classification`), where (`localization`), and whether it is none of them (`open_set`)."""
