"""tagseal: push a tag, get a sealed release."""

__version__ = "0.1.0"
