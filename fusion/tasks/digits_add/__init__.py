"""Task `digits-add`: the last digit of a + b, a seen (picture, clip), b said or written (sound, text). Neither side alone says anything."""
