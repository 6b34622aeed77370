"""When a rule existed, said by somebody else: an RFC 3161 time stamp beside its claim file.

`<claim>.yaml.tsr` is the reply of a time-stamping authority to the sha256 of the claim file. It is
checked by `openssl ts`, without a network, against the certificates in the file that the variable
HARNESS_TIMESTAMP_CA names: whoever checks says whom to believe, never the repository, whose author
could be the authority too.

An OpenTimestamps file (`.ots`) is not counted. Its proof ends in a block of the Bitcoin chain,
which cannot be looked up offline, and a digest that fits proves nothing without it.
"""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

AUTHORITIES = "HARNESS_TIMESTAMP_CA"
"""Variable with the path of the certificates (PEM) that a stamp's signature must lead to."""

_TIMEOUT_S = 30
_TIME = re.compile(r"^Time stamp: (\w{3} +\d+ \d\d:\d\d:\d\d)(?:\.\d+)? (\d{4}) GMT$", re.MULTILINE)


class Stamp(NamedTuple):
    """What a time stamp proves: the time (ISO 8601), or "" and why it proves nothing.

    Both are "" where there is no stamp.
    """

    time: str
    problem: str


def stamp_of(path: Path, content: bytes) -> Stamp:
    """Check the stamp beside a claim file.

    Args:
        path: of the claim file; its stamp is there, whenever it was committed.
        content: the bytes that must have been stamped, the file as it was at some commit.
    """
    reply, problem = _reply(path), uncounted(path)
    if problem or not reply.is_file():
        return Stamp("", problem)
    return _checked(reply.read_bytes(), content, Path(os.environ[AUTHORITIES]), reply.name)


def uncounted(path: Path) -> str:
    """Say why what lies beside a claim file is no stamp to be checked; "" if it is, or none."""
    reply, chain = _reply(path), path.with_name(f"{path.name}.ots")
    if reply.is_file() and not os.environ.get(AUTHORITIES):
        return f"{reply.name} was not checked: {AUTHORITIES} names no certificates"
    if chain.is_file() and not reply.is_file():
        return f"{chain.name} cannot be checked offline, so it counts for nothing"
    return ""


def _reply(path: Path) -> Path:
    return path.with_name(f"{path.name}.tsr")


def _checked(reply: bytes, content: bytes, authorities: Path, name: str) -> Stamp:
    with tempfile.TemporaryDirectory(prefix="stamp-") as held:
        # one copy for both calls, so that what is read is what was verified
        copy = Path(held) / "reply.tsr"
        copy.write_bytes(reply)
        told = _openssl("-reply", "-in", str(copy), "-text")
        found = _TIME.search(told or "")
        if found is None:
            return Stamp("", f"{name} cannot be read as a time stamp by openssl")
        text = f"{' '.join(found[1].split())} {found[2]}"
        time = datetime.strptime(text, "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
        digest = hashlib.sha256(content).hexdigest()
        verified = _openssl(
            *("-verify", "-digest", digest, "-in", str(copy), "-CAfile", str(authorities)),
            # a certificate that has expired since was good when it signed
            *("-attime", str(int(time.timestamp()))),
        )
    if verified is None:
        return Stamp("", f"{name} is no valid stamp of the claim file by {authorities.name}")
    return Stamp(time.isoformat(), "")


def _openssl(*arguments: str) -> str | None:
    try:
        done = subprocess.run(
            ["openssl", "ts", *arguments],
            capture_output=True,
            check=True,
            timeout=_TIMEOUT_S,
            text=True,
            errors="replace",
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout
