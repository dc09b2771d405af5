"""The container image, as far as it can be tried without a container: its files, its read-only root, its user."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
FILE = ROOT / "deploy" / "Containerfile"
ALLOWED = FILE.with_name("Containerfile.dockerignore")
SKIPPED = shutil.ignore_patterns("__pycache__", "*.pyc")
USER = 10001


def steps() -> list[tuple[str, str]]:
    """Instruction and argument, continued lines joined."""
    text = re.sub(r"\\\n\s*", "", FILE.read_text())
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    return [(line.split(" ", 1)[0], line.split(" ", 1)[1]) for line in lines]


def of(kind: str) -> list[str]:
    return [argument for name, argument in steps() if name == kind]


def variables() -> Mapping[str, str]:
    return dict(word.split("=", 1) for line in of("ENV") for word in shlex.split(line))


def put(destination: Path) -> None:
    """What the build stage copies, into this folder."""
    for argument in of("COPY"):
        if argument.startswith("--from"):
            continue
        *sources, where = argument.split()
        for source in sources:
            if (ROOT / source).is_dir():
                shutil.copytree(ROOT / source, destination / where, ignore=SKIPPED)
            else:
                shutil.copy(ROOT / source, destination / source)


def as_user(*command: str) -> list[str]:
    """The command as the image's user, where we may become that."""
    if os.geteuid() != 0:
        return [*command]
    return ["setpriv", f"--reuid={USER}", f"--regid={USER}", "--clear-groups", "--no-new-privs", *command]


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The image's folders: `program`, which cannot be written to, `cache` and `state`."""
    base = tmp_path_factory.mktemp("image")
    for name in ("program", "cache", "cache/migcheck", "state"):
        (base / name).mkdir()
    put(base / "program")
    (base / "program" / "var").symlink_to(base / "state")
    for folder in (base, *base.parents):
        if folder.is_relative_to(Path("/tmp")) and folder != Path("/tmp"):
            folder.chmod(0o755)
    if os.geteuid() == 0:
        for name in ("cache/migcheck", "state"):
            os.chown(base / name, USER, USER)
    for folder, _, _ in os.walk(base / "program"):
        Path(folder).chmod(0o555)
    return base


def run(image: Path, *words: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {
        "PATH": os.environ["PATH"],
        **{name: value for name, value in variables().items() if name != "PATH"},
        "HOME": str(image / "state"),
        "XDG_CACHE_HOME": str(image / "cache"),
        **more,
    }
    command = as_user(sys.executable, *words)
    return subprocess.run(
        command, cwd=image / "program", env=environment, capture_output=True, text=True, timeout=60, check=False
    )


def readable_to_others() -> bool:
    done = subprocess.run(as_user(sys.executable, "-c", "import pydantic"), capture_output=True, check=False, cwd="/")
    return done.returncode == 0


def test_what_is_copied_is_let_through_and_nothing_else() -> None:
    allowed = {line[1:] for line in ALLOWED.read_text().splitlines() if line.startswith("!")}
    copied = {word for argument in of("COPY") if not argument.startswith("--from") for word in argument.split()[:-1]}
    assert copied == allowed
    assert all((ROOT / name).exists() for name in copied)


def test_the_last_stage_is_small_and_runs_as_nobody_in_particular() -> None:
    last = max(number for number, (name, _) in enumerate(steps()) if name == "FROM")
    final = steps()[last:]
    assert dict(final)["USER"] == f"{USER}:{USER}"
    assert [argument for name, argument in final if name == "COPY"] == ["--from=build /opt/migcheck /opt/migcheck"]
    installed = " ".join(argument for name, argument in final if name == "RUN")
    assert not re.search(r"build-essential|gcc|-dev\b|pip install|git\b", installed)
    names = [name for name, _ in final]
    assert names.index("USER") < names.index("HEALTHCHECK") < names.index("ENTRYPOINT")
    assert dict(final)["EXPOSE"] == variables()["MIGCHECK_WEB__LISTEN"].rpartition(":")[2]
    assert dict(final)["ENTRYPOINT"] == '["python", "-m", "bot"]'


@pytest.mark.skipif(not readable_to_others(), reason="the packages here can be read by their owner only")
def test_the_program_runs_where_nothing_but_its_state_can_be_written(image: Path) -> None:
    (compiling,) = [argument for name, argument in steps() if name == "RUN" and "bot.knowledge" in argument]
    done = run(image, *compiling.split()[1:])
    assert done.returncode == 0, done.stderr
    kept = list((image / "cache").rglob("rules.*"))
    assert kept, "the knowledge was compiled into the image's cache"
    stamp = kept[0].stat().st_mtime_ns
    for path in (image / "cache").rglob("*"):  # from here on the root is read-only
        path.chmod(0o555 if path.is_dir() else 0o444)
        os.chown(path, os.geteuid(), os.getegid())
    told = run(image, "-m", "bot", "explain", "535 5.7.8 authentication failed", "--lang", "en")
    assert "password" in told.stdout
    assert not told.stderr
    found = run(image, "-m", "bot", "doctor", MIGCHECK_DISCOVERY__ISPDB_URL="", MIGCHECK_WEB__LISTEN="127.0.0.1:0")
    assert "✓ store: " in found.stdout, found.stdout + found.stderr
    assert "✓ knowledge: " in found.stdout
    assert not found.stderr
    assert not list((image / "program").rglob("__pycache__"))
    assert not (image / "program" / ".cache").exists()
    assert kept[0].stat().st_mtime_ns == stamp
