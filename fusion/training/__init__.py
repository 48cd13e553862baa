"""Fetching data, training and measuring; nothing here is needed to open the page."""
