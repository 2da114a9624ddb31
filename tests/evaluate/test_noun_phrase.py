"""The words of an expression that are looked for."""

import pytest

from imap_fast.evaluate.datasets.noun_phrase import noun_phrase


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("a person on the right in white", "person"),
        ("the white rabbit facing left", "white rabbit"),
        ("A man wearing a black cap.", "man"),
        ("dog to the right of the other", "dog"),
        ("the one who is closest", ""),
        ("there is a dog on the left", ""),
        ("it is running", ""),
        ("a black and white dog with a ball", "black and white dog"),
        ("the red or orange car", "red or orange car"),
        ("two white and black dogs", "two white and black"),
        ("All of the fish", ""),
        ("moving from right to left", ""),
        ("a dog and a cat", "dog"),
        ("the inside lane car", "inside lane car"),
        ("a down jacket", "down jacket"),
        ("the in", "in"),
        ("the bird is flying", "bird"),
        ("airplane not moving", "airplane"),
        ("a flying bird over the lake", "flying bird"),
        ("a gold ring on a string", "gold ring"),
        ("a tall building behind a man", "tall building"),
        ("two people dancing", "two people"),
        ("a black t-shirt", "black t-shirt"),
        ("the man's hat", "man's hat"),
        ("a cat, which sleeps", "cat"),
        ("a big, old tree", "big, old tree"),
        ("Monkey jumping", "Monkey"),
        ("a dog. It runs", "dog"),
        ("a very large old brown bear", "very large old brown"),
        ("dog jumps over a fence", "dog jumps"),
        ("the the dog", "dog"),
        ("un éléphant", "un éléphant"),
        ("on the left", ""),
        ("the", ""),
        ("...", ""),
        ("which one", ""),
    ],
)
def test_a_concept_is_the_noun_phrase_at_the_beginning(expression, expected):
    assert noun_phrase(expression) == expected
