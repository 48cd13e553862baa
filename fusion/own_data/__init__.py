"""Your own data: from a folder to a fair comparison of every strategy, and a lab to take away.

    report = fusion.fit("DATA", out="LAB")          python -m fusion fit DATA --out LAB
    fusion.inspect("DATA")                          python -m fusion inspect DATA

Read in this order: samples.py (what a data set is), forms.py (how it is found in a folder), columns.py (what each column holds),
splits.py, inspection.py, checks/ (what can be wrong with data).
"""
