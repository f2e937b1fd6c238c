"""Loopback services that speak the real protocols, for rehearsals and tests."""
