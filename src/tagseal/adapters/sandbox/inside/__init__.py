"""What runs inside every sandbox: standard library only, Python 3.8 or later, sent in as text (see bundle.py)."""
