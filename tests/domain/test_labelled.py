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


def test_what_has_no_grid_has_its_own_axes():
    verdicts = fp.theorems.verify(PROBLEM)
    data = verdicts.to_xarray()
    assert data.outcome.dims == ("verdict",)
    assert data.outcome.sel(verdict="h_theorem").item() == verdicts["h_theorem"].outcome
    model = fp.sgd.LeastSquares(np.eye(5), np.arange(5.0))
    swarm = fp.sgd.run(model, np.zeros(5), 0.1, 1, 6, n_particles=4, thin=2).to_xarray()
    assert swarm.samples.dims == ("snapshot", "particle", "component")
    assert dict(swarm.sizes) | {"fokkerplanck_byte": 0} == {
        "snapshot": 3, "particle": 4, "component": 5, "fokkerplanck_byte": 0,
    }  # fmt: skip


def test_equal_sizes_do_not_mix_axes_up():
    """As many times or particles as cells, and as many times as axes."""
    grid = fp.Grid([(-2, 2)], 8)
    problem = fp.Problem(grid, f=lambda x: x**2 / 2)
    run = fp.solve(problem, fp.gaussian(grid, 0, 0.3), np.arange(8.0)).to_xarray()
    assert run.mass.dims == ("t",)
    assert run.log_rho_inf.dims == ("x",)
    paths = fp.sde.simulate(problem, np.zeros((8, 1)), 0.1, dt=0.01).to_xarray()
    assert paths.exit_time.dims == ("particle",)
    plane = fp.Grid([(0, 1), (0, 1)], 8)
    wall = fp.Problem(plane, drift=lambda x, y: (0.6 - x, 0.6 - y), D=lambda x, y: (x, y))
    run = fp.solve(wall, fp.uniform(plane), [0, 1])
    assert run.centroids is not None
    assert run.to_xarray().centroids.dims == ("component", "x", "y")


def test_complex_numbers_come_in_two_parts():
    grid = fp.Grid([(-3, 3), (-3, 3)], 12)
    modes = fp.spectrum(fp.Problem(grid, drift=lambda x, y: (-x + 2 * y, -y - 2 * x)), 4)
    data = modes.to_xarray()
    assert np.iscomplexobj(modes.eigenvalues)
    assert data.right.dims == ("mode", "x", "y", "part")
    np.testing.assert_array_equal(data.eigenvalues.sel(part="imag"), modes.eigenvalues.imag)
    np.testing.assert_array_equal(data.right.sel(part="real"), modes.right.real)


def test_without_xarray_the_extra_is_named(monkeypatch):
    found = builtins.__import__
    monkeypatch.setitem(sys.modules, "xarray", None)
    with pytest.raises(ImportError, match=r"pip install 'fokkerplanck-grid\[xarray\]'"):
        fp.quasi_stationary(fp.Problem(fp.Grid([(0, 1)], 9, sides="absorbing"))).to_xarray()
    assert builtins.__import__ is found
    assert GRID.size == 40
