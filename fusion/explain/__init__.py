"""Explanations that know a callable, not a class: plain functions and arrays in, one number per modality or token out.

One idea, one file: shapley.py (modalities), attention.py, relevance.py, occlusion.py (tokens), faithfulness.py (is it true?).
on_lab.py builds the callables from a lab; `TOKEN_EXPLAINERS` lists what explains tokens, in screen order.
"""

from fusion.explain.attention import attention_scores, peak, pointing_hit, pointing_hits
from fusion.explain.faithfulness import Faithfulness, deletion_insertion
from fusion.explain.occlusion import occlude, occlusion, without_function
from fusion.explain.on_lab import TOKEN_EXPLAINERS, kept_function, measure_faithfulness, medium_function, token_function
from fusion.explain.relevance import relevance
from fusion.explain.shapley import dividends, interaction_share, leave_one_out, shapley_values, value_of

__all__ = [
    "TOKEN_EXPLAINERS",
    "Faithfulness",
    "attention_scores",
    "deletion_insertion",
    "dividends",
    "interaction_share",
    "kept_function",
    "leave_one_out",
    "measure_faithfulness",
    "medium_function",
    "occlude",
    "occlusion",
    "peak",
    "pointing_hit",
    "pointing_hits",
    "relevance",
    "shapley_values",
    "token_function",
    "value_of",
    "without_function",
]
