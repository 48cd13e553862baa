"""Task `digits`: which digit is drawn, typed, said and being written? Four modalities that say the same (redundancy)."""
