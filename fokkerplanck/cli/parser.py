"""The commands and their options; nothing is loaded to read them."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NoReturn

from fokkerplanck.cli import words
from fokkerplanck.version import __version__

#: Commands: what each does, and an example.
COMMANDS = {
    "run": ("answer everything that a problem file asks", "run well.toml --out well"),
    "steady": ("find the steady state", "steady gyrator --n 32"),
    "solve": ("evolve a density", "solve double_well --t 0,0.5,1 --n 32"),
    "spectrum": ("find the slowest modes", "spectrum double_well --k 4 --n 32"),
    "mfpt": (
        "find mean first passage times",
        'mfpt double_well --target "x + 1" --at 1,0 --n 32',
    ),
    "plot": ("draw pictures", "plot gyrator --n 32 --what density,current"),
    "sweep": ("ask one number at many parameters", "sweep gyrator kT=0.1,0.2 --n 24"),
    "verify": (
        "check the statements of the theory on a problem",
        "verify example_19 --quick --n 24",
    ),
    "new": ("write a commented problem file to begin with", "new double-well"),
    "info": ("tell versions, threads, compiled code and memory", "info --json"),
    "demo": ("run a demonstration: a table and a picture", "demo sgd --quick"),
    "talk": ("compute every slide of the talk on one page", "talk --quick --only slide17"),
    "warmup": ("compile all kernels now, for fast first calls", "warmup"),
}
_STEADY = ("auto", "markov", "log", "upwind5")
_SOLVE = ("auto", "markov", "upwind5", "well_balanced", "phase_space")
_RATES = ("auto", "markov", "upwind5", "phase_space")


class Parser(argparse.ArgumentParser):
    """Says what is wrong in one sentence, and where to read more."""

    def error(self, message: str) -> NoReturn:
        """End the program with status 2."""
        found = re.match(r"argument (.+?): (.*)", message, re.DOTALL)
        if found and found[1].startswith("-"):
            message = f"{found[1]}: {found[2]}"
        elif found:
            message = found[2]
        print(f"{self.prog}: {message}; see {self.prog} --help", file=sys.stderr)
        raise SystemExit(2)


def parsed(arguments: Sequence[str]) -> argparse.Namespace:
    """Options of a command line; ends the program with status 2 where it is wrong."""
    parser, commands = build()
    command = next((word for word in arguments if not word.startswith("-")), None)
    if command is not None and command not in COMMANDS and arguments[0] == command:
        hint = words.nearest(command, COMMANDS)
        parser.error(f"there is no command {command!r:.40}{hint} ({', '.join(COMMANDS)})")
    options, left = parser.parse_known_args(arguments)
    if not left:
        return options
    own = commands[options.command]
    # argparse takes the list of parameters for closed at the first option that follows.
    if hasattr(options, "parameters") and not any(word.startswith("-") for word in left):
        try:
            options.parameters = [*options.parameters, *map(words.assignment, left)]
        except argparse.ArgumentTypeError as error:
            own.error(str(error))
        return options
    wrong = next((word for word in left if word.startswith("-")), left[0])
    name = wrong.partition("=")[0]
    known = re.findall(r"--[a-z][\w-]*", own.format_help())
    what = "there is no option" if name.startswith("-") else "too much is given:"
    return own.error(f"{what} {name!r:.40}{words.nearest(name, known)}")


def build() -> tuple[Parser, dict[str, Parser]]:
    """Parser of all, and those of the commands."""
    parser = Parser(
        prog="fokkerplanck",
        description="Fokker-Planck equations on grids, at the command line.",
        epilog="Example: fokkerplanck steady gyrator --n 32",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"fokkerplanck {__version__}")
    choices = parser.add_subparsers(required=True, metavar="command", dest="command")
    made: dict[str, Parser] = {}
    for name, (text, example) in COMMANDS.items():
        made[name] = choices.add_parser(
            name,
            help=text,
            description=f"{text[0].upper()}{text[1:]}.",
            epilog=f"Example: fokkerplanck {example}",
            allow_abbrev=False,
        )
    for name in ("run", "steady", "solve", "spectrum", "mfpt", "plot", "sweep"):
        _question(made[name], name)
    _verify(made["verify"])
    _new(made["new"])
    _info(made["info"])
    _demo(made["demo"])
    _talk(made["talk"])
    made["warmup"].set_defaults(run="presentations:warmup")
    return parser, made


def _subject(parser: Parser, is_file: bool = False) -> None:
    """Add a problem file or a reference problem, and its parameters."""
    if is_file:
        parser.add_argument("subject", metavar="FILE", type=words.problem_file, help="problem file")
    else:
        parser.add_argument(
            "subject",
            metavar="FILE-or-NAME",
            type=words.problem,
            help="problem file, or a code or constructor of the zoo such as R2 or gyrator",
        )
    parser.add_argument(
        "parameters",
        nargs="*",
        metavar="name=value",
        type=words.assignment,
        help="parameters of the file, or arguments of the constructor, in place of its own",
    )
    parser.add_argument("--n", type=words.at_least(8), help="grid cells per axis")
    parser.add_argument("--json", action="store_true", help="print numbers as JSON, all digits")
    parser.add_argument(
        "--python", action="store_true", help="let the file call Python functions that it names"
    )


def _question(parser: Parser, name: str) -> None:
    """Add what all questions take, and what this one does."""
    _subject(parser, is_file=name == "run")
    parser.add_argument("--out", type=Path, help=f"folder for the files, default NAME-{name}")
    parser.add_argument("--force", action="store_true", help="write into a folder that is there")
    parser.add_argument("--quiet", action="store_true", help="print no table")
    parser.add_argument("--show", action="store_true", help="show the pictures on the screen")
    if name in ("run", "solve", "sweep"):
        parser.add_argument("--resume", action="store_true", help="go on in the folder of --out")
    schemes = {"steady": _STEADY, "solve": _SOLVE, "spectrum": _RATES, "mfpt": _RATES}
    if name in schemes:
        parser.add_argument("--scheme", type=words.chosen(schemes[name]), help="as in the library")
    if name == "solve":
        parser.add_argument("--t", type=words.times, help="output times: 0,1,2, or the last one")
        parser.add_argument("--start", help='density at t = 0, a formula; "uniform"')
    elif name == "spectrum":
        parser.add_argument("--k", type=words.at_least(2), help="number of modes")
    elif name == "mfpt":
        parser.add_argument("--target", help="formula that is at most 0 in the set to be reached")
        parser.add_argument("--at", type=words.numbers, help="print the time from a point: 1,0")
    elif name == "plot":
        kinds = words.several(words.DRAWN)
        parser.add_argument("--what", type=kinds, help=f"some of {', '.join(words.DRAWN)}")
    elif name == "sweep":
        parser.add_argument(
            "--ask",
            type=words.chosen(words.ASKED),
            help=f"{', '.join(words.ASKED)}; entropy_production where nothing is said",
        )
    parser.set_defaults(run="questions:answered")


def _verify(parser: Parser) -> None:
    """Add the options of ``verify``, whose name may be left out with ``--list``."""
    parser.add_argument(
        "--list", action=_ListProblems, nargs=0, help="list statements and problems"
    )
    _subject(parser)
    parser.add_argument("--quick", action="store_true", help="on a coarse grid")
    parser.add_argument("--only", type=words.several(STATEMENTS), help="some statements, a,b")
    parser.set_defaults(run="verifying:verified")


class _ListProblems(argparse.Action):
    """Print the statements and the names of the reference problems, and end, as --help does."""

    def __call__(self, parser: argparse.ArgumentParser, *_: Any) -> None:
        width = max(map(len, STATEMENTS))
        print("statements, for --only:")
        for name, claim in STATEMENTS.items():
            print(f"  {name:<{width}}  {claim}")
        print("\nreference problems, by code or constructor:")
        for code, name in words.problem_names().items():
            print(f"  {code:<5}  {name}")
        parser.exit()


def _new(parser: Parser) -> None:
    """Add the options of ``new``."""
    parser.add_argument("name", nargs="?", default="double-well", help="template")
    parser.add_argument("--list", action="store_true", help="list the templates")
    parser.add_argument("--out", type=Path, help="file, default NAME.toml")
    parser.set_defaults(run="surroundings:new")


def _info(parser: Parser) -> None:
    """Add the options of ``info``."""
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.set_defaults(run="surroundings:info")


def _demo(parser: Parser) -> None:
    """Add the options of ``demo``."""
    which = parser.add_mutually_exclusive_group(required=True)
    which.add_argument("name", nargs="?", type=words.demonstration, help="which one")
    which.add_argument("--list", action="store_true", help="list the demonstrations")
    parser.add_argument("--n", type=words.at_least(16), default=None, help="grid cells per axis")
    parser.add_argument("--out", type=words.picture, help="picture, default fokkerplanck-NAME.png")
    parser.add_argument("--seed", type=words.at_least(0), default=0, help="of the random numbers")
    parser.add_argument("--quick", action="store_true", help="coarse and noisy, in a few seconds")
    parser.set_defaults(run="presentations:demo")


def _talk(parser: Parser) -> None:
    """Add the options of ``talk``."""
    parser.add_argument("--out", type=Path, default=Path("talk"), help="folder, default talk")
    parser.add_argument("--only", nargs="+", type=words.slide, metavar="slideNN")
    parser.add_argument("--markdown", type=Path, help="also write the page in Markdown here")
    parser.add_argument("--seed", type=words.at_least(0), default=0, help="of the random numbers")
    parser.add_argument("--quick", action="store_true", help="coarse and noisy")
    parser.set_defaults(run="presentations:talk", going_on="the same command goes on from there")


#: Statements of the theory as claims that are true or not.
STATEMENTS = {
    "sgd_temperature": "minibatch SGD has the covariance of the steady state at kT = eta/2b",
    "stationarity": "in the steady state div(j rho) = 0",
    "assumption_4": "div j = 0 (Assumption 4)",
    "h_theorem": "the free energy never rises",
    "potential_is_loss": "the potential is the loss, Phi = f",
    "closed_orbits": "orbits of x' = j are closed and leave F alone",
    "jko_lyapunov": "the flow is the gradient flow of F",
    "information_bottleneck": "E f + kT KL(rho|uniform) never rises",
    "linear": "a linear drift has F = (D + Q) U, Q and U unique",
    "a_type": "g = (D + Q) grad Phi - kT div(D + Q)",
    "critical_points": "the most likely points are the zeros of the drift",
    "entropy_production": "entropy production = housekeeping + excess, both >= 0",
    "fluctuation_dissipation": "<x.g> = kT <tr D>",
    "acceleration": "circulation does not slow relaxation down",
    "kramers": "Kramers' rates are those of the wells",
}
