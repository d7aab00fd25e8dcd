# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Every check and every operation of this checkout, one session and one virtual environment each.

`nox` alone runs what `make test` runs: cheap checks first, then the hosts and, beside them, the other checks. It stops
at the first failure. How long each session took stands at the end.
Versions are pinned in requirements/*.txt; `nox -s lock` renews them.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

import antsibull_nox
import nox

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT / "tools"))

from collection_path import collection_path  # noqa: E402
from parallel import Ended, Job, run_jobs  # noqa: E402
from times import Timing, record  # noqa: E402

REQUIREMENTS = ROOT / "requirements"
IN_PARALLEL = ("--numprocesses", "auto")
RESULTS = ROOT / ".nox" / "results"
#: Seconds of each session, a JSON object a line; and a table of each step of each scenario.
TIMES = RESULTS / "times.jsonl"
STEPS = RESULTS / "steps.txt"
DIST = ROOT / "dist"
COLLECTION = Path("ansible_collections", "healthops", "clinical")

# Each supported ansible-core with the Python versions its controller half runs on; the last is what we use ourselves.
CORE_PYTHONS = {
    "2.16": ((3, 10), (3, 12)),
    "2.18": ((3, 11), (3, 13)),
    "2.19": ((3, 11), (3, 13)),
}
CORES = [core for core, (low, high) in CORE_PYTHONS.items() if low <= sys.version_info[:2] <= high]
NEWEST = list(CORE_PYTHONS)[-1]

nox.needs_version = ">=2025.5.1"
nox.options.default_venv_backend = "uv|virtualenv"
nox.options.reuse_venv = "yes"
nox.options.stop_on_first_error = True
nox.options.sessions = [
    "clean_results",
    "cheap_checks",
    "hosts_and_checks",
    "summary",
]


@lru_cache
def pip_settings() -> dict[str, str]:
    """Return the settings of this machine's pip (cert, index-url, find-links ...): its environment and its files."""
    listed = subprocess.run(
        [sys.executable, "-m", "pip", "config", "list"], check=True, capture_output=True, text=True
    ).stdout
    pairs = re.findall(r"^(?::env:|global|install)\.([\w-]+)='(.*)'$", listed, re.MULTILINE)
    return {key.replace("_", "-"): value for key, value in reversed(pairs)}


def uv_settings() -> dict[str, str]:
    """Return them as variables for uv, which reads neither pip's variables nor its files."""
    names = {"cert": "SSL_CERT_FILE", "index-url": "UV_DEFAULT_INDEX"}
    settings = {
        name: pip_settings()[key] for key, name in names.items() if name not in os.environ and key in pip_settings()
    }
    return {"UV_SYSTEM_CERTS": "1", **settings}


def oldest_python() -> str | None:
    """A Python 3.9 on this machine, the oldest that a managed host may have."""
    installed = [*Path.home().glob(".pyenv/versions/3.9.*/bin/python3.9"), Path(shutil.which("python3.9") or "")]
    for python in map(str, installed):
        # A version manager's stand-in on PATH may lead nowhere.
        if python != "." and subprocess.run([python, "--version"], capture_output=True, check=False).returncode == 0:
            return python
    return None


OLDEST_PYTHON = oldest_python()
os.environ.update(uv_settings())
# Ansible and pytest start hundreds of times: half of such a start is compiling, where nothing compiled is kept.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
os.environ["PYTHONPYCACHEPREFIX"] = str(ROOT / ".nox" / "compiled")

# From antsibull-nox: license-check and extra-checks. Not taken from there:
# - docs-check: ours checks references to ourselves alone, and so downloads nothing
# - lint: ours also runs shellcheck, and mypy where the collection's own name resolves
# - build: ours also installs the artifact and reads its documentation back
# - ansible-test: theirs needs a container engine, and tarballs that no package registry has
# - molecule: theirs wants extensions/molecule
antsibull_nox.load_antsibull_nox_toml()


# --- shared steps -----------------------------------------------------------------------------------------------------


def install(session: nox.Session, group: str) -> None:
    """Install exactly the locked versions of one requirements group."""
    session.install("--require-hashes", "-r", str(REQUIREMENTS / f"{group}.txt"))
    # Ansible refuses to start without a UTF-8 locale, and output that is parsed must be in English.
    session.env["LC_ALL"] = "C.UTF-8"


def home(session: nox.Session) -> Path:
    """The directory of this session's environment."""
    return Path(session.virtualenv.location)


def git_files() -> list[str]:
    """Return what git would track: tracked files and new ones not ignored, relative to the checkout."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    return [name for name in listed.split("\0") if name and os.path.lexists(ROOT / name)]


def place(session: nox.Session) -> Path:
    """Copy what git lists to .../ansible_collections/healthops/clinical and return that directory.

    ansible-test insists on this path and resolves links away; `ansible-galaxy collection build` takes every file that
    lies around; mypy and ansible-lint find our own names only there. So these work on a copy.
    """
    tree = home(session) / "tree"
    shutil.rmtree(tree, ignore_errors=True)
    for name in git_files():
        target = tree / COLLECTION / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(ROOT / name, target, follow_symlinks=False)
    # A repository of its own, or ansible-test finds the outer one, which ignores this place.
    session.run("git", "init", "--quiet", str(tree / COLLECTION), external=True)
    session.env["ANSIBLE_COLLECTIONS_PATH"] = str(tree)
    return tree / COLLECTION


def linked(session: nox.Session) -> None:
    """Let Ansible see the checkout itself as the collection, so that edits count at once."""
    session.env["ANSIBLE_COLLECTIONS_PATH"] = str(collection_path())


def build_artifact(session: nox.Session) -> Path:
    """Build dist/healthops-clinical-VERSION.tar.gz from what git lists and return its path."""
    tree = place(session)
    shutil.rmtree(DIST, ignore_errors=True)
    with session.chdir(tree):
        session.run("ansible-galaxy", "collection", "build", "--force", "--output-path", str(DIST))
    (artifact,) = DIST.glob("*.tar.gz")
    return artifact


def pytest(session: nox.Session, name: str, *args: str) -> None:
    """Run pytest and keep its counts for the summary."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    session.run("python", "-m", "pytest", "-q", f"--junitxml={RESULTS / name}.xml", *args, *session.posargs)


# --- cheap checks -----------------------------------------------------------------------------------------------------


@nox.session(venv_backend="none")
def clean_results(session: nox.Session) -> None:
    """Forget the counts of earlier runs, so that the summary speaks of this one; begin to make the hosts' images.

    Where they are not there yet, they take minutes. They are made beside the cheap checks, and whoever needs them waits
    for that, makes them where it failed, and says why it fails.
    """
    shutil.rmtree(RESULTS, ignore_errors=True)
    RESULTS.mkdir(parents=True)
    with (RESULTS / "images.log").open("wb") as stream:
        begin = "tests/hosts/install.sh && tests/hosts/mkimage.sh bookworm trixie"
        subprocess.Popen(["sh", "-c", begin], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream)


#: Sessions that need no host, the longest first, so that none of them ends long after all others. The cheap ones come
#: before any host is started; the others run beside the hosts, which often only wait.
CHEAP_CHECKS = ("units", "lint", "build", "docs-check", "license-check", "extra-checks")
CHECKS_BESIDE_HOSTS = (
    *(f"sanity(core='{core}')" for core in reversed(CORES)),
    *(["units_oldest"] if OLDEST_PYTHON else []),
    *(f"units_core(core='{core}')" for core in CORES),
    "evidence",
)


@nox.session(venv_backend="none", default=False)
def checks(session: nox.Session) -> None:
    """Every session that needs no host, one more at a time than there are processors."""
    run_sessions(session, (*CHEAP_CHECKS, *CHECKS_BESIDE_HOSTS), (os.cpu_count() or 1) + 1)


@nox.session(venv_backend="none")
def cheap_checks(session: nox.Session) -> None:
    """What tells most mistakes within minutes: style, types, unit tests, the artifact."""
    run_sessions(session, CHEAP_CHECKS, (os.cpu_count() or 1) + 1)


@nox.session(venv_backend="none")
def hosts_and_checks(session: nox.Session) -> None:
    """Every Molecule scenario, and one after the other beside them the remaining checks and the control node."""
    run_sessions(session, ("molecule", *CHECKS_BESIDE_HOSTS, "control_node"), 2)


def run_sessions(session: nox.Session, names: Sequence[str], workers: int) -> None:
    """Run sessions beside one another, each shown when it has ended, and record their seconds; a failure ends all.

    What the scenarios print is shown as it comes: they take long, and show each in one piece themselves.
    """
    env = {**os.environ, "PYTEST_XDIST_AUTO_NUM_WORKERS": "1"}
    jobs = [Job(name, (sys.executable, "-m", "nox", "--session", name), live=name == "molecule") for name in names]
    failed = []
    for ended in run_jobs(jobs, workers, env):
        show(ended)
        record(TIMES, Timing(ended.job.name, ended.wall, ended.cpu))
        if ended.exit_code != 0:
            failed.append(ended.job.name)
    if failed:
        session.error(f"{failed[0]} failed; ended before their time: {', '.join(failed[1:]) or 'none'}")


def show(ended: Ended) -> None:
    """Print what a job printed, in one piece, where it was not shown before."""
    print(f"\n=== {ended.job.name}: exit code {ended.exit_code}, {ended.wall:.0f} s ===", flush=True)
    sys.stdout.buffer.write(ended.output)
    sys.stdout.flush()


@nox.session
def lint(session: nox.Session) -> None:
    """ruff, mypy, yamllint, shellcheck, ansible-lint."""
    install(session, "lint")
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("yamllint", "--strict", ".")
    scripts = [name for name in git_files() if is_shell_script(ROOT / name)]
    session.run("shellcheck", *scripts)
    tree = place(session)
    check_types(session, tree)
    with session.chdir(tree):
        session.run("python", "tools/lint_playbooks.py")


#: Folders that the tests of some scenarios put on sys.path besides their own.
SHARED_BY_SCENARIOS = (
    *("molecule/hardening", "tests", "tests/hosts", "tests/unit"),
    "tests/unit/plugins/module_utils/_patch/apt",
)


def check_types(session: nox.Session, tree: Path) -> None:
    """mypy over all that runs on a host or a control node, and over each scenario, whose modules share names."""
    cache = home(session) / "mypy_cache"
    mypy = ("mypy", "--no-error-summary", "--config-file", str(ROOT / "pyproject.toml"), "--cache-dir", str(cache))
    # From here every file has a name of its own, that of the collection's before it.
    with session.chdir(tree.parents[2]):
        folders = ("plugins", "tools", "roles", "tests/hosts")
        beside = {"MYPYPATH": str(COLLECTION / "tests" / "hosts")}
        session.run(*mypy, *(str(COLLECTION / folder) for folder in folders), env=beside)
        for scenario in sorted(Path(COLLECTION, "molecule").iterdir()):
            own = sorted({path.parent for path in scenario.rglob("*.py")}, reverse=True)
            if own:
                shared = [COLLECTION / folder for folder in SHARED_BY_SCENARIOS]
                path = os.pathsep.join(map(str, [*own, scenario, *shared]))
                session.run(*mypy, str(scenario), env={"MYPYPATH": path})


def is_shell_script(path: Path) -> bool:
    if path.suffix in (".sh", ".bash"):
        return True
    if path.suffix or path.is_symlink() or not path.is_file():
        return False
    with path.open("rb") as stream:
        return re.match(rb"#!.*\b(ba)?sh\b", stream.readline(80)) is not None


@nox.session
def units(session: nox.Session) -> None:
    """Unit tests of the core, with no Ansible installed."""
    install(session, "units")
    pytest(session, "units", *IN_PARALLEL, "tests/unit")


@nox.session(python=OLDEST_PYTHON or "3.9", default=False)
def units_oldest(session: nox.Session) -> None:
    """The same on the oldest Python a managed host may have (needs a python3.9 on this machine).

    Without the faults at every operation: what they exhaust is the order of a run's steps, which no Python changes.
    """
    install(session, "units")
    core = "tests/unit/plugins/module_utils"
    pytest(session, "units_oldest", *IN_PARALLEL, core, f"--ignore={core}/test__faults.py")


@nox.session
@nox.parametrize("core", CORES)
def units_core(session: nox.Session, core: str) -> None:
    """The unit tests that need Ansible, with each supported ansible-core; `units` runs all others."""
    install(session, f"core-{core}")
    pytest(session, f"units_core-{core}", *IN_PARALLEL, *needing_ansible())


def needing_ansible() -> list[str]:
    """The test files that are skipped where there is no Ansible."""
    tests = sorted(Path("tests", "unit").rglob("test_*.py"))
    skipped = re.compile(r'^pytest\.importorskip\("ansible"', re.MULTILINE)
    return [str(path) for path in tests if skipped.search(path.read_text(encoding="utf-8"))]


@nox.session
@nox.parametrize("core", CORES)
def sanity(session: nox.Session, core: str) -> None:
    """ansible-test sanity under each supported ansible-core."""
    install(session, f"core-{core}")
    # ansible-test keeps its environments and its pip under HOME; one of our own leaves yours alone and goes with .nox,
    # and lets several ansible-core versions fill theirs at once.
    own_home = home(session) / "ansible-test-home"
    (ansible_test,) = home(session).glob("lib/python*/site-packages/ansible_test")
    # Not as arguments: they would be printed, and an index address can hold a password.
    settings = {"PIP_SETTINGS": "\n".join(f"{key} = {value}" for key, value in pip_settings().items())}
    session.run(
        sys.executable, "tools/ansible_test_home.py", str(own_home), str(ansible_test), env=settings, external=True
    )
    session.env["HOME"] = str(own_home)
    python = ".".join(map(str, sys.version_info[:2]))
    with session.chdir(place(session)):
        session.run(
            *("ansible-test", "sanity", "--local", "--requirements", "--color", "no", "--python", python),
            *(session.posargs or same_everywhere(core)),
        )


#: What ansible-test asks of the text of a file, with the same programs under each ansible-core.
OF_THE_TEXT = ("changelog", "pep8", "pslint", "pylint", "shellcheck", "yamllint")


def same_everywhere(core: str) -> list[str]:
    """Options that leave out, except under the newest ansible-core, what each would answer alike."""
    return [] if core == NEWEST else [word for name in OF_THE_TEXT for word in ("--skip-test", name)]


@nox.session(name="docs-check")
def docs_check(session: nox.Session) -> None:
    """The documentation of modules and roles, as antsibull-docs reads it."""
    install(session, "build")
    with session.chdir(place(session)):
        session.run("antsibull-docs", "lint-collection-docs", "--plugin-docs", "--validate-collection-refs=self", ".")


@nox.session
def evidence(session: nox.Session) -> None:
    """Evidence in other people's formats, judged by other people's programs."""
    install(session, "evidence")
    promtool = session.run("tests/evidence/promtool.sh", str(home(session) / "prometheus"), silent=True, external=True)
    session.env["PROMTOOL"] = str(promtool).splitlines()[-1]
    pytest(session, "evidence", "tests/evidence")


# --- the artifact -----------------------------------------------------------------------------------------------------


@nox.session
def build(session: nox.Session) -> None:
    """Build the Galaxy artifact, judge it as Galaxy would, install it and read its documentation back."""
    install(session, "build")
    artifact = build_artifact(session)
    session.run("python", "tools/artifact.py", str(artifact))
    with session.chdir(home(session) / "tree" / COLLECTION):
        session.run("antsibull-changelog", "lint")
    session.env["GALAXY_IMPORTER_CONFIG"] = str(ROOT / "tests" / "galaxy-importer.cfg")
    with session.chdir(DIST):
        imported = session.run("python", "-m", "galaxy_importer.main", artifact.name, silent=True, log=True) or ""
    complaints = [line for line in imported.splitlines() if line.startswith(("ERROR", "WARNING"))]
    if complaints:
        session.error("galaxy-importer is not content:\n" + "\n".join(complaints))
    installed = home(session) / "installed"
    shutil.rmtree(installed, ignore_errors=True)
    session.env["ANSIBLE_COLLECTIONS_PATH"] = str(installed)
    # As the README tells those who have no Galaxy: nothing listens at this address.
    session.env["ANSIBLE_GALAXY_SERVER"] = "http://127.0.0.1:9"
    session.run("ansible-galaxy", "collection", "install", "--collections-path", str(installed), str(artifact))
    modules = sorted(path.stem for path in (installed / COLLECTION / "plugins" / "modules").glob("[a-z]*.py"))
    session.run("ansible-doc", "--type", "module", *(f"healthops.clinical.{module}" for module in modules), silent=True)


@nox.session(default=False)
def docs(session: nox.Session) -> None:
    """Render the module and role reference to HTML under dist/docs."""
    install(session, "build")
    place(session)
    site = home(session) / "site"
    shutil.rmtree(site, ignore_errors=True)
    site.mkdir()
    options = ["--use-current", "--squash-hierarchy", "healthops.clinical", "--dest-dir"]
    session.run("antsibull-docs", "sphinx-init", *options, str(site))
    rst = site / "rst"
    session.run("antsibull-docs", "collection", *options, str(rst))
    # No intersphinx, which would have to download: labels of other projects stay unresolved, with a warning each.
    extensions = "extensions=sphinx_antsibull_ext"
    session.run("sphinx-build", "-q", "-b", "html", "-c", str(site), "-D", extensions, str(rst), str(DIST / "docs"))
    session.log(f"open {DIST / 'docs' / 'index.html'}")


@nox.session(default=False)
def reference(session: nox.Session) -> None:
    """Write docs/reference/ anew from the data of the catalogue; a unit test says when it has to be done."""
    install(session, "units")
    session.run("python", "-m", "tools.reference")


# --- real hosts -------------------------------------------------------------------------------------------------------


#: Scenarios with a long form, and what that adds.
LONG_FORMS = {
    "commit_confirm": "doors are also shut in the ways that have a twin among the others, and hosts in batches",
    "hardening": "each fault is on both releases, not on one of them",
    "patching": "each test is on both releases, not on one of them",
    "imaging_archive": "each release has each index, a control node dies in a drain, the release before is taken over",
    "service_config": "the module is killed before each of its changes, guarded and not, and more disks are full",
    "everyday": "two accounts do their worst until all is taken back, and each unusual state is on both releases",
}


def engine(session: nox.Session) -> None:
    """Make sure of a container engine and the images, and put our way to call it first on PATH."""
    session.run("tests/hosts/install.sh", external=True)
    session.env["PATH"] = os.pathsep.join(
        [str(ROOT / "tests" / "hosts" / "engine"), session.env.get("PATH") or os.environ["PATH"]]
    )


@nox.session
def molecule(session: nox.Session) -> None:
    """Every Molecule scenario, in lanes; `-- test -s NAME` or another command of Molecule's for one of them."""
    scenarios(session)


def scenarios(session: nox.Session, *names: str) -> None:
    """Run these scenarios, or all; or what the command line asks of Molecule."""
    install(session, "molecule")
    linked(session)
    engine(session)
    if not sys.stdout.isatty():
        session.env.update(NO_COLOR="1", ANSIBLE_NOCOLOR="1")
    session.run("tests/hosts/many.sh", external=True)
    session.run("python", "tests/hosts/scenarios.py", *(session.posargs or ["all", str(RESULTS), *names]))


@nox.session(default=False)
def drills(session: nox.Session) -> None:
    """The long form of what `molecule` does in a short one: scenarios with HEALTHOPS_DRILLS=full. Says what it adds."""
    session.env["HEALTHOPS_DRILLS"] = "full"
    scenarios(session, *LONG_FORMS)
    for scenario, adds in LONG_FORMS.items():
        session.log(f"Beyond what the session molecule does, in {scenario} {adds}.")
    session.log("And the demo is taken back as it says that one does.")
    session.notify("demo", ["--take-back"])
    session.notify("demo_down")


@nox.session
def control_node(session: nox.Session) -> None:
    """The main job from a Debian 13 control node with the newest ansible-core, from the built artifact."""
    install(session, f"core-{NEWEST}")
    artifact = build_artifact(session)
    engine(session)
    hosts, inventory = ROOT / "tests" / "hosts", ROOT / "tests" / "control_node" / "hosts"
    playbook = ["ansible-playbook", "--inventory", str(inventory)]
    try:
        session.run(*playbook, str(hosts / "create.yml"), "--extra-vars", "test_hosts_fresh=true")
        session.run(
            *playbook,
            str(inventory.with_name("main_job.yml")),
            *("--extra-vars", f"artifact={artifact}"),
            # What a pip inside the control node has to be told, too; nothing where this machine needs nothing.
            *("--extra-vars", f"pip_cert={pip_settings().get('cert', '')}"),
            env={
                "CONTROL_NODE_INDEX_URL": pip_settings().get("index-url", ""),
                "ANSIBLE_CALLBACK_RESULT_FORMAT": "yaml",
            },
        )
    finally:
        session.run(*playbook, str(hosts / "destroy.yml"))


#: Files of tests/benchmark that measure something each.
BENCHMARKS = ("run", "configure", "gateway", "archive", "probes", "advisories", "patching")


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure the main job and each part beside what it is compared with; `-- probes` measures only that part."""
    install(session, "molecule")
    linked(session)
    engine(session)
    named = session.posargs[:1] if session.posargs[:1] and session.posargs[0] in BENCHMARKS else []
    for part in named or BENCHMARKS:
        session.run("python", f"tests/benchmark/{part}.py", *session.posargs[len(named) :])


# --- operations -------------------------------------------------------------------------------------------------------


@nox.session(default=False)
def demo(session: nox.Session) -> None:
    """Audit, harden, configure and use four container hosts over SSH, and show the report."""
    install(session, "demo")
    linked(session)
    engine(session)
    session.run("python", "tools/demo.py", "up", *session.posargs)


@nox.session(default=False)
def demo_down(session: nox.Session) -> None:
    """Remove the hosts that the demo left running."""
    install(session, "demo")
    linked(session)
    engine(session)
    session.run("python", "tools/demo.py", "down", *session.posargs)


@nox.session(default=False)
def audit(session: nox.Session) -> None:
    """Audit this machine, read-only, and write the report."""
    install(session, f"core-{NEWEST}")
    linked(session)
    settings = {
        # As whoever types it: what only root can read is reported as not checked.
        "hardening_become": False,
        "hardening_evidence_dir": str(ROOT / "evidence"),
        # Not the first python3 on PATH, which may be a version manager's.
        "ansible_python_interpreter": str(home(session) / "bin" / "python"),
    }
    here = ("--inventory", "localhost,", "--connection", "local")
    session.run(
        *("ansible-playbook", *here, "--extra-vars", json.dumps(settings), "healthops.clinical.audit", *session.posargs)
    )


# --- upkeep -----------------------------------------------------------------------------------------------------------


@nox.session(venv_backend="none", default=False)
def lock(session: nox.Session) -> None:
    """Renew the pinned versions in requirements/*.txt from requirements/*.in."""
    options = "--quiet --upgrade --universal --generate-hashes --no-annotate --no-emit-index-url --no-emit-find-links"
    compile_ = [
        sys.executable,
        "-m",
        "uv",
        "pip",
        "compile",
        *options.split(),
        "--custom-compile-command",
        "nox -s lock",
    ]
    with session.chdir(REQUIREMENTS):
        for source in sorted(REQUIREMENTS.glob("*.in")):
            # The core's unit tests also run on the oldest Python of a managed host.
            oldest = "3.9" if source.stem == "units" else "3.11"
            session.run(*compile_, "--python-version", oldest, source.name, "--output-file", f"{source.stem}.txt")


@nox.session(venv_backend="none")
def summary(session: nox.Session) -> None:
    """Add up what pytest counted in this run, and list how long each part took."""
    if STEPS.is_file():
        print(STEPS.read_text(encoding="utf-8"))
    session.run(sys.executable, "tools/times.py", str(TIMES))
    session.run(sys.executable, "tools/count_tests.py", str(RESULTS))
