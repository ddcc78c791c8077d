"""`vctui platforms`: the rules for each kind of device, and a check for files of the user's own."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from vctui.cli.parsing import Parser, add_command, add_group

if TYPE_CHECKING:
    from vctui.config import Settings
    from vctui.ssh import Platform

BUILT_IN = "built in"


def add_commands(commands: argparse._SubParsersAction[Parser]) -> None:
    """Add `vctui platforms`."""
    group = add_group(
        commands,
        "platforms",
        "List, show and check the rules for each kind of device",
        examples="vctui platforms show cisco_ios\nvctui platforms validate my_os.yaml",
    )
    listing = add_command(group, "list", "List the platforms", list_platforms, json=True)
    listing.add_argument(
        "--search", "-s", metavar="TEXT", help="only those with this text in a name or title"
    )
    show = add_command(
        group,
        "show",
        "Print the rules of one platform",
        show_platform,
        examples="vctui platforms show juniper_junos\nvctui platforms show cisco_ios > my_os.yaml",
        json=True,
    )
    show.add_argument("name", metavar="NAME", help="a device type, a platform's slug or another of its names")
    check = add_command(
        group,
        "validate",
        "Check a platform file and say everything that is wrong with it",
        validate_file,
        examples="vctui platforms validate my_os.yaml",
        json=True,
    )
    check.add_argument("file", metavar="FILE", help="a YAML file; docs/platforms.md says what may be in it")


def list_platforms(args: argparse.Namespace) -> int:
    """Print every platform with its other names and where its rules are from."""
    from vctui.cli.home import settings_of
    from vctui.cli.output import narrate, print_json, print_table
    from vctui.ssh import load_platforms

    settings = settings_of(args)
    wanted = (args.search or "").casefold()
    found = [
        platform
        for platform in load_platforms(settings.platforms_dir).distinct()
        if any(wanted in text.casefold() for text in (platform.title, platform.vendor, *platform.names))
    ]
    if args.json:
        print_json([_about(settings, platform) for platform in found])
    elif found:
        print_table(
            ("NAME", "TITLE", "ALSO", "RULES"),
            [(p.name, p.title, p.names[1:], _source(settings, p)) for p in found],
        )
    else:
        narrate("no platform fits")
    return 0


def show_platform(args: argparse.Namespace) -> int:
    """Print all rules of one platform, as a file that may be changed and kept as one's own."""
    import yaml

    from vctui.cli.home import settings_of
    from vctui.cli.output import print_json, print_text
    from vctui.errors import UsageError
    from vctui.ssh import load_platforms, platform_as_file

    settings = settings_of(args)
    platform = load_platforms(settings.platforms_dir).find(args.name)
    if platform is None:
        raise UsageError(
            f"there is no platform {args.name}; its devices are handled by the generic rules",
            "See the platforms with: vctui platforms list",
        )
    rules = platform_as_file(platform)
    if args.json:
        print_json({**_about(settings, platform), **rules})
    else:
        text = yaml.safe_dump(rules, sort_keys=False, width=100, allow_unicode=False)
        print_text(f"# {_source(settings, platform)}\n{text}")
    return 0


def validate_file(args: argparse.Namespace) -> int:
    """Check one file as it would be read from the home's folder; 2 when something in it is wrong."""
    from vctui.cli.home import settings_of
    from vctui.cli.output import narrate, print_json
    from vctui.config import expand
    from vctui.errors import UsageError
    from vctui.ssh import BadPlatformFile, check_file

    path = expand(args.file)
    problems: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    try:
        names = check_file(path, settings_of(args).platforms_dir).names
    except BadPlatformFile as error:
        problems = error.problems
    if args.json:
        print_json({"file": str(path), "names": names, "valid": not problems, "problems": problems})
    else:
        for problem in problems:
            narrate(f"{path}: {problem}")
        if not problems:
            narrate(f"{path}: good rules for {', '.join(names)}")
    return UsageError.exit_code if problems else 0


def _about(settings: Settings, platform: Platform) -> dict[str, Any]:
    return {
        "name": platform.name,
        "title": platform.title,
        "vendor": platform.vendor,
        "names": platform.names,
        "source": _source(settings, platform),
    }


def _source(settings: Settings, platform: Platform) -> str:
    own = platform.file.startswith(str(settings.platforms_dir))
    return platform.file if own else BUILT_IN
