"""Task `scenes`: which of eleven things is in the photo, the caption, the sound, the clip? Natural media, of whatever size people send."""
