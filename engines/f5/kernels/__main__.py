"""Compiles the fused kernels, where the image is built: `python -m engines.f5.kernels [FOLDER]`."""

import argparse
from pathlib import Path

from engines.f5.kernels.build import build
from engines.f5.kernels.compiled import FOLDER


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m engines.f5.kernels", description="Compile the fused kernels for every card; needs no GPU."
    )
    parser.add_argument(
        "folder",
        nargs="?",
        type=Path,
        default=FOLDER,
        help="where to, in place of kernels that are there (default: %(default)s)",
    )
    folder = parser.parse_args().folder
    index = build(folder)
    size = sum((folder / one.file).stat().st_size for one in index.kernels)
    print(f"{len(index.kernels)} kernels, {size / 1e6:.2f} MB, by Triton {index.triton} in {folder}")


if __name__ == "__main__":
    main()
