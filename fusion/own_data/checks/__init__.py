"""The data check: what makes the figures of a data set better than they are, or its training worse. One kind of fault, one file."""
