"""The compiled codec for tests: built once per session where it can be, into a folder of its own."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.avro import native
from connectors.avro.native.build import CannotBuild, build


@pytest.fixture(scope="session")
def native_codec(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The build of the work tree if it fits the sources, else one of this session; skips where none can be made."""
    with pytest.MonkeyPatch.context() as patch:
        if native.problem():
            folder = tmp_path_factory.mktemp("native")
            try:
                build(folder)
            except CannotBuild as error:
                pytest.skip(f"the compiled codec cannot be built: {error}")
            patch.setattr(native, "__path__", [str(folder), *native.__path__])
            native.problem.cache_clear()
        assert not native.problem()
        yield


@pytest.fixture(scope="module", params=["pure", "native"])
def codec(request: pytest.FixtureRequest) -> Iterator[str]:
    """What is compiled during the module's tests is pure, then native."""
    if request.param == "native":
        request.getfixturevalue("native_codec")
    with pytest.MonkeyPatch.context() as environment:
        environment.setenv(native.SETTING, "1" if request.param == "native" else "0")
        assert native.codec() == request.param
        yield request.param
