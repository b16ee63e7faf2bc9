"""The gallery: every slide in its coarse version, and the page that shows them."""

import json

import numpy as np
import pytest

from fokkerplanck import cli
from fokkerplanck.demos.talk import gallery
from fokkerplanck.demos.talk.net import Net
from fokkerplanck.demos.talk.slide import WORDS, Finding
from fokkerplanck.sgd.gradient_noise import least_ratio


@pytest.mark.parametrize("name", gallery.names())
def test_slide(name, tmp_path):
    entry = gallery.run(name, tmp_path, quick=True)
    assert entry.slide.name == name
    assert entry.slide.claim[0].islower() or entry.slide.claim[0].isupper()
    assert entry.finding.word in WORDS
    assert entry.finding.text.endswith(".")
    assert all(len(line) <= 100 for line in entry.table.splitlines())
    for text in (entry.table, entry.finding.text):
        assert "nan" not in text.split()
        assert "{" not in text
    assert (tmp_path / entry.picture).stat().st_size > 8_000


def test_all_slides_are_accounted_for():
    numbers = {int(name[5:]) for name in gallery.names()}
    assert numbers | set(gallery.TEXT_ONLY) == set(range(1, 26))
    assert not numbers & set(gallery.TEXT_ONLY)


def test_page_and_records(tmp_path, capsys):
    page = tmp_path / "talk.md"
    command = ["talk", "--quick", "--only", "slide17", "--out", str(tmp_path / "talk")]
    command += ["--markdown", str(page)]
    assert cli.main(command) == 0
    assert "17  Deep networks have highly non-isotropic noise: needs a condition" in (
        capsys.readouterr().out
    )
    html = (tmp_path / "talk" / "index.html").read_text()
    for text in (html, page.read_text()):
        assert "slide17.png" in text
        assert "a diagram of open questions" in text
        assert "17.1" in text
    # What this code has run before is not run again; what another code ran is.
    record = tmp_path / "talk" / "slide17.json"
    kept = json.loads(record.read_text())
    record.write_text(json.dumps(kept | {"seconds": -1.0}))
    (again,) = gallery.entries(record.parent, ["slide17"], quick=True)
    assert again.seconds == -1
    record.write_text(json.dumps(kept | {"code": "another", "seconds": -1.0}))
    (anew,) = gallery.entries(record.parent, ["slide17"], quick=True)
    assert anew.seconds > 0


def test_bad_words():
    with pytest.raises(ValueError, match="the word is 'true'; choose from holds"):
        Finding("true", "")
    with pytest.raises(SystemExit):
        cli.main(["talk", "--only", "slide07"])
    assert cli.main(["demo", "slide17", "--n", "32", "--quick"]) == 2


def test_net_has_exact_derivatives(rng):
    net = Net(3)
    theta = net.start(rng)
    each, H = net.gradients(theta), net.hessian(theta)
    assert each.shape == (150, net.d)
    step = 1e-5
    for k in range(0, net.d, 5):
        e = step * np.eye(net.d)[k]
        slope = (net.loss(theta + e) - net.loss(theta - e)) / (2 * step)
        assert each.mean(axis=0)[k] == pytest.approx(slope, abs=1e-8)
        g = [net.gradients(theta + s * e).mean(axis=0) for s in (1, -1)]
        np.testing.assert_allclose(H[k], (g[0] - g[1]) / (2 * step), atol=1e-8)


def test_printed_statistics_are_impossible_over_all_eigenvalues():
    from fokkerplanck.demos.talk.slide17_noise_spectra import REPORTED

    for mean, deviation, share in REPORTED.values():
        assert deviation / mean < least_ratio(share) / 4
