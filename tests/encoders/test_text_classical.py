"""Bag of words and topics: against scikit-learn on small corpora, and on topics that were planted."""

import numpy as np
import pytest
import torch

from fusion.encoders import collate
from fusion.encoders.text_bow import TextBagOfWords
from fusion.encoders.text_lda import TextTopics
from fusion.encoders.vocabulary import TermEncoder, plain, shares, show, terms_of

CORPUS = ["one apple", "two apples and one pear", "三 pears", "no fruit at all", "apple, apple, apple"]
ANIMALS, TOOLS = ["cat", "dog", "horse", "mouse"], ["vxkzj", "zqxv", "jjkw", "wvxz"]  # without a letter in common


def planted() -> list[str]:
    """40 texts of animals, then 40 of the other words; 8 words each."""
    rng = np.random.default_rng(0)
    return [" ".join(rng.choice(words, 8)) for words in (ANIMALS, TOOLS) for _ in range(40)]


def raw(encoder: TermEncoder, text: str) -> tuple[torch.Tensor, ...]:
    """Tokens (W, F), mask, vector (F,) and shares (W,) before whitening."""
    return tuple(x[0] for x in encoder.describe(*collate([encoder.prepare(text)])))


def reloaded(encoder: TermEncoder) -> TermEncoder:
    """Built again from what is saved: options and tensors."""
    again = type(encoder)(**encoder.options())
    again.load_state_dict(encoder.state_dict())
    return again


@pytest.fixture(params=[TextBagOfWords, TextTopics])
def fitted(request: pytest.FixtureRequest) -> TermEncoder:
    encoder = request.param()
    encoder.fit(CORPUS)
    return encoder


def test_plain_letters() -> None:
    assert plain("Nº٣, Zéro!") == "no3zero" and plain("⑦７७") == "777" and plain("…_?") == ""
    assert plain("일") == "일", "Korean syllables stay whole"


def test_terms_are_the_word_and_its_runs() -> None:
    assert terms_of("Two!", 2) == ["<two>", "t", "w", "o", "<t", "tw", "wo", "o>"]
    assert terms_of("七", 3) == ["<七>", "七", "<七", "七>"], "the longest run is the word itself and counts once"
    assert terms_of("...", 3) == []
    assert [show(x) for x in ("<two>", "<t", "wo", "o>")] == ["two", "t-", "-wo-", "-o"]


def test_bag_of_words_equals_scikit_learn() -> None:
    from sklearn.feature_extraction.text import TfidfVectorizer

    encoder = TextBagOfWords()
    encoder.learn(CORPUS)
    reference = TfidfVectorizer(analyzer=encoder.terms_of_text, norm="l1").fit(CORPUS)
    assert list(encoder.vocabulary) == reference.get_feature_names_out().tolist()
    for text in (*CORPUS, "a pear in 三 trees"):
        np.testing.assert_allclose(raw(encoder, text)[2].numpy(), reference.transform([text]).toarray()[0], rtol=1e-4, atol=1e-6)


def test_order_of_words_does_not_matter() -> None:
    encoder = TextBagOfWords()
    torch.testing.assert_close(raw(encoder, "one two three")[2], raw(encoder, "three one two")[2])


def test_a_word_that_all_texts_have_weighs_less() -> None:
    encoder = TextBagOfWords()
    encoder.learn(["the cat", "the dog", "the cow"])
    weight = dict(zip(encoder.vocabulary, raw(encoder, "the cat")[2].tolist(), strict=True))
    assert weight["<cat>"] > weight["<the>"] > 0 == weight["<dog>"]


def test_planted_topics_are_found() -> None:
    """Two disjoint sets of words and two topics: every text is nearly all of one of them, and its half's."""
    encoder = TextTopics(topics=2)
    encoder.learn(planted())
    theta = torch.stack([raw(encoder, text)[2] for text in planted()])
    first = theta[0].argmax()
    assert (theta[:40, first] > 0.9).all() and (theta[40:, first] < 0.1).all()
    tokens = raw(encoder, "cat zqxv")[0]
    assert tokens[0, first] > 0.9 > 0.1 > tokens[1, first], "in a mixed text each word has its own topic"


def test_topics_saved_and_loaded_equal_scikit_learn() -> None:
    """Inference by the saved parameters gives what scikit-learn's own model gave before it was saved."""
    from sklearn.decomposition import LatentDirichletAllocation
    from sklearn.feature_extraction.text import CountVectorizer

    from fusion.encoders.text_lda import ROUNDS, TERM_PRIOR

    encoder = TextTopics(topics=3)
    encoder.learn(planted())
    counts = CountVectorizer(analyzer=encoder.terms_of_text).fit_transform(planted())
    reference = LatentDirichletAllocation(3, topic_word_prior=TERM_PRIOR, max_iter=ROUNDS, random_state=0).fit(counts)
    again = TextTopics(**encoder.options())
    again.components.copy_(encoder.components)
    theta = torch.stack([raw(again, text)[2] for text in planted()])
    np.testing.assert_allclose(theta.numpy(), reference.transform(counts), atol=2e-4)


def test_tokens_of_topics_are_distributions() -> None:
    encoder = TextTopics(topics=4)
    encoder.learn(CORPUS)
    for text in ("one apple in ??? unseen", "", "???"):
        tokens, _, theta, share = raw(encoder, text)
        torch.testing.assert_close(tokens.sum(-1), torch.ones(len(tokens)))
        assert abs(float(theta.sum()) - 1) < 1e-5 and abs(float(share.sum()) - 1) < 1e-5


def test_same_after_saving(fitted: TermEncoder) -> None:
    batch = collate([fitted.prepare(text) for text in CORPUS])
    one, two = fitted(*batch), reloaded(fitted)(*batch)
    torch.testing.assert_close(one.pooled, two.pooled, rtol=0, atol=0)
    torch.testing.assert_close(one.tokens, two.tokens, rtol=0, atol=0)


def test_fitted_twice_is_the_same(fitted: TermEncoder) -> None:
    other = type(fitted)()
    other.fit(CORPUS)
    torch.testing.assert_close(other.state_dict(), fitted.state_dict(), rtol=0, atol=0)


def test_words_of_the_batch_do_not_matter(fitted: TermEncoder) -> None:
    texts = ["", "one", "two apples and one pear " * 20, "unknown ☺ 三"]
    together = fitted(*collate([fitted.prepare(text) for text in texts]))
    assert torch.isfinite(together.tokens).all() and torch.isfinite(together.pooled).all()
    for i, text in enumerate(texts):
        alone = fitted(*collate([fitted.prepare(text)]))
        torch.testing.assert_close(alone.pooled[0], together.pooled[i], rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(alone.tokens[0], together.tokens[i][together.mask[i]], rtol=1e-4, atol=1e-5)


def test_panels_have_a_row_per_word(fitted: TermEncoder) -> None:
    for text in ("one apple, ??? 三", "", "???"):
        prepared = fitted.prepare(text)
        bars, words = fitted.panels(text, prepared)
        assert bars.kind == "bars" and words.kind == "words" and bars.names == words.names
        assert words.values.shape == (len(prepared.layout.places), len(bars.names)) and (np.diff(bars.values) <= 1e-5).all()
        assert len(bars.values) == len(bars.names) and (words.values >= 0).all()


def test_shares_are_even_where_nothing_is_known() -> None:
    mask = torch.tensor([[True, True, False], [True, True, True]])
    found = shares(torch.tensor([[0.0, 0.0, 5.0], [1.0, 3.0, 0.0]]), mask)
    torch.testing.assert_close(found, torch.tensor([[0.5, 0.5, 0.0], [0.25, 0.75, 0.0]]))
