"""How well refusals are understood: `python -m benchmarks.refusals`.

Two sets, each with the share of right answers, of answers right among the best three, and the calibration error:

- the samples of refusals.jsonl, by cross-validation over provider groups: a group is judged by rules from which
  everything of that provider (rules, banners, examples) was taken away. The rules were written with these samples
  in view, so the figure says what they have learnt, and the confidences look too low.
- refusals-2.jsonl, other texts from public threads, divided by source at random (all texts of a thread are in one
  half). Half A was learnt from. Half B is kept fresh: nobody reads its texts when writing rules, and what is
  missed there is not printed. Its figures are what a text seen for the first time can expect, and the confidences
  are measured against it. It wears out with every look; collect a new one rather than tune to it.

`code` and every code of `also` count as right; the best three are the code and two alternatives.
"""

import json
import statistics
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import yaml

from benchmarks.table import Row
from bot.core.refusal import Context, Explanation, compile_rules, explain

ROOT = Path(__file__).parent.parent
ADVICE = ROOT / "advice"
SAMPLES = Path(__file__).with_name("refusals.jsonl")
OTHERS = Path(__file__).with_name("refusals-2.jsonl")
BINS = 10
GOALS = {"best": 0.95, "best three": 0.99, "calibration error": 0.05, "ms a text": 1.0}

Sample = dict[str, Any]


def read_samples(path: Path = SAMPLES) -> list[Sample]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def read_half(half: str) -> list[Sample]:
    """Half "A" (learnt from) or "B" (fresh) of the texts that are not among the samples."""
    return [sample for sample in read_samples(OTHERS) if sample["half"] == half]


def read_yaml(path: Path) -> Any:
    with path.open(encoding="utf-8") as file:
        return yaml.load(file, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def read_knowledge() -> tuple[dict[str, Any], dict[str, dict[str, Any]], dict[int, str]]:
    """The parsed refusals.yaml, provider files and AADSTS table."""
    providers = {path.stem: read_yaml(path) for path in sorted((ADVICE / "providers").glob("*.yaml"))}
    return read_yaml(ADVICE / "refusals.yaml"), providers, read_yaml(ADVICE / "aadsts.yaml")


def without(group: str, refusals: Mapping[str, Any], providers: Mapping[str, Any]) -> tuple[Any, Any]:
    """The knowledge less what is known of a group and of its kin."""
    kin = next((set(family) for family in refusals["kin"] if group in family), {group})
    cut = {
        **refusals,
        "banners": {name: words for name, words in refusals["banners"].items() if name not in kin},
        "examples": [one for one in refusals["examples"] if one.get("provider") not in kin],
        "families": [rule for rule in refusals["families"] if kin.isdisjoint(rule.get("providers", ()))],
    }
    bare = {
        name: {**facts, "refusals": None, "banners": None} if name in kin else facts
        for name, facts in providers.items()
    }
    return cut, bare


def context_of(sample: Sample, providers: Mapping[str, Any]) -> Context:
    facts = providers.get(sample["provider"] or "", {})
    return Context(
        protocol=sample["protocol"],
        provider=sample["provider"],
        password=facts.get("password"),
        access=(facts.get("access") or {}).get(sample["protocol"]),
    )


def is_right(sample: Sample, codes: Iterable[str]) -> bool:
    return not {sample["code"], *sample["also"]}.isdisjoint(codes)


def judge(samples: Iterable[Sample], rules: Mapping[str, Any], providers: Mapping[str, Any]) -> list[Explanation]:
    return [explain(sample["text"], context_of(sample, providers), rules) for sample in samples]


def judge_half(half: str) -> list[tuple[Sample, Explanation]]:
    refusals, providers, aadsts = read_knowledge()
    samples = read_half(half)
    return list(zip(samples, judge(samples, compile_rules(refusals, providers, aadsts), providers), strict=True))


def cross_validate() -> list[tuple[Sample, Explanation]]:
    refusals, providers, aadsts = read_knowledge()
    groups: defaultdict[str, list[Sample]] = defaultdict(list)
    for sample in read_samples():
        groups[sample["group"]].append(sample)
    told: list[tuple[Sample, Explanation]] = []
    for group, samples in groups.items():
        rules = compile_rules(*without(group, refusals, providers), aadsts)
        told += zip(samples, judge(samples, rules, providers), strict=True)
    return told


def accuracy(told: list[tuple[Sample, Explanation]]) -> tuple[float, float]:
    best = sum(is_right(sample, [one.code]) for sample, one in told)
    three = sum(is_right(sample, [one.code, *one.alternatives[:2]]) for sample, one in told)
    return best / len(told), three / len(told)


def calibration_error(told: list[tuple[Sample, Explanation]]) -> float:
    """Expected calibration error over ten bins of confidence (Guo et al., 2017)."""
    bins: defaultdict[int, list[tuple[float, bool]]] = defaultdict(list)
    for sample, one in told:
        bins[min(BINS - 1, int(one.confidence * BINS))].append((one.confidence, is_right(sample, [one.code])))
    gaps = (
        len(bin_) * abs(statistics.fmean(sure for sure, _ in bin_) - statistics.fmean(right for _, right in bin_))
        for bin_ in bins.values()
    )
    return sum(gaps) / len(told)


def milliseconds(rules: Mapping[str, Any], providers: Mapping[str, Any], rounds: int = 5) -> float:
    samples = read_samples()
    contexts = [(sample["text"], context_of(sample, providers)) for sample in samples]
    times = []
    for _ in range(rounds):
        start = time.perf_counter()
        for text, context in contexts:
            explain(text, context, rules)
        times.append((time.perf_counter() - start) / len(contexts) * 1000)
    return min(times)


def measure() -> list[Row]:
    """The samples with their provider held out, and the fresh half, each beside the goals."""
    refusals, providers, aadsts = read_knowledge()
    rows: list[Row] = []
    for name, told in (("samples, provider held out", cross_validate()), ("fresh texts", judge_half("B"))):
        best, three = accuracy(told)
        error = calibration_error(told)
        rows += [
            Row(f"{name}: told right", best, f">= {GOALS['best']:.2f}", best >= GOALS["best"]),
            Row(f"{name}: right among three", three, f">= {GOALS['best three']:.2f}", three >= GOALS["best three"]),
            Row(
                f"{name}: calibration error",
                error,
                f"< {GOALS['calibration error']:.2f}",
                error < GOALS["calibration error"],
            ),
        ]
    took = milliseconds(compile_rules(refusals, providers, aadsts), providers)
    return [*rows, Row("ms a text", took, f"<= {GOALS['ms a text']:g}", took <= GOALS["ms a text"])]


def main() -> None:
    refusals, providers, aadsts = read_knowledge()
    rules = compile_rules(refusals, providers, aadsts)
    samples = read_samples()
    held_out, half = cross_validate(), judge_half("A")
    rows = [
        ("samples, all rules", list(zip(samples, judge(samples, rules, providers), strict=True))),
        ("samples, held-out providers", held_out),
        ("half A, learnt from", half),
        ("half B, fresh", judge_half("B")),
    ]
    print(f"{'':28} {'texts':>5} {'best':>7} {'three':>7} {'confidence':>11} {'calibration error':>18}")
    for name, told in rows:
        best, three = accuracy(told)
        sure = statistics.fmean(one.confidence for _, one in told)
        print(f"{name:28} {len(told):5} {best:7.1%} {three:7.1%} {sure:11.1%} {calibration_error(told):18.3f}")
    goals = [f"{GOALS[name]:7.0%}" for name in ("best", "best three")]
    print(f"{'goals':28} {'':5} {goals[0]} {goals[1]} {'':11} {GOALS['calibration error']:18.2f}")
    print(f"{milliseconds(rules, providers):.3f} ms a text (goal {GOALS['ms a text']:.0f})")
    for sample, one in [*held_out, *half]:
        if not is_right(sample, [one.code]):
            print(f"  missed {sample['text'][:70]!r}: {one.code}, not {sample['code']}")


if __name__ == "__main__":
    main()
