"""Results out of datasets and netCDF files: equal to those that went in, or refused."""

import subprocess
import sys

import numpy as np
import pytest
import xarray

import fokkerplanck as fp
from fokkerplanck.domain.datasets import BYTE, PACKED
from tests.conftest import ROOT
from tests.test_pickling import GRID, PROBLEM, START, differences
from tests.test_saved_results import LOST, RESULTS

PLANE = fp.Grid([(-3, 3), (-3, 3)], 12)
TURNING = fp.Problem(PLANE, drift=lambda x, y: (-x + 2 * y, -y - 2 * x))
CUBE = fp.Problem(fp.Grid([(-2, 2)] * 3, 6), f=lambda x, y, z: x**2 + y**2 + z**2 / 2)


def eventful():
    """Run with densities between the output times, and with an event."""
    mean = lambda _, rho: GRID.integrate(GRID.x[0] * rho) + 0.1  # noqa: E731
    start, words = fp.gaussian(GRID, -0.7, 0.1), {"dense": True, "events": mean}
    return fp.solve(PROBLEM, start, [0, 1, 2], fp.Implicit(), **words)


def failing(k):
    """Problem of a sweep, which negative k has not."""
    return fp.Problem(GRID, f=lambda x: k * x**2, kT=k)


MORE = {
    "complex spectrum": lambda: fp.spectrum(TURNING, 4),
    "steady state in the plane": lambda: fp.steady_state(TURNING),
    "steady state in space": lambda: fp.steady_state(CUBE),
    "eventful solution": eventful,
    "run of the fifth-order flux": lambda: fp.solve(TURNING, fp.uniform(PLANE), 0.1,
                                                    scheme="upwind5"),
    "run without a steady state": lambda: fp.solve(PROBLEM, START, 0.1, steady=False),
    "sweep with failures": lambda: fp.sweep(failing, {"k": [1.0, -1.0]},
                                            lambda p: {"z": np.array([1j, p.kT])}),
}  # fmt: skip
ALL = RESULTS | MORE


@pytest.fixture(scope="module", params=ALL)
def pair(request):
    """A result and its dataset."""
    result = ALL[request.param]()
    return result, result.to_xarray()


def assert_equal(found, result):
    """Every field is the same to the last bit, but functions."""
    unlike = [w for w in differences(result, found) if not w.startswith(LOST)]
    assert unlike in ([], ["value.stats"])  # numbers of numpy come back as those of Python
    assert (repr(found), str(found)) == (repr(result), str(result))


def test_a_result_comes_back_from_its_dataset(pair):
    result, data = pair
    assert_equal(fp.from_xarray(data), result)
    assert_equal(fp.from_xarray(data.copy(deep=True)), result)


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
def test_a_result_comes_back_from_its_netcdf_file(engine, pair, tmp_path):
    result, data = pair
    data.to_netcdf(tmp_path / "result.nc", engine=engine)
    assert_equal(fp.load(tmp_path / "result.nc"), result)


def test_the_file_is_told_by_its_content(tmp_path):
    state = fp.steady_state(TURNING)
    state.to_xarray().to_netcdf(tmp_path / "state.npz", engine="h5netcdf")
    assert_equal(fp.load(tmp_path / "state.npz"), state)
    assert_equal(fp.load(state.save(tmp_path / "state.nc")), state)


def test_errors_that_were_looked_at_are_kept():
    state = fp.steady_state(TURNING)
    assert state.error_estimate > 0
    assert fp.from_xarray(state.to_xarray()).error_estimate == state.error_estimate


def test_densities_in_files_are_in_the_dataset(tmp_path):
    run = fp.solve(PROBLEM, START, [0, 0.1, 0.2], checkpoint=tmp_path / "run")
    data = run.to_xarray()
    np.testing.assert_array_equal(data.rho, np.asarray(run.rho))
    found = fp.from_xarray(data)
    assert isinstance(found.rho, np.ndarray)
    np.testing.assert_array_equal(found.rho, np.asarray(run.rho))


READ = """
import sys
import fokkerplanck as fp
for path in sys.argv[1:]:
    found = fp.load(path)
    print(type(found).__name__, found.to_xarray().attrs["result"], sep=": ")
    found.save(path + ".npz")
"""


@pytest.mark.slow
def test_a_fresh_process_reads_them(tmp_path):
    results = [ALL[name]() for name in ("complex spectrum", "eventful solution", "verdicts")]
    paths = [tmp_path / f"{k}.nc" for k in range(3)]
    for path, result in zip(paths, results, strict=True):
        result.to_xarray().to_netcdf(path, engine="h5netcdf")
    done = subprocess.run(
        [sys.executable, "-c", READ, *map(str, paths)],
        capture_output=True, text=True, check=False, cwd=ROOT,
    )  # fmt: skip
    said = [f"{type(result).__name__}: {result!r}" for result in results]
    assert done.stdout == "\n".join([*said, ""]), done.stderr
    for path, result in zip(paths, results, strict=True):
        assert_equal(fp.load(f"{path}.npz"), result)


def test_compression_and_what_is_added_do_no_harm(tmp_path):
    state = fp.steady_state(TURNING)
    data = state.to_xarray().assign(note=("x", np.ones(12))).assign_attrs(author="somebody")
    data = data.drop_vars(["J", "Phi"]).transpose(..., "x")
    less = {name: {"zlib": True} for name in ("rho", PACKED)}
    data.to_netcdf(tmp_path / "state.nc", engine="h5netcdf", encoding=less)
    assert_equal(fp.load(tmp_path / "state.nc"), state)


# --- what is not as it was made ------------------------------------------------------------------


def with_byte(data, k, value):
    """Dataset whose packed bytes have one that is another."""
    packed = data[PACKED].values.copy()
    packed[k] = value
    return data.assign_coords({PACKED: (BYTE, packed)})


STATE = fp.steady_state(TURNING)
SPOILT = {
    "a digit": (lambda d: d.assign(rho=d.rho * (1 + 1e-15)), "rho is not what .to_xarray"),
    "a derived array": (lambda d: d.assign(J=2 * d.J), "J is not what .to_xarray"),
    "a coordinate": (lambda d: d.assign_coords(x=d.x + 1), "x is not what .to_xarray"),
    "a width": (lambda d: d.assign_coords(width_y=2 * d.width_y), "width_y is not what"),
    "a part": (lambda d: d.isel(x=slice(3)), "is not what .to_xarray"),
    "a mean": (lambda d: d.mean("y"), "is not what .to_xarray|lacks 'log_rho'"),
    "arithmetic": (lambda d: 2 * d, "is not what .to_xarray"),
    "single precision": (lambda d: d.astype("float32"), "is not what .to_xarray"),
    "other cells": (lambda d: d.sortby("x", ascending=False), "is not what .to_xarray"),
    "words for numbers": (lambda d: d.assign(rho=("x", ["a"] * 12)), "rho is not what"),
    "an attribute": (lambda d: d.assign_attrs(beta=2.0), "attribute beta is not what"),
    "an attribute in words": (lambda d: d.assign_attrs(beta="one"), "attribute beta is not what"),
    "a variable gone": (lambda d: d.drop_vars("log_rho"), "lacks 'log_rho'"),
    "a variable renamed": (lambda d: d.rename(log_rho="l"), "lacks 'log_rho'"),
    "nothing packed": (lambda d: d.drop_vars(PACKED), "does not hold a whole result"),
    "packed numbers": (lambda d: d.assign_coords({PACKED: 3.0}), "not a row of bytes"),
    "too few bytes": (lambda d: d.isel({BYTE: slice(-900)}), "is damaged"),
    "no bytes": (lambda d: d.isel({BYTE: slice(0)}), "is damaged"),
    "a byte": (lambda d: with_byte(d, 3000, 77), "damaged"),
    "a first byte": (lambda d: with_byte(d, 0, 77), "damaged"),
    "nothing at all": (lambda _: xarray.Dataset(), "does not hold a whole result"),
}


@pytest.mark.parametrize("damage", SPOILT)
def test_changed_datasets_and_their_files_are_refused(damage, tmp_path):
    spoil, words = SPOILT[damage]
    data = spoil(STATE.to_xarray())
    with pytest.raises(ValueError, match=rf"^[^\n]*the dataset[^\n]*({words})[^\n]*$"):
        fp.from_xarray(data)
    data.to_netcdf(tmp_path / "bad.nc", engine="h5netcdf")
    with pytest.raises(ValueError, match=rf"^[^\n]*bad\.nc[^\n]*({words})[^\n]*$"):
        fp.load(tmp_path / "bad.nc")


@pytest.mark.parametrize("engine", ["h5netcdf", "scipy"])
@pytest.mark.parametrize("damage", ["half", "head alone", "flipped"])
def test_damaged_files_are_refused(damage, engine, tmp_path):
    path = tmp_path / "bad.nc"
    STATE.to_xarray().to_netcdf(path, engine=engine)
    whole = path.read_bytes()
    k = whole.index(STATE.log_rho.astype("<f8" if engine == "h5netcdf" else ">f8").tobytes())
    flipped = whole[:k] + bytes(b ^ 1 for b in whole[k : k + 8]) + whole[k + 8 :]
    cuts = {"half": whole[: len(whole) // 2], "head alone": whole[:40], "flipped": flipped}
    path.write_bytes(cuts[damage])
    with pytest.raises(ValueError, match=r"^[^\n]*bad\.nc[^\n]*$"):
        fp.load(path)


def test_foreign_files_are_refused(tmp_path):
    for engine in ("h5netcdf", "scipy"):
        path = tmp_path / f"{engine}.nc"
        xarray.Dataset({"rho": ("x", np.ones(3))}).to_netcdf(path, engine=engine)
        with pytest.raises(ValueError, match=f"{engine}.nc does not hold a whole result"):
            fp.load(path)


def test_answers_that_are_results_cannot_be_packed():
    sweep = fp.sweep(failing, {"k": [1.0, 2.0]}, fp.steady_state)
    data = sweep.to_xarray()
    assert data.value.dims == ("k",)
    with pytest.raises(ValueError, match=r"the dataset does not hold .* value holds results"):
        fp.from_xarray(data)


@pytest.mark.parametrize("given", [None, "run.nc", 3, np.ones(3), STATE, {}])
def test_what_is_no_dataset_is_refused(given):
    with pytest.raises(ValueError, match=r"dataset is .*give an xarray.Dataset"):
        fp.from_xarray(given)


def test_newer_versions_are_told(monkeypatch):
    monkeypatch.setattr("fokkerplanck.domain.storage.SCHEMA", 99)
    data = STATE.to_xarray()
    monkeypatch.undo()
    with pytest.raises(ValueError, match="update fokkerplanck"):
        fp.from_xarray(data)


def test_without_xarray_the_extra_is_named(monkeypatch, tmp_path):
    STATE.to_xarray().to_netcdf(tmp_path / "state.nc", engine="h5netcdf")
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"pip install 'fokkerplanck-grid\[xarray\]'"):
        fp.load(tmp_path / "state.nc")
    with pytest.raises(ImportError, match=r"from_xarray needs xarray.*grid\[xarray\]'"):
        fp.from_xarray(None)
    with pytest.raises(ImportError, match=r"grid\[xarray\]'"):
        fp.sweep(failing, {"k": [1.0]}, lambda p: p.kT).to_xarray()
