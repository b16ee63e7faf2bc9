"""The version, written once: packaging, the front door and saved files all read it here."""

__version__ = "0.1.0"
