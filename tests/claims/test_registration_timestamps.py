"""Time stamps of an authority that the test makes for itself."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import pytest

from harness.claims.registration import Kind
from harness.claims.timestamps import AUTHORITIES, stamp_of
from tests.claims.laboratory import Laboratory

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

SETTINGS = """\
[req]
distinguished_name = name
[name]
[tsa]
default_tsa = authority
[authority]
serial = serial
crypto_device = builtin
default_policy = 1.2.3.4
digests = sha256
signer_digest = sha256
ess_cert_id_alg = sha256
"""


class Authority:
    def __init__(self, folder: Path, name: str) -> None:
        self.folder = folder / name
        self.folder.mkdir()
        (self.folder / "settings").write_text(SETTINGS)
        (self.folder / "serial").write_text("01\n")
        self.openssl(
            *("req", "-x509", "-config", "settings", "-newkey", "rsa:2048", "-nodes"),
            *("-keyout", "key", "-out", "certificate", "-subj", f"/CN={name}", "-days", "2"),
            *("-addext", "extendedKeyUsage=critical,timeStamping"),
        )
        self.certificate = self.folder / "certificate"

    def openssl(self, *words: str) -> None:
        subprocess.run(["openssl", *words], cwd=self.folder, check=True, capture_output=True)

    def stamp(self, path: Path) -> None:
        """Stamp a file as it is now."""
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        self.openssl("ts", "-query", "-digest", digest, "-sha256", "-cert", "-out", "query")
        self.openssl(
            *("ts", "-reply", "-config", "settings", "-queryfile", "query"),
            *("-signer", "certificate", "-inkey", "key", "-out", f"{path}.tsr"),
        )


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("authority"), "invented")


@pytest.fixture
def lab(tmp_path: Path, authority: Authority, monkeypatch: pytest.MonkeyPatch) -> Laboratory:
    monkeypatch.setenv(AUTHORITIES, str(authority.certificate))
    return Laboratory(tmp_path / "checkout")


def test_a_valid_stamp_of_before_the_runs_is_called_so(
    lab: Laboratory, authority: Authority
) -> None:
    authority.stamp(lab.file)
    runs = lab.launch()
    standing = lab.standing(runs)
    assert standing.kind is Kind.TIMESTAMPED
    assert str(standing.kind) == "confirmatory (timestamped)"
    assert standing.date == stamp_of(lab.file, lab.file.read_bytes()).time


def test_a_stamp_of_after_the_runs_adds_nothing(lab: Laboratory, authority: Authority) -> None:
    authority.stamp(lab.file)
    for started in ("2001-01-01T00:00:00+00:00", ""):
        runs = lab.launch().assign(started=started)
        assert lab.standing(runs).kind is Kind.BY_HISTORY


def test_a_stamp_of_another_content_adds_nothing(lab: Laboratory, authority: Authority) -> None:
    runs = lab.launch()
    lab.file.write_text(lab.file.read_text() + "# a comment\n")
    authority.stamp(lab.file)
    assert stamp_of(lab.file, lab.file.read_bytes()).time
    assert "is no valid stamp" in stamp_of(lab.file, b"another content").problem
    assert lab.standing(runs).kind is Kind.BY_HISTORY


def test_a_stamp_by_an_authority_that_is_not_believed_adds_nothing(
    lab: Laboratory, tmp_path: Path
) -> None:
    """The author of a repository can be an authority too; so none of its own is believed."""
    Authority(tmp_path, "stranger").stamp(lab.file)
    assert "is no valid stamp" in stamp_of(lab.file, lab.file.read_bytes()).problem
    assert lab.standing(lab.launch()).kind is Kind.BY_HISTORY


def test_without_certificates_and_for_other_kinds_nothing_is_claimed(
    lab: Laboratory, authority: Authority, monkeypatch: pytest.MonkeyPatch
) -> None:
    reply = Path(f"{lab.file}.tsr")
    reply.write_bytes(b"no reply")
    assert "cannot be read as a time stamp" in stamp_of(lab.file, b"").problem
    authority.stamp(lab.file)
    monkeypatch.delenv(AUTHORITIES)
    assert "was not checked" in stamp_of(lab.file, b"").problem
    assert lab.standing(lab.launch()).kind is Kind.BY_HISTORY
    reply.unlink()
    Path(f"{lab.file}.ots").write_bytes(b"\x00OpenTimestamps")
    assert "counts for nothing" in stamp_of(lab.file, b"").problem
    assert lab.standing(lab.launch()).kind is Kind.BY_HISTORY


def test_a_stamp_does_not_heal_what_is_exploratory(lab: Laboratory, authority: Authority) -> None:
    authority.stamp(lab.file)
    assert lab.standing(lab.launch().assign(dirty="yes")).kind is Kind.EXPLORATORY
