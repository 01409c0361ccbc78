"""Known vulnerabilities and licences of everything that requirements.txt installs:
part of `make lint`.

Where the vulnerability service cannot be reached, the check is skipped with the reason printed: a
machine without the internet can still run the tests. A package the service does not know is named,
not passed over.
"""

import json
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = Path(sys.executable).parent
# id: why it cannot be reached from here, and until when
ACCEPTED_VULNERABILITIES: dict[str, str] = {}
PERMISSIVE = (
    r"MIT|BSD|Apache|ISC|PSF|Python Software Foundation|Zlib|CC0|CNRI|HPND|Unlicense|Public "
    r"Domain|MPL|Mozilla"
)
ACCEPTED_LICENCES = {
    "unidecode": (
        "GPL-2.0-or-later: used as it is, not shipped inside the wheel; who hands out a bundle "
        "hands it out under the GPL"
    ),
    "psycopg": "LGPL-3.0: used as it is, only with the extra postgres",
    "psycopg-binary": "LGPL-3.0: as psycopg",
    "axe-playwright-python": "MIT, told in its repository and not in its package; for tests only",
}


def vulnerabilities(report: dict) -> tuple[list[str], list[str]]:
    """What pip-audit found and nobody accepted, and the packages that it could not judge."""
    found = [
        (
            f"{package['name']} {package['version']}: {known['id']}, mended "
            f"in {', '.join(known['fix_versions']) or 'no version yet'}"
        )
        for package in report["dependencies"]
        for known in package.get("vulns", [])
        if not {known["id"], *known.get("aliases", [])} & ACCEPTED_VULNERABILITIES.keys()
    ]
    return found, [
        package["name"] for package in report["dependencies"] if "skip_reason" in package
    ]


def unaccepted_licences(packages: list[dict]) -> list[str]:
    """Packages under a licence that is neither permissive nor accepted by name;
    each part of a joint licence counts, one of a choice is enough.
    """
    strangers = []
    for package in packages:
        parts = re.split(r"\s+AND\s+|;", package["License"].splitlines()[0])
        permissive = all(
            any(
                re.search(PERMISSIVE, choice) and "GPL" not in choice
                for choice in part.split(" OR ")
            )
            for part in parts
        )
        if not permissive and package["Name"].lower().replace("_", "-") not in ACCEPTED_LICENCES:
            strangers.append(
                f"{package['Name']} {package['Version']}: {package['License'].splitlines()[0]}"
            )
    return strangers


def main() -> int:
    """1 when a package is vulnerable or its licence is not accepted."""
    command = [
        TOOLS / "pip-audit",
        "--no-deps",
        "--disable-pip",
        "--progress-spinner=off",
        "--format=json",
    ]
    for lock in ("requirements.txt", "requirements-spark.txt"):
        command += ["-r", ROOT / lock]
    audit = subprocess.run(command, capture_output=True, text=True, check=False)
    found: list[str] = []
    try:
        found, unknown = vulnerabilities(json.loads(audit.stdout))
    except ValueError:
        print(
            f"pip-audit: skipped, its service does not "
            f"answer ({(audit.stderr.strip().splitlines() or ['no message'])[-1][:160]})"
        )
    else:
        judged = len(json.loads(audit.stdout)["dependencies"]) - len(unknown)
        told = (
            (
                f", not known to the service: "
                f"{', '.join(unknown[:5])}{' …' if len(unknown) > 5 else ''} ({len(unknown)})"
            )
            if unknown
            else ""
        )
        print(f"pip-audit: {judged} packages judged, {len(found)} vulnerabilities{told}")
        if not judged:
            print(
                "pip-audit: nothing was judged: no vulnerability service is reached "
                "from this machine"
            )
    listed = subprocess.run(
        [TOOLS / "pip-licenses", "--format=json", f"--python={sys.executable}"],
        capture_output=True,
        text=True,
        check=True,
    )
    packages = [package for package in json.loads(listed.stdout) if package["Name"] != "carnet"]
    strangers = unaccepted_licences(packages)
    print(
        f"licences: {len(packages)} packages, {len(strangers)} not accepted; "
        f"by name: {', '.join(ACCEPTED_LICENCES)}"
    )
    for line in [*found, *strangers]:
        print(f"  {line}")
    return 1 if found or strangers else 0


if __name__ == "__main__":
    sys.exit(main())
