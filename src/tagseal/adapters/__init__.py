"""One module per outside world; nothing else does IO."""
