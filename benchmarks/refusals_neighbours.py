"""Which causes hide behind the same words: `python -m benchmarks.refusals_neighbours`.

Prints the section `neighbours` of advice/refusals.yaml, learnt from the labels of all texts that rules may learn
from: how often another code was right, or acceptable, where a code was. What is written there now counts as a few
texts more, so that a rare cause keeps the order that people gave it. `code/protocol` is printed where a protocol
has enough texts and another order. login.unrecognised is no cause, so it is never named as an alternative.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping

from benchmarks.refusals import LEARNT, Sample, read_knowledge, read_set
from bot.core.refusal import NOT_A_FAILURE, UNRECOGNISED

MOST = 4  # codes in a list
ALSO = 0.6  # an acceptable code counts as this much of a right one
AS_WRITTEN = 4.0  # the order that is written down counts as this many texts
WRITTEN_SHARES = (0.5, 0.3, 0.2, 0.1)
ENOUGH = 8.0  # texts of a protocol from which on it has its own order

Counts = dict[str, Counter[str]]


def count(samples: Iterable[Sample]) -> tuple[Counts, Counter[str]]:
    """Code, or code/protocol -> codes that were acceptable beside it; and how many texts that are."""
    beside: defaultdict[str, Counter[str]] = defaultdict(Counter)
    texts: Counter[str] = Counter()
    for sample in samples:
        acceptable = [sample["code"], *sample["also"]]
        for code in acceptable:
            share = 1.0 if code == sample["code"] else ALSO
            for key in (code, f"{code}/{sample['protocol']}"):
                texts[key] += share  # type: ignore[assignment]
                for other in acceptable:
                    if other not in {code, UNRECOGNISED, NOT_A_FAILURE}:
                        beside[key][other] += share * (1.0 if other == sample["code"] else ALSO)  # type: ignore[assignment]
    return dict(beside), texts


def rank(key: str, beside: Counts, texts: Mapping[str, float], written: Iterable[str]) -> list[str]:
    """The likeliest companions first."""
    shares = dict(zip(written, WRITTEN_SHARES, strict=False))
    counts = beside.get(key, Counter())
    score = {
        code: (counts.get(code, 0.0) + AS_WRITTEN * shares.get(code, 0.0)) / (texts.get(key, 0.0) + AS_WRITTEN)
        for code in {*counts, *shares}
    }
    return sorted(score, key=lambda code: (-score[code], code))[:MOST]


def learn() -> dict[str, list[str]]:
    """The whole section: what is learnt, and unchanged what no text tells of."""
    written = read_knowledge()[0]["neighbours"]
    beside, texts = count(sample for name in LEARNT for sample in read_set(name))
    learnt: dict[str, list[str]] = {}
    for key, codes in written.items():
        code, _, place = key.partition("/")
        if code in {UNRECOGNISED, NOT_A_FAILURE}:
            learnt[key] = list(codes)
        elif not place:
            learnt[key] = rank(key, beside, texts, codes)
    for key in sorted(beside):
        code, _, protocol = key.partition("/")
        if protocol and code in learnt and code != UNRECOGNISED and texts[key] >= ENOUGH:
            own = rank(key, beside, texts, learnt[code])
            if own[:2] != learnt[code][:2]:
                learnt[key] = own
    return learnt


def main() -> None:
    print("neighbours:")
    for key, codes in learn().items():
        print(f"  {key}: [{', '.join(codes)}]")


if __name__ == "__main__":
    main()
