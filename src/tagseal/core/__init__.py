"""Rules: bytes in, verdict out; no IO."""
