"""The text of the model cards of the task `digits-add`, besides the figures."""

from __future__ import annotations

from dataclasses import replace

from fusion.tasks.digits.card import SHARED

ABOUT = "Image and video show a, text and audio say b, and the answer is (a + b) mod 10. With one side missing it cannot be known: chance is 10 %. Ten of the hundred pairs were held out from training."
CHOSEN = "Its default size was chosen on synthetic features that follow the rule of the held-out pairs, so its accuracy on held-out pairs is not a blind test."
REMARKS = {
    "late": "It cannot solve this task with any features: its log-odds are f_k(a) + g_k(b), a sum without mixed terms. The loss is convex in f and g, and the task is invariant under (a + s, b - s), so the best such model gives the same answer for every a and b. It stays near chance (10 %). On held-out pairs it is below chance, because in training this answer never occurred with this a.",
    "shared_space": "It averages the embeddings of both sides in one space; apart from its length, an average has no mixed terms either.",
    "low_rank": CHOSEN,
    "multitask": CHOSEN,
    "dynamic": "No modality determines the sum alone, so its classifiers predict the digit that each modality shows or says. Weights and classifiers need 30 epochs to fit each other; after ten it reached 94 % on the training pairs.",
}
CARD = replace(
    SHARED,
    about=ABOUT,
    remarks=REMARKS,
    columns={"seen_pairs": "synergy: pairs seen in training", "unseen_pairs": "synergy: new pairs"},
)
