"""Small fusion problems of two numbers, on which strategies are trained while a visitor watches: see `session.py`."""
