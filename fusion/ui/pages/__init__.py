"""The tabs of the page, in their order: each is a folder here, see `base.py`; its scripts and styles are sent with the page."""

NAMES: tuple[str, ...] = (
    "fuse",
    "activations",
    "playground",
)
OLD_NAMES = {"inside": "activations"}  # of links made before a page got its present name
