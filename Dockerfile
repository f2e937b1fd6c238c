# The trusted image: every step but `check`. No scanners, no rehearsal services.
ARG BASE_IMAGE=python:3.13.15-slim-trixie@sha256:7c61056e61ac89e852de05f3dc6fa51a6dd2181797bceed46aa725dd7cb2cd3b
FROM ${BASE_IMAGE}

# git reads the checkout, ssh-keygen and gpgv check signatures, libfaketime shifts the second build's clock.
RUN apt-get update -q \
 && apt-get install -q -y --no-install-recommends git openssh-client gpgv faketime \
 && rm -rf /var/lib/apt/lists/* /var/cache/apt/*

# Dependencies: a layer of their own, every file by hash. The interpreter outside this environment has none of them,
# and that one is what project code gets in a sandbox of this image.
# requirements/build-ca.crt is not in the repository: the tests put a machine's own certificate authorities there.
COPY requirements/release.txt requirements/build-ca.cr[t] /opt/tagseal/requirements/
RUN python3 -m venv /opt/tagseal/venv \
 && if [ -e /opt/tagseal/requirements/build-ca.crt ]; then export PIP_CERT=/opt/tagseal/requirements/build-ca.crt; fi \
 && /opt/tagseal/venv/bin/pip install -q --no-cache-dir --disable-pip-version-check --no-deps --only-binary :all: \
    --require-hashes -r /opt/tagseal/requirements/release.txt \
 && /opt/tagseal/venv/bin/python -c "import site; open(site.getsitepackages()[0] + '/tagseal.pth', 'w').write('/opt/tagseal/src\n')"

COPY src /opt/tagseal/src
COPY entrypoint.py pyproject.toml LICENSE /opt/tagseal/
RUN /opt/tagseal/venv/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/tagseal/src

# No shell: dash would drop inputs whose names have hyphens. -I: PYTHON* variables of earlier steps mean nothing.
ENTRYPOINT ["/opt/tagseal/venv/bin/python", "-I", "/opt/tagseal/entrypoint.py"]
