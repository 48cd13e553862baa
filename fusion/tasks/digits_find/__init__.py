"""Task `digits-find`: a picture with three to five different digits, and a digit that is asked for by words, voice or clip. Where is it?"""
