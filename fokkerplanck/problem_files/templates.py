"""Problem files to begin with, with a comment on every line that may be changed."""

from __future__ import annotations

from fokkerplanck.problem_files.checks import unknown

_DOUBLE_WELL = """\
# fokkerplanck run FILE answers all that is asked below; fokkerplanck steady FILE kT=0.1 one thing.
title = "Two wells with a barrier between them"

[grid]
box = [[-2.5, 2.5]]        # [lower, upper] for each axis
shape = 200                # cells per axis
sides = "reflecting"       # or "absorbing", "periodic"

[parameters]               # names for the formulas; other values: kT=0.1 on the command line
tilt = 0.1
kT = { value = 0.2, min = 0.05, max = 1, scale = "log" }

[problem]                  # drift -grad f, noise of temperature kT
f = "(x^2 - 1)^2/4 + tilt*x"
kT = "kT"

[steady]                   # where it ends up

[spectrum]                 # how fast it gets there
k = 4

[mfpt]                     # how long it takes to reach the left well
target = { box = [[-2.5, -1]] }

[sweep]                    # one number at many parameters
parameters = { kT = [0.2, 0.3, 0.4] }
ask = "gap"

[plot]
what = ["density", "spectrum"]
"""

_GYRATOR = """\
title = "Brownian gyrator: two temperatures in one valley"

[grid]
box = [[-3, 3], [-3, 3]]
shape = [48, 48]

[parameters]
c = 0.5                    # coupling; without it nothing turns
hot = { value = 1, min = 0.1, max = 2 }
cold = 0.2

[problem]
f = "(x^2 + y^2)/2 - c*x*y"
D = ["hot", "cold"]        # a diagonal; a matrix is [["hot", 0], [0, "cold"]]
kT = 0.25

[steady]

[verify]                   # which statements of the theory hold here
quick = true

[plot]
what = ["density", "current"]
"""

_LANGEVIN = """\
title = "Motion with inertia in a double well"

[grid]                     # position x and velocity v
box = [[-2.2, 2.2], [-2.5, 2.5]]
shape = [60, 60]

[parameters]
gamma = 0.5

[problem]
U = "(x^2 - 1)^2/4"        # potential energy of the position
gamma = "gamma"            # friction
mass = 1
kT = 0.1

[steady]

[solve]                    # from the right well, at rest
t = [0, 1, 2]
rho0 = { mean = [1, 0], cov = [0.05, 0.1] }

[mfpt]                     # time to get to the left well
target = { box = [[-2.2, -1], [-2.5, 2.5]] }

[plot]
what = ["density", "current"]
"""

_WRIGHT_FISHER = """\
title = "Gene frequencies with mutation both ways (Wright and Fisher)"

[grid]                     # the noise vanishes at both walls, which are classified by themselves
box = [[0, 1]]
shape = 100

[parameters]
u = 0.6                    # mutation away
v = 0.8                    # mutation back

[problem]
drift = ["v*(1 - x) - u*x"]
D = "x*(1 - x)/2"

[steady]

[solve]
t = [0, 0.5, 2]
rho0 = { mean = [0.3], cov = 0.01 }

[sweep]
parameters = { u = [0.6, 0.8] }
ask = "mean"

[plot]
what = ["density"]
"""

_OWN_DRIFT = """\
title = "A drift of one's own: a limit cycle"

[grid]
box = [[-3, 3], [-3, 3]]
shape = 60
# Graded axes list all faces of their cells, in place of the shape: box = [[-3, -1, 0, 1, 3], ...]

[parameters]
mu = 1
turn = 1

[problem]
drift = [                  # one formula per axis
    "mu*x - turn*y - x*(x^2 + y^2)",
    "mu*y + turn*x - y*(x^2 + y^2)",
]
D = [["1 + x^2/9", 0], [0, 1]]
kT = 0.2
calculus = "ito"           # or "stratonovich", "klimontovich"

[steady]

[solve]
t = [0, 0.5, 1]
rho0 = "exp(-(x - 1)^2/0.2 - y^2/0.2)"  # of any mass

[plot]
what = ["density", "current"]
"""

_REFERENCE = """\
title = "A reference problem with known answers"

[grid]
shape = 48                 # the box is that of the problem, where none is given

[parameters]
T = 0.1

[problem]
zoo = "gyrator"

[zoo]                      # arguments of fokkerplanck.zoo.gyrator
kT = "T"
d2 = 0.2

[steady]

[spectrum]
k = 4

[plot]
what = ["density", "current", "spectrum"]
"""

_RING = """\
title = "Overdamped motion on a tilted ring"

[grid]
box = [[0, "2*pi"]]        # numbers may be formulas of the parameters
shape = 128
sides = "periodic"

[parameters]
force = 0.5

[problem]
drift = ["sin(x) + force"]

[steady]

[jko]                      # steps of steepest descent; here with a current
t = [0, 0.2]
tau = 0.1
scheme = "edges"

[sweep]
parameters = { force = [0.5, 1] }
ask = "entropy_production"

[plot]
what = ["density", "current"]
"""

#: Files by name.
TEMPLATES = {
    "double-well": _DOUBLE_WELL,
    "gyrator": _GYRATOR,
    "langevin": _LANGEVIN,
    "wright-fisher": _WRIGHT_FISHER,
    "own-drift": _OWN_DRIFT,
    "reference": _REFERENCE,
    "ring": _RING,
}


def template(name: str = "double-well") -> str:
    """Text of a commented problem file.

    Parameters
    ----------
    name : {"double-well", "gyrator", "langevin", "wright-fisher", "own-drift", "reference", "ring"}

    Raises
    ------
    ValueError
        For another name.

    Examples
    --------
    >>> from fokkerplanck.problem_files import template
    >>> print(template("gyrator").splitlines()[0])
    title = "Brownian gyrator: two temperatures in one valley"
    """
    if not isinstance(name, str) or name not in TEMPLATES:
        raise ValueError(unknown("template", str(name), TEMPLATES))
    return TEMPLATES[name]
