"""Problems in text files: TOML with formulas, and the questions that are asked of them."""

from fokkerplanck.problem_files.mistakes import ProblemFileError
from fokkerplanck.problem_files.reader import ProblemFile, read_problem
from fokkerplanck.problem_files.templates import TEMPLATES, template

__all__ = ["TEMPLATES", "ProblemFile", "ProblemFileError", "read_problem", "template"]
