"""The two packages and where they lie; everything else is in pyproject.toml.

`kernels/` itself must never become a package: a top-level `kernels` would shadow Hugging Face's.
"""

from setuptools import find_packages, setup

setup(
    packages=find_packages(include=["imap_fast*"]) + find_packages("kernels"),
    package_dir={"imap_fast": "imap_fast", "imap_kernels": "kernels/imap_kernels"},
)
