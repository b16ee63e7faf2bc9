"""Sizes at which one way to solve gives place to another, by dimension where it matters.

Every choice is made by sizes alone, never by timings (docs/decisions.md, 15b). Each comment says
what is counted and where the number comes from; rows of tables are those of docs/benchmarks.md.
`kernels.threads.LARGE`, from which a kernel is shared among threads, stands with the kernels.
"""

from __future__ import annotations

import math

#: What is counted, by the number of axes of the grid.
ByDimension = dict[int, float]

# --- Steady states -------------------------------------------------------------------------------

#: Cells from which multigrid finds stationary masses faster than elimination does ("Time":
#: as fast at 128² and three times as fast at 256² and 32³, rows "rotating OU"; as fast at 256²,
#: rows "turning D, kappa 100").
STEADY_MULTILEVEL_FROM: ByDimension = {1: math.inf, 2: 50_000, 3: 8_000}
#: Cells of the grid on which nested iteration starts, by elimination: 64² and 14³.
STEADY_COARSEST: ByDimension = {1: 4096, 2: 4096, 3: 2744}
#: Lumps of cells whose weights are found by elimination: one grid of 64².
STEADY_LUMPS = 4096
#: Cells below which the Krylov space of a correction keeps 40 directions (32 MB), not 12.
STEADY_MANY_DIRECTIONS_BELOW = 100_000
#: Cells up to which Newton's steps by multigrid, if they fail, are followed by factorisations.
NEWTON_FACTORISED: ByDimension = {1: math.inf, 2: 300_000, 3: 30_000}
#: Work of one such step in the whole box over that of the Markov state. Planes of 1e4 cells: 1.2 on
#: a quiet machine, 2 to 3 on a busy one; on lines assumed; in space no levels are tried.
NEWTON_STEP: ByDimension = {1: 1.0, 2: 1.5}
#: Cells up to which a solution that comes slowly is waited for: 64², a few seconds.
NEWTON_PATIENT = 4096

# --- Time stepping -------------------------------------------------------------------------------

#: Cells up to which implicit steps are factorised. Fill grows like n log n in the plane and like
#: n^(4/3) in space; docs/how-to-choose.md has the memory a cell of either way.
IMPLICIT_FACTORISED: ByDimension = {1: math.inf, 2: 1_500_000, 3: 50_000}
#: Cells up to which matrices of linear fluxes of high order are factorised: 13 entries a row in the
#: plane (160²: 1 s), and in space fill that no memory holds (28³: 32 s).
WIDE_FACTORISED: ByDimension = {1: math.inf, 2: 150_000, 3: 4_000}
#: Solves that take as long as one factorisation: a longer step has to save as many.
SOLVES_PER_FACTORISATION: ByDimension = {1: 10, 2: 20, 3: 60}
#: Cells up to which Newton's matrices of JKO steps on edges are preconditioned by factors.
JKO_FACTORISED: ByDimension = {1: math.inf, 2: 10_000, 3: 6_000}
#: Cells times products of uniformisation up to which nothing better is looked for: about 7 ms.
UNIFORMISATION_CHEAP = 5e6
#: The same where the result is to be exact to rounding, which uniformisation guarantees: 70 ms.
UNIFORMISATION_CHEAP_EXACT = 5e7
#: Products of anything else beyond which Krylov spaces are taken: a factorisation and some thirty
#: solves cost about as much ("evolution", rows "double well": 0.1 s at 128², 1 s at 256², 2 s at
#: 32³).
KRYLOV_FROM_PRODUCTS: ByDimension = {1: 1e4, 2: 2e4, 3: 1e6}
#: Cells up to which Krylov spaces may factorise; in space 500 numbers a cell and more.
KRYLOV_FACTORISED: ByDimension = {1: math.inf, 2: math.inf, 3: 50_000}
#: Products of uniformisation below which a part of a span is not tried by Krylov spaces again.
KRYLOV_SHORTEST = 5_000

#: Cells up to which the exponential of the generator may be a matrix, by squarings in two-fold
#: precision: 3 ms each at 64 cells, and the logarithm of rate times time of them.
DENSE_EXPONENTIAL = 64
#: Products or steps of any kind that a run may ask for; 1e9 on 30 cells take minutes.
MOST_STEPS = 1e9

# --- Passage times and expectations --------------------------------------------------------------

#: Cells from which passage times, committors and exits are solved for by multigrid. Elimination
#: keeps every digit whatever the barrier, so that it is kept for longer than in steady states.
PASSAGE_MULTILEVEL_FROM: ByDimension = {1: math.inf, 2: 200_000, 3: 20_000}
#: Cells up to which the backward equation may factorise.
BACKWARD_FACTORISED: ByDimension = {1: math.inf, 2: 300_000, 3: 50_000}

#: Cells up to which the matrix of the fifth-order flux is factorised as it is: 13 entries a row in
#: the plane, 19 and more in space (1 s at 160², 10 s at 320²; 32 s at 28³).
LINEAR_FLUX_FACTORISED: ByDimension = {1: math.inf, 2: 300_000, 3: 10_000}

# --- Multigrid and Krylov spaces -----------------------------------------------------------------

#: Cells at which lumping stops, and a sparse factorisation solves.
AGGREGATION_COARSEST = 400
#: Cells up to which a level of multigrid on grids is solved directly; a line counts as a plane.
GRID_COARSEST: ByDimension = {2: 256, 3: 512}
#: Cells below which a level of multigrid on grids is swept in one block, hence by one thread.
GRID_SERIAL = 8192
#: Cells from which threads pay in orthogonalisations and in cycles of aggregation.
THREADS_FROM = 60_000
