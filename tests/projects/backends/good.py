"""Builds as it should."""

from good import *
