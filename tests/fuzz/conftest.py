"""How many cases: few and the same ones every time here, many and new ones by `make fuzz`."""

import os

from hypothesis import HealthCheck, settings

COMMON = {
    "deadline": None,
    "print_blob": True,
    "suppress_health_check": [HealthCheck.too_slow, HealthCheck.data_too_large],
}
settings.register_profile("quick", max_examples=12, derandomize=True, database=None, **COMMON)
settings.register_profile(
    "deep", max_examples=int(os.environ.get("FUZZ_CASES", "500")), database=None, **COMMON
)
if settings.get_current_profile_name() != "deep":
    settings.load_profile("quick")
