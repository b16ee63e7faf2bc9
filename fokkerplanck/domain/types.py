"""Names of types that the whole library uses."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray

#: What is computed: floats, whole numbers, truth values.
Array: TypeAlias = NDArray[np.float64]
Integers: TypeAlias = NDArray[np.integer]
Flags: TypeAlias = NDArray[np.bool_]
#: A field as a person gives it: numbers over the grid, or a function of the coordinates.
Field: TypeAlias = ArrayLike | Callable[..., ArrayLike]
#: A function of coordinate arrays, one of each axis.
Function: TypeAlias = Callable[..., Array]
