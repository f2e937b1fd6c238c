"""Sigstore, as the wiring knows it."""

from __future__ import annotations

from tagseal.adapters.sigstore_sign import KeylessSigner
from tagseal.adapters.sigstore_verify import SigstoreVerifier

__all__ = ["KeylessSigner", "SigstoreVerifier"]
