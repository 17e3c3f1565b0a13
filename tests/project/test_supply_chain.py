"""What the documented install takes from elsewhere is pinned, hashed, and the same in every list."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
LISTS = {"requirements.txt": [], "requirements-server.txt": ["server"]}
"""The lists of requirements, and the extras that each has beside the dependencies."""


def pins(text: str) -> dict[str, str]:
    """The version of each package in a list."""
    found = (Requirement(line) for line in text.splitlines() if line)
    return {canonicalize_name(one.name): str(one.specifier).removeprefix("==") for one in found}


def hashed(name: str) -> tuple[dict[str, str], dict[str, list[str]]]:
    """The versions and the hashes in a list of requirements."""
    entries = (ROOT / name).read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    found = [entry.partition(" --hash=") for entry in entries]
    hashes = {Requirement(pin).name: rest.split(" --hash=") for pin, _, rest in found}
    return pins("\n".join(pin for pin, _, _ in found)), hashes


@pytest.mark.parametrize("name", LISTS)
def test_every_requirement_has_a_version_and_hashes_and_no_address(name: str) -> None:
    versions, hashes = hashed(name)
    assert len(versions) > 40
    assert [
        package for package, version in versions.items() if not re.fullmatch(r"[0-9][\w.]*", version)
    ] == []
    for package, found in hashes.items():
        assert found, package
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", one.strip()) for one in found), package
    assert "://" not in (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize(("name", "extras"), LISTS.items())
def test_the_requirements_are_what_the_package_needs_in_the_versions_that_are_tested(name, extras) -> None:
    versions, _ = hashed(name)
    constraints = pins((ROOT / "constraints.txt").read_text(encoding="utf-8"))
    wanted = list(PROJECT["project"]["dependencies"])
    for extra in extras:
        wanted += PROJECT["project"]["optional-dependencies"][extra]
    for requirement in map(Requirement, [*wanted, *PROJECT["build-system"]["requires"]]):
        assert requirement.specifier.contains(versions[canonicalize_name(requirement.name)]), requirement
    # those of other systems are not among the constraints, which one system has made
    assert {package: constraints.get(package, version) for package, version in versions.items()} == versions
    assert len(versions.keys() & constraints.keys()) > len(versions) - 6


def test_what_builds_the_package_is_one_version() -> None:
    assert PROJECT["build-system"]["requires"] == PROJECT["dependency-groups"]["build"]
    (pin,) = PROJECT["build-system"]["requires"]
    assert pin in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
