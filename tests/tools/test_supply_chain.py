"""The checks of `make lint` on what is installed find what they are for."""

from tools.supply_chain import unaccepted_licences, vulnerabilities


def package(name, licence):
    return {"Name": name, "Version": "1.0", "License": licence}


def test_a_licence_that_nobody_accepted_is_named():
    packages = [
        package("a", "MIT"),
        package("b", "BSD-3-Clause AND GPL-3.0-only"),
        package("c", "UNKNOWN"),
        package("Unidecode", "GPLv2+"),
        package("d", "AGPL-3.0"),
        package("e", "Proprietary"),
        package("f", "GPL-3.0 OR MIT"),
    ]
    assert [line.split()[0] for line in unaccepted_licences(packages)] == ["b", "c", "d", "e"]


def test_a_vulnerability_is_named_with_the_version_that_mends_it_and_the_unknown_are_counted(
    monkeypatch,
):
    report = {
        "dependencies": [
            {"name": "good", "version": "1", "vulns": []},
            {
                "name": "bad",
                "version": "2",
                "vulns": [
                    {"id": "PYSEC-1", "fix_versions": ["2.1"], "aliases": ["CVE-1"]},
                    {"id": "PYSEC-2", "fix_versions": [], "aliases": ["CVE-2"]},
                ],
            },
            {"name": "stranger", "skip_reason": "not found"},
        ]
    }
    assert vulnerabilities(report) == (
        ["bad 2: PYSEC-1, mended in 2.1", "bad 2: PYSEC-2, mended in no version yet"],
        ["stranger"],
    )
    monkeypatch.setattr("tools.supply_chain.ACCEPTED_VULNERABILITIES", {"CVE-2": "never called"})
    assert vulnerabilities(report)[0] == ["bad 2: PYSEC-1, mended in 2.1"]
