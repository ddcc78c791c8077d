"""Where the sample data lies: inventory, jobs and transcripts that `vctui demo` works with."""

from __future__ import annotations

from pathlib import Path

from vctui.errors import DataError


def sample_data_dir() -> Path:
    """The folder `sample_data`: inside the package in a wheel, beside it in a checkout.

    Raises DataError when neither is there.
    """
    package = Path(__file__).resolve().parent
    for folder in (package / "sample_data", package.parent / "sample_data"):
        if (folder / "inventory.csv").is_file():
            return folder
    raise DataError(f"the sample data is missing from {package}", "Install vctui again")
