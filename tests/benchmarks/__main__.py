"""``python -m tests.benchmarks [quick] [only=WORDS] [fresh]``: measure and report.

Without ``quick`` the results go to docs/benchmarks.json and from there to docs/benchmarks.md and
docs/figures; ``quick`` takes under three minutes, prints its tables and leaves the page alone.
``only=`` keeps the rows whose name contains WORDS (it may be given again) and replaces them among
the results there are. After Ctrl-C the same command goes on where it stopped;
``fresh`` starts anew.
"""

import sys
import time

from tests.benchmarks import harness, render

RESULTS = harness.ROOT / "docs" / "benchmarks.json"
#: Quick mode stops measuring here.
QUICK_SECONDS = 165.0
UNFINISHED = harness.ROOT / "out" / "benchmarks"


def arguments(words):
    """Parsed as (quick, only, fresh); SystemExit with the usage for anything else."""
    quick = fresh = False
    only: list[str] = []
    for word in words:
        if word in ("quick", "--quick"):
            quick = True
        elif word == "fresh":
            fresh = True
        elif word.startswith("only=") and word != "only=":
            only.append(word[len("only=") :])
        else:
            raise SystemExit(f"{word!r} is not understood.\n\n{__doc__}")
    return quick, only, fresh


def chosen(jobs, only):
    """Jobs whose name contains one of the words; SystemExit if there are none."""
    if not only:
        return jobs
    kept = [job for job in jobs if any(word.lower() in job.name.lower() for word in only)]
    if not kept:
        names = "\n".join(job.name for job in jobs)
        raise SystemExit(f"no row contains {' or '.join(only)}; there are\n{names}")
    if not any(job.question == "machine" for job in kept):
        # Without the bandwidth of this run nothing could be compared with it.
        kept = [job for job in jobs if job.question == "machine"] + kept
    return kept


def main(words):
    """Measure, and report."""
    quick, only, fresh = arguments(words)
    head, stored = harness.header(quick), harness.load(RESULTS)
    merging = bool(only and not quick and stored["records"])
    differ = [name for name in harness.comparable(head, stored) if name != "source"]
    if merging and differ:
        raise SystemExit(
            f"{RESULTS.name} was measured with another {' and '.join(differ)}: rows of two "
            "different set-ups do not belong in one table; run without only="
        )
    jobs = chosen(harness.collect(quick), only)
    parts = ["quick"] * quick + ["only"] * bool(only) + ["partial.json"]
    path = UNFINISHED.with_name(".".join([UNFINISHED.name, *parts]))
    began = time.perf_counter()
    try:
        records = harness.run(jobs, quick, path, fresh, within=QUICK_SECONDS if quick else None)
    except KeyboardInterrupt:
        print(f"\nstopped; what was measured is in {path}; the same command goes on from there")
        return 130
    print(f"{len(records)} records in {time.perf_counter() - began:.0f} s")
    if quick:
        final = UNFINISHED.with_name("benchmarks-quick.json")
        harness.save(final, head, records)
        print(render.text(harness.load(final)))
        print(f"all of it: {final}")
    else:
        if merging:
            new = {record["job"] for record in records}
            kept = [record for record in stored["records"] if record["job"] not in new]
            records = harness.finished(kept + records)
        harness.save(RESULTS, head, records)
        render.main()
    path.unlink()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
