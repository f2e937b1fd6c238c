"""The trusted image's first instruction: forget what earlier steps planted, stop being root, call the CLI."""

import os
import sys
from collections.abc import MutableMapping, Sequence
from pathlib import Path

PLANTED = ("PYTHON", "LD_", "GIT_", "PIP_", "UV_", "SSL_CERT_", "GCONV_", "MALLOC_", "GLIBC_", "OPENSSL_", "GNUPG")
NAMES = {"HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSH_AUTH_SOCK"}


def scrub(environment: MutableMapping[str, str]) -> None:
    """Remove the variables through which a job's earlier steps could change what the steps do."""
    for name in [name for name in environment if name.startswith(PLANTED) or name.upper() in NAMES]:
        del environment[name]


def choose_user(arguments: Sequence[str], workspace: Path) -> None:
    """Become the owner of the workspace, whom git trusts; build and test stay root to start sibling containers."""
    owner = workspace.stat()
    if os.geteuid() == 0 and arguments[:1] not in (["build"], ["test"]):
        os.setgroups([])
        os.setgid(owner.st_gid)  # as root: real, effective and saved
        os.setuid(owner.st_uid)


if __name__ == "__main__":
    scrub(os.environ)
    choose_user(sys.argv[1:], Path(os.environ.get("GITHUB_WORKSPACE", ".")))
    sys.exit(__import__("tagseal.cli", fromlist=["main"]).main())
