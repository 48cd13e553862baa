"""Encoders for data of one's own: what others trained (or fixed statistics), then a projection that is fitted to the training samples.

One kind of medium, one file; `build.py` makes and loads them.
"""
