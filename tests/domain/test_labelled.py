"""Results as datasets: named axes, the same numbers, files that a fresh process opens."""

import builtins
import subprocess
import sys

import numpy as np
import pytest

import fokkerplanck as fp
from tests.test_pickling import GRID, MAKERS, PROBLEM

PLANE = fp.steady_state(
    fp.Problem(
        fp.Grid([(-2, 2), np.linspace(-1.2, 1.2, 17) ** 3], 16),
        drift=lambda x, y: (-x + y, -y - x),
        D=(1, 0.5),
    )
)


def test_axes_have_names():
    data = PLANE.to_xarray()
    assert data.rho.dims == ("x", "y")
    assert data.J.dims == ("component", "x", "y")
    assert list(data.component) == ["x", "y"]
    np.testing.assert_array_equal(data.rho, PLANE.rho)
    np.testing.assert_array_equal(data.y, PLANE.grid.centers[1])
    assert float((data.rho * data.width_x * data.width_y).sum()) == pytest.approx(1, abs=1e-14)
    assert data.x.attrs["units"] == "1"
    assert data.attrs["scheme"] == PLANE.stats.scheme
    assert data.attrs["beta"] == 1
    middle = float(data.rho.sel(x=0.3, method="nearest").isel(y=4))
    assert middle == PLANE.rho[np.argmin(abs(PLANE.grid.centers[0] - 0.3)), 4]


@pytest.mark.parametrize(
    ("name", "dims"),
    {
        "solution": {"rho": ("t", "x"), "mass": ("t",), "free_energy": ("t",)},
        "spectrum": {"right": ("mode", "x"), "eigenvalues": ("mode",)},
        "passage": {"mean": ("x",), "variance": ("x",)},
        "committor": {"forward": ("x",), "current": ("component", "x")},
        "exits": {"probability": ("set", "x"), "rest": ("x",)},
        "quasi-stationary": {"rho": ("x",), "exit_law": ("x",)},
        "backward": {"u": ("t", "x")},
        "transport": {"map": ("component", "x"), "potentials": ("end", "x"), "rho0": ("x",)},
    }.items(),
)
def test_every_result_has_a_dataset(name, dims):
    result = MAKERS[name]()
    data = result.to_xarray()
    for entry, expected in dims.items():
        assert data[entry].dims == expected
        np.testing.assert_array_equal(data[entry], getattr(result, entry))


def test_netcdf_gives_the_numbers_back(tmp_path):
    PLANE.to_xarray().to_netcdf(tmp_path / "plane.nc", engine="h5netcdf")
    program = (
        "import sys, xarray\ndata = xarray.load_dataset(sys.argv[1], engine='h5netcdf')\n"
        "print(data.rho.dims, float(data.rho.max()).hex(), data.attrs['scheme'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "plane.nc")],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.split()[-2:] == [float(PLANE.rho.max()).hex(), PLANE.stats.scheme]


def test_verdicts_have_no_axes():
    with pytest.raises(ValueError, match="a Verdict has no grid"):
        fp.theorems.h_theorem(PROBLEM).to_xarray()


def test_without_xarray_the_extra_is_named(monkeypatch):
    found = builtins.__import__
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"pip install 'fokkerplanck-grid\[xarray\]'"):
        fp.quasi_stationary(fp.Problem(fp.Grid([(0, 1)], 9, sides="absorbing"))).to_xarray()
    assert builtins.__import__ is found
    assert GRID.size == 40
