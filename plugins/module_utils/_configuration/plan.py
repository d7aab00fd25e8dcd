# SPDX-FileCopyrightText: healthops.clinical contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""What has to change on a host so that it has a configuration: looked at once, nothing is changed here."""

from __future__ import annotations

import functools
import posixpath
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from .._change import journal
from .._change.package_group import package_group
from .._change.steps import Effect, Group, Step
from .._change.subjects.base import Image
from .._change.subjects.files import (
    ABSENT,
    File,
    acl_of,
    content_of,
    file_image,
    has_acl,
    link_image,
    owned_image,
    path_image,
)
from .._change.subjects.firewall import loaded_tables
from .._change.subjects.generated import GeneratedFile, generated_image
from .._change.subjects.kernel import KernelValue, kernel_path
from .._change.subjects.local_accounts import LocalAccount, LocalGroup
from .._change.subjects.packages import broken, installed, simulate
from .._change.subjects.trees import Tree
from .._change.subjects.units import ENABLING_FOLDERS, EnabledUnit, OwnUnit, Unit, changed_since, show
from .._errors import ClinicalError
from .._host.door import Host
from .._host.facts import is_release, read_facts
from .._vocabulary.stamp import stamp_of
from . import manifest as manifests
from .certificates import read_before
from .expected import digest, expectations, reads
from .manifest import Manifest
from .model import (
    STARTED,
    STOPPED,
    SYSCTL,
    UNIT_FOLDERS,
    UNMANAGED,
    Configuration,
    Owner,
    WantedAccount,
    WantedFile,
    WantedUnit,
    claimed_paths,
    sysctl_file,
)

WHY = "the configuration wants it"
HIDDEN = "(its content is secret)"
#: How much of a digest people are shown.
SHORT_DIGEST = len("sha256 ") + 12


@dataclass(frozen=True)
class Plan:
    """The groups that have to be applied together, in their order, and what a role has to know beside them.

    ``restarts_due`` are held units that run with older files; ``remaining`` what a removal leaves on the host.
    ``texts`` are the contents before and after, by subject, of files that are no secret. ``certificates`` are those
    that stay as they are, read.
    """

    groups: tuple[Group, ...]
    manifest: Manifest
    restarts_due: tuple[str, ...] = ()
    remaining: tuple[str, ...] = ()
    texts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    certificates: Sequence[Mapping[str, Any]] = ()


@dataclass
class _Survey:
    """What the plan needs to know of the host, and what it has found out so far."""

    host: Host
    configuration: Configuration
    earlier: Manifest
    neighbours: Sequence[Manifest]
    foretell: bool
    run_id: str
    images: dict[str, Image] = field(default_factory=dict)
    originals: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    changed: set[str] = field(default_factory=set)
    contents: dict[str, bytes | None] = field(default_factory=dict)
    made: list[str] = field(default_factory=list)
    texts: dict[str, tuple[str, str]] = field(default_factory=dict)

    @functools.cached_property
    def tables(self) -> frozenset[str]:
        """The tables of nftables that are loaded."""
        return loaded_tables(self.host)

    def image(self, path: str) -> Image:
        """Return what is at the path; each is read once."""
        if path not in self.images:
            self.images[path] = path_image(self.host, path)
        return self.images[path]


def plan(host: Host, configuration: Configuration, earlier: Manifest, foretell: bool = False, run_id: str = "") -> Plan:
    """Return what has to change. With ``foretell`` nothing will be, and what other tasks bring first may be missing.

    ``run_id`` is the run that the manifest names. Raises ClinicalError where the host cannot have the configuration.
    """
    neighbours = manifests.neighbours(host, configuration.name)
    survey = _Survey(host, configuration, earlier, neighbours, foretell, run_id)
    _refuse_platform(survey)
    _refuse_foreign(survey)
    units = show(host, [unit.name for unit in configuration.units] + [*earlier.units])
    packages = _packages(survey, units)
    steps = [
        *_group_steps(survey),
        *_account_steps(survey),
        *_folder_steps(survey),
        *_leaving_steps(survey, with_packages=bool(packages)),
        *_file_steps(survey),
        *_link_steps(survey),
        *_kernel_steps(survey),
    ]
    more_come = foretell or bool(packages)
    certificates = read_before(host, configuration.certificates, survey.changed, more_come)
    stopping = list(_leaving_units(survey, units))
    new = _new_manifest(survey, packages)
    if new != earlier:
        steps.append(_manifest_step(survey, new))
    stopping += _stopped(survey, units)
    unit_steps, effects, due = _units(survey, units)
    everything = [*stopping, *steps, *unit_steps]
    groups: tuple[Group, ...] = packages
    unread = any(unit.outdated for unit in units.values())
    if everything or effects or unread:
        if unread or any(path.startswith(UNIT_FOLDERS) for path in survey.changed):
            effects = [Effect("daemon-reload"), *effects]
        groups = (*groups, _group(survey, everything, effects, units))
    return Plan(
        groups=groups,
        manifest=new,
        restarts_due=tuple(due),
        remaining=tuple(_remaining(survey)),
        texts=survey.texts,
        certificates=certificates,
    )


def _group(survey: _Survey, steps: Sequence[Step], effects: Sequence[Effect], units: Mapping[str, Unit]) -> Group:
    """Return the one group of files and units. Whatever it makes run, or read its settings, has to go on running."""
    wanted = {unit.name for unit in survey.configuration.units if unit.state == STARTED}
    running = {name for name, unit in units.items() if unit.running}
    notified = [effect.unit for effect in effects if effect.unit in running | wanted]
    started = [step.subject.name for step in steps if (step.wanted or {}).get("active")]
    return Group(
        name=survey.configuration.name,
        steps=tuple(steps),
        checks=survey.configuration.checks if survey.changed else (),
        effects=tuple(effects),
        steady=tuple(dict.fromkeys([*notified, *started])),
        checked_on_the_way_back=False,
    )


def _refuse_platform(survey: _Survey) -> None:
    """Raise ClinicalError where the configuration is not for the distribution of this host, or not for its release."""
    platforms = survey.configuration.platforms
    if not platforms:
        return
    facts = read_facts(survey.host)
    if not is_release(facts["version"], dict(platforms).get(facts["distribution"], ())):
        known = ", ".join(f"{name} {' and '.join(releases)}" for name, releases in platforms)
        problem = f"it has {facts['distribution']} {facts['version']}; nothing was changed"
        raise ClinicalError("Configuring", "this host", problem, f"{survey.configuration.name} is for {known}.")


def _refuse_foreign(survey: _Survey) -> None:
    """Raise ClinicalError where the configuration decides about a file or link that another system has on this host."""
    claimed = claimed_paths(survey.configuration)
    for neighbour in survey.neighbours:
        foreign = [path for path in claimed if path in neighbour.files]
        if foreign:
            problem = f"it belongs to the configuration {neighbour.name}; nothing was changed"
            advice = (
                f"Configure that system elsewhere, or take it away first: service_config, {neighbour.name}, removed."
            )
            raise ClinicalError("Writing", ", ".join(foreign), problem, advice)


def _packages(survey: _Survey, units: Mapping[str, Unit]) -> tuple[Group, ...]:
    """Return the group that installs what is missing. Raises ClinicalError where apt would remove something for it.

    What the configuration starts or stops itself is not started by its package, which would have other settings.
    """
    wanted = survey.configuration.packages
    versions, _unfinished = installed(survey.host, wanted)
    missing = [name for name, version in versions.items() if version is None]
    if not missing:
        return ()
    obstacles = broken(survey.host)
    if obstacles:
        problem = f"{'; '.join(obstacles)}; nothing was changed"
        raise ClinicalError("Installing", ", ".join(missing), problem, "Look at dpkg --audit.")
    before, after = simulate(survey.host, missing, [])
    leaving = [name for name, version in after["packages"].items() if version is None]
    if leaving:
        reason = f"apt would remove {', '.join(leaving)}"
        raise ClinicalError("Installing", ", ".join(missing), f"{reason}; nothing was changed", "Decide by hand first.")
    decided = [unit.name for unit in survey.configuration.units if unit.state != UNMANAGED]
    running = {name for name, unit in units.items() if unit.running}
    return (package_group(before, after, waiting=tuple(name for name in decided if name not in running)),)


# --- accounts ---


def _group_steps(survey: _Survey) -> Iterator[Step]:
    own_groups = [account.group for account in survey.configuration.accounts]
    for name in dict.fromkeys([*survey.configuration.groups, *own_groups]):
        if survey.host.gid(name) is None:
            yield _step(LocalGroup(name), {"there": True}, "absent", "a group of the system", WHY)


def _account_steps(survey: _Survey) -> Iterator[Step]:
    for account in survey.configuration.accounts:
        subject = LocalAccount(account.name)
        wanted = _account_image(account)
        now = subject.capture(survey.host)
        if not subject.matches(now, wanted):
            yield _step(subject, wanted, _described(now), _described(wanted), WHY)


def _account_image(account: WantedAccount) -> Image:
    return {
        "there": True,
        "group": account.group,
        "groups": sorted(account.groups),
        "home": account.home,
        "shell": account.shell,
        "comment": account.comment,
    }


def _described(image: Image) -> str:
    if not image["there"]:
        return "absent"
    return ", ".join(f"{key} {value}" for key, value in image.items() if key != "there" and value)


# --- folders, files, links ---


def _folder_steps(survey: _Survey) -> Iterator[Step]:
    """Yield the folders, those above them before them, and those that files need and nobody names."""
    named = {folder.path: folder for folder in survey.configuration.folders}
    for path in _folders(survey.configuration):
        now = survey.image(path)
        if path not in named:
            if now["kind"] == "absent":
                survey.made.append(path)
                yield _step(File(path), {"kind": "dir"}, "absent", "a folder", WHY)
            continue
        owner = named[path].owner
        wanted = owned_image("dir", owner.mode, owner.user, owner.group, acl=owner.acl)
        if now["kind"] not in ("absent", "dir"):
            raise ClinicalError("Making the folder", path, f"it is a {now['kind']}; nothing was changed")
        if not _matches(survey, now, wanted):
            yield _step(File(path), wanted, _meta_words(survey, now), _owner_words(owner), WHY)


def _folders(configuration: Configuration) -> list[str]:
    named = [folder.path for folder in configuration.folders]
    needed = [posixpath.dirname(path) for path in _placed(configuration)]
    if configuration.kernel:
        needed.append(posixpath.dirname(SYSCTL))
    above = {path for folder in [*named, *needed] for path in _upwards(folder)}
    return sorted(above)


def _placed(configuration: Configuration) -> list[str]:
    """Return the paths of all files and links."""
    return [*(file.path for file in configuration.files), *(link.path for link in configuration.links)]


def _upwards(path: str) -> Iterator[str]:
    while path != "/":
        yield path
        path = posixpath.dirname(path)


def _leaving_steps(survey: _Survey, with_packages: bool) -> Iterator[Step]:
    """Yield what the earlier configuration put there and this one has not, and what must not be there.

    The latter may also be what packages bring that come first.
    """
    wanted = {*_placed(survey.configuration), *_folders(survey.configuration)}
    wanted.update(path for neighbour in survey.neighbours for path in neighbour.folders)
    if survey.configuration.kernel:
        wanted.add(SYSCTL.format(survey.configuration.name))
    leaving: set[str] = set()
    for path in survey.earlier.paths:
        if path not in wanted:
            original = survey.earlier.originals.get(path)
            yield from _leaving(survey, path, original, "the configuration has it no longer", leaving)
    for path in survey.configuration.absent:
        if with_packages and survey.image(path)["kind"] == "absent":
            yield _step(File(path), dict(ABSENT), "", "", "what its package may bring")
        yield from _leaving(survey, path, None, "the configuration wants it gone", leaving)


def _leaving(
    survey: _Survey, path: str, original: Mapping[str, Any] | None, why: str, leaving: set[str]
) -> Iterator[Step]:
    """Yield the step that takes a path away; a folder that somebody else has something in stays."""
    if path in leaving:
        return
    now = survey.image(path)
    inside = (posixpath.join(path, name) for name in survey.host.listdir(path)) if now["kind"] == "dir" else ()
    if now["kind"] == "absent" or not leaving.issuperset(inside):
        return
    leaving.add(path)
    survey.changed.add(path)
    wanted: Image = dict(original) if original else dict(ABSENT)
    after = "as it was before the configuration" if original else "absent"
    yield _step(File(path), wanted, now["kind"], after, why)


def _file_steps(survey: _Survey) -> Iterator[Step]:
    for file in survey.configuration.files:
        now = survey.image(file.path)
        if file.generate and not _is_fresh(survey, file, now):
            yield _generating(survey, file)
            continue
        if (file.once or file.generate) and now["kind"] == "file":
            wanted = _file_image(file, content_of(now))
        else:
            content = _content(survey, file)
            if content is None:
                yield _filling(survey, file)
                continue
            wanted = _file_image(file, content)
        if now["kind"] == "dir":
            raise ClinicalError("Writing", file.path, "it is a folder; nothing was changed")
        if _matches(survey, now, wanted):
            continue
        if not _same_content(now, wanted):
            _require(survey, file)
            survey.changed.add(file.path)
        _keep_original(survey, file.path, now)
        before, after = _file_words(survey, file, now, wanted)
        _note_texts(survey, file, now, wanted)
        yield _step(File(file.path), wanted, before, after, WHY)


def _file_image(file: WantedFile, content: bytes) -> Image:
    owner = file.owner
    return owned_image("file", owner.mode, owner.user, owner.group, content, owner.acl)


def _require(survey: _Survey, file: WantedFile) -> None:
    """Run what has to succeed before a file may change. Raises ClinicalError with its words where it does not."""
    if not file.requires:
        return
    done = survey.host.run(file.requires)
    if done.rc != 0:
        raise ClinicalError("Changing", file.path, f"{done.complaint.rstrip('.')}. Nothing was changed")


def _is_fresh(survey: _Survey, file: WantedFile, now: Image) -> bool:
    """Return whether a generated file is there and needs no successor, nor anything that it was made of."""
    if now["kind"] != "file" or any(argument in survey.changed for argument in file.generate):
        return False
    return not file.fresh or survey.host.run(file.fresh).rc == 0


def _generating(survey: _Survey, file: WantedFile) -> Step:
    survey.changed.add(file.path)
    before = "ends soon" if survey.image(file.path)["kind"] == "file" else "absent"
    return _printed(file, file.generate, before, "generated")


def _printed(file: WantedFile, argv: Sequence[str], before: str, how: str) -> Step:
    """Return the step that fills a file with what a program prints when it comes to that."""
    owner = file.owner
    wanted = generated_image(argv, owner.mode, owner.user, owner.group, owner.acl)
    return _step(GeneratedFile(file.path, file.stdin), wanted, before, f"{how}, {_owner_words(owner)}", WHY)


def _content(survey: _Survey, file: WantedFile) -> bytes | None:
    """Return the wanted bytes, read once; None where what they are made of is yet to come."""
    if file.path not in survey.contents:
        survey.contents[file.path] = _read_content(survey, file)
    return survey.contents[file.path]


def _read_content(survey: _Survey, file: WantedFile) -> bytes | None:
    if file.derive:
        return _derived(survey, file)
    if not file.source:
        return file.content
    if file.source in survey.changed:
        return None
    path = survey.host.resolve(file.source)
    content = survey.host.read(path)
    if content is None and not survey.foretell:
        reason = f"there is no {file.source} on this host; nothing was changed"
        raise ClinicalError("Copying to", file.path, reason, "Put it there first; it is only read.")
    return content


def _derived(survey: _Survey, file: WantedFile) -> bytes | None:
    """Return what the program prints; None where it cannot yet, or this run changes what it reads."""
    if survey.host.which(file.derive[0]) is None or survey.changed.intersection(file.derive):
        return None
    done = survey.host.run(file.derive, stdin=file.stdin)
    return done.out.encode() if done.rc == 0 and done.out else None


def _filling(survey: _Survey, file: WantedFile) -> Step:
    """Return the step that fills a file out of what is not there yet: this run makes it first, or other tasks will."""
    survey.changed.add(file.path)
    before = str(survey.image(file.path)["kind"])
    if file.derive:
        return _printed(file, file.derive, before, "derived")
    return _printed(file, ("/bin/cat", file.source), before, f"a copy of {file.source}")


def _link_steps(survey: _Survey) -> Iterator[Step]:
    for link in survey.configuration.links:
        now, wanted = survey.image(link.path), link_image(link.target)
        if now == wanted:
            continue
        if now["kind"] == "dir":
            raise ClinicalError("Laying the link", link.path, "it is a folder; nothing was changed")
        survey.changed.add(link.path)
        _keep_original(survey, link.path, now)
        yield _step(File(link.path), wanted, str(now.get("target", now["kind"])), link.target, WHY)


def _keep_original(survey: _Survey, path: str, now: Image) -> None:
    """Remember what stood there before the system came, so that removing the system brings it back."""
    if (
        path not in survey.earlier.files
        and now["kind"] != "absent"
        and len(content_of(now)) <= manifests.ORIGINAL_LIMIT
    ):
        survey.originals[path] = now


def _kernel_steps(survey: _Survey) -> Iterator[Step]:
    for key, value in survey.configuration.kernel:
        subject = KernelValue(key)
        now = subject.capture(survey.host)
        if now["value"] is None:
            reason = "this kernel does not have it; nothing was changed"
            raise ClinicalError("Setting the kernel value", key, reason, f"There is no {kernel_path(key)}.")
        if now["value"] != value:
            yield _step(subject, {"value": value}, str(now["value"]), value, WHY)
    if survey.configuration.kernel:
        path, content = sysctl_file(survey.configuration)
        wanted = file_image(content, 0o644)
        if not File(path).matches(survey.image(path), wanted):
            yield _step(File(path), wanted, survey.image(path)["kind"], content.decode(), "for the next boot")


def _matches(survey: _Survey, now: Image, wanted: Image) -> bool:
    """Compare what is there with an owned image; an owner that does not exist yet owns nothing."""
    numbers = {"uid": survey.host.uid(wanted["user"]), "gid": survey.host.gid(wanted["group"])}
    plain = {key: value for key, value in wanted.items() if key not in ("user", "group", "acl")}
    if "acl" in wanted and not has_acl(survey.host, now, wanted["acl"]):
        return False
    return all(now.get(key) == value for key, value in {**plain, **numbers}.items())


def _same_content(now: Image, wanted: Image) -> bool:
    return bool(now["kind"] == "file" and now.get("content") == wanted["content"])


def _file_words(survey: _Survey, file: WantedFile, now: Image, wanted: Image) -> tuple[str, str]:
    """Return what people are shown of a file before and after: by what its content is known, its owner and its mode."""
    before = _meta_words(survey, now)
    after = _owner_words(file.owner)
    if _same_content(now, wanted):
        return before, after
    return f"{_content_words(file, now)} {before}".strip(), f"{_content_words(file, wanted)} {after}"


def _content_words(file: WantedFile, image: Image) -> str:
    if image["kind"] != "file":
        return ""
    return HIDDEN if file.secret else digest(content_of(image))[:SHORT_DIGEST]


def _note_texts(survey: _Survey, file: WantedFile, now: Image, wanted: Image) -> None:
    """Keep the texts of a file for a difference, which alone shows them."""
    if file.secret or _same_content(now, wanted):
        return
    before, after = (content_of(image).decode("utf-8", "replace") for image in (now, wanted))
    survey.texts[journal.key(File(file.path))] = (before, after)


def _owner_words(owner: Owner) -> str:
    return " ".join([f"{owner.user}:{owner.group} {owner.mode:04o}", *(owner.acl or ())])


def _meta_words(survey: _Survey, now: Image) -> str:
    if "mode" not in now:
        return str(now["kind"])
    owner = f"{survey.host.owner_name(now['uid'])}:{survey.host.group_name(now['gid'])} {now['mode']:04o}"
    return " ".join([owner, *acl_of(survey.host, now)])


# --- units ---


def _units(survey: _Survey, units: Mapping[str, Unit]) -> tuple[list[Step], list[Effect], list[str]]:
    """Return the steps of the units, what makes running ones read their files, and which held ones wait for that."""
    steps: list[Step] = []
    effects: list[Effect] = []
    due: list[str] = []
    for wanted in survey.configuration.units:
        if wanted.state == STOPPED:
            continue
        unit = units.get(wanted.name)
        steps += [replace(step, late=True) for step in _switching(wanted, unit)]
        if unit is None or not unit.running:
            continue
        verb = _verb(survey, wanted, unit)
        if verb == "restart" and wanted.held:
            due.append(wanted.name)
        elif verb:
            steps.append(_watched(wanted.name))
            effects.append(Effect(verb, wanted.name))
    return steps, effects, due


def _stopped(survey: _Survey, units: Mapping[str, Unit]) -> list[Step]:
    """Return the steps of units that must not run: they come before anything that a stop needs is taken away."""
    stopped = [wanted for wanted in survey.configuration.units if wanted.state == STOPPED]
    return [step for wanted in stopped for step in _switching(wanted, units.get(wanted.name))]


def _switching(wanted: WantedUnit, unit: Unit | None) -> Iterator[Step]:
    """Yield the steps by which a unit starts at boot or not, and runs or not. Raises ClinicalError for a masked one."""
    present = unit if unit is not None and unit.exists else None
    if present is not None and present.masked and (wanted.enabled or wanted.state == STARTED):
        advice = f"Try: systemctl unmask {wanted.name}"
        raise ClinicalError("Starting", wanted.name, "somebody masked it; nothing was changed", advice)
    enabled = present is not None and present.starts_at_boot
    if wanted.enabled is not None and enabled != wanted.enabled:
        yield _watch_links()
        before = present.enabled if present is not None else "absent"
        after = "enabled" if wanted.enabled else "disabled"
        yield _step(EnabledUnit(wanted.name), {"enabled": wanted.enabled}, before, after, WHY)
    running = present is not None and present.running
    if (wanted.state == STARTED and not running) or (wanted.state == STOPPED and running):
        before = present.active if present is not None else "absent"
        after = "active" if wanted.state == STARTED else "inactive"
        image = {"active": wanted.state == STARTED, "anew": present is None}
        yield _step(OwnUnit(wanted.name), image, before, after, WHY)


def _verb(survey: _Survey, wanted: WantedUnit, unit: Unit) -> str:
    """Return how a running unit has to be notified of files that changed, or are newer than what it has read."""
    restart, reload = reads(survey.configuration, wanted)
    if wanted.table and wanted.table not in survey.tables:
        return "restart"
    for verb, paths in (("restart", restart), ("reload-or-restart", reload)):
        if survey.changed.intersection(paths) or any(changed_since(survey.host, path, unit.since) for path in paths):
            return verb
    return ""


def _leaving_units(survey: _Survey, units: Mapping[str, Unit]) -> Iterator[Step]:
    """Yield the steps that stop what the earlier configuration made run and no system needs now, the last first."""
    known = {unit.name for unit in survey.configuration.units}
    known.update(name for neighbour in survey.neighbours for name in neighbour.units)
    why = "the configuration has it no longer"
    for name in reversed(survey.earlier.units):
        unit = units.get(name)
        if name in known or unit is None or not unit.exists:
            continue
        if unit.running:
            yield _step(OwnUnit(name), {"active": False}, unit.active, "inactive", why)
        if unit.starts_at_boot:
            yield _watch_links()
            yield _step(EnabledUnit(name), {"enabled": False}, unit.enabled, "disabled", why)


def _watched(unit: str) -> Step:
    return _step(OwnUnit(unit), None, "runs with older settings", "has read its settings", WHY)


def _watch_links() -> Step:
    return _step(Tree(ENABLING_FOLDERS), None, "", "", "the links that enabling lays")


# --- what is remembered ---


def _new_manifest(survey: _Survey, packages: Sequence[Group]) -> Manifest:
    configuration, earlier = survey.configuration, survey.earlier
    coming = [name for group in packages for step in group.steps for name in _installed_names(step)]
    files = sorted(_placed(configuration))
    if configuration.kernel:
        files.append(SYSCTL.format(configuration.name))
    originals = {path: image for path, image in earlier.originals.items() if path in files}
    return Manifest(
        name=configuration.name,
        files=tuple(files),
        folders=tuple(_own_folders(survey)),
        data=tuple(folder.path for folder in configuration.folders if folder.data),
        units=tuple(unit.name for unit in configuration.units if unit.enabled or unit.state == STARTED),
        packages=tuple(dict.fromkeys([*earlier.packages, *coming])) if configuration.packages else (),
        accounts=tuple(account.name for account in configuration.accounts),
        originals={**survey.originals, **originals},
        expected=expectations(configuration),
        run_id=survey.run_id,
        configured=stamp_of(survey.host.now()),
    )


def _own_folders(survey: _Survey) -> list[str]:
    """Return the folders that go with the configuration: named ones, and those that were made for what is in them."""
    named = [folder.path for folder in survey.configuration.folders if not folder.data]
    needed = set(_folders(survey.configuration)) - {folder.path for folder in survey.configuration.folders}
    return sorted({*named, *survey.made, *needed.intersection(survey.earlier.folders)})


def _installed_names(step: Step) -> Iterable[str]:
    image = step.wanted or {}
    return [name for name, version in image.get("packages", {}).items() if version is not None]


def _manifest_step(survey: _Survey, new: Manifest) -> Step:
    empty = new == Manifest(new.name)
    wanted = dict(ABSENT) if empty else file_image(manifests.encode(new), 0o600)
    return _step(File(manifests.path_of(new.name)), wanted, "", "", "what belongs to the configuration")


def _remaining(survey: _Survey) -> Iterator[str]:
    """Yield what belonged to the earlier configuration and outlives it."""
    wanted = {folder.path for folder in survey.configuration.folders}
    for path in survey.earlier.data:
        if path not in wanted and survey.image(path)["kind"] != "absent":
            yield path
    for name in survey.earlier.accounts:
        if name not in {account.name for account in survey.configuration.accounts}:
            yield f"account {name}"
    if not survey.configuration.packages:
        yield from (f"package {name}" for name in survey.earlier.packages)


def _step(subject: Any, wanted: Image | None, before: str, after: str, why: str) -> Step:
    return Step(subject=subject, wanted=wanted, before=before, after=after, why=why, controls=())
